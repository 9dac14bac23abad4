"""Whom dedup knows: leads and chats of the account, patients of the company, in both forms of a mobile."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId

from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.imports.known_phones import KnownPhones, LivePhone
from services.creator.domain import chat_ids
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat, insert_lead, insert_patient
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def chunk(pipeline: Pipeline, postgres: Any, tenant: Tenant) -> ChunkAccepted:
    """A chunk of one new phone."""
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    return accepted_chunk(tenant, import_id, live_rows(new_phones(1)))


async def known(pipeline: Pipeline, chunk: ChunkAccepted) -> KnownPhones:
    return await pipeline.dedup_store.known_phones(chunk)


async def insert_own_chat(db: Stored, tenant: Tenant, chunk: ChunkAccepted, *, row: int = 2) -> None:
    """Insert the chat that the chunk's own import made in an earlier run."""
    (chat_id,) = chat_ids(tagged(chunk.model_copy(update={"live": live_rows([phone_of(chunk)], first_row=row)})))
    await insert_chat(db, tenant, phone_of(chunk), _id=ObjectId(chat_id), import_id=chunk.import_id)


def phone_of(chunk: ChunkAccepted) -> str:
    return chunk.live.phone[0]


async def test_a_phone_that_nobody_has_is_not_known(pipeline: Pipeline, chunk: ChunkAccepted) -> None:
    assert await known(pipeline, chunk) == {}


async def test_no_phones_ask_nothing(pipeline: Pipeline, chunk: ChunkAccepted) -> None:
    nothing = chunk.model_copy(update={"live": live_rows([]), "row_count": 0})
    assert await known(pipeline, nothing) == {}


async def test_a_lead_of_the_account_is_known(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_lead(db, tenant, phone_of(chunk))
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "lead_exists"}


async def test_a_patient_of_the_company_is_known(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_patient(db, tenant, phone_of(chunk))
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "patient_exists"}


async def test_a_chat_of_the_account_is_known(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_chat(db, tenant, phone_of(chunk))
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "chat_exists"}


@pytest.mark.parametrize("holder", ["lead", "patient", "chat"])
async def test_an_old_mobile_is_known_without_its_ninth_digit(
    holder: str, pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    old = phone_of(chunk)[:2] + phone_of(chunk)[3:]
    insert = {"lead": insert_lead, "patient": insert_patient, "chat": insert_chat}[holder]
    await insert(db, tenant, old)
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): f"{holder}_exists"}


@pytest.mark.parametrize(
    "columns",
    [
        {"is_deleted": True},
        {"contact_cellphone_country_code": "PT"},
        {"amigocare_messaging_account_id": "other account"},
        {"company_id": "other company"},
        {"import_id": "own import"},
    ],
    ids=str,
)
async def test_a_lead_that_does_not_count(
    columns: dict[str, Any], pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant, other_tenant: Tenant
) -> None:
    meant = {
        "other account": tenant.other_account_id,
        "other company": other_tenant.company_id,
        "own import": chunk.import_id,
    }
    await insert_lead(db, tenant, phone_of(chunk), **{name: meant.get(value, value) for name, value in columns.items()})
    assert await known(pipeline, chunk) == {}


async def test_a_lead_of_another_import_counts(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant, postgres: Any
) -> None:
    other = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    await insert_lead(db, tenant, phone_of(chunk), import_id=other)
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "lead_exists"}


async def test_patients_that_were_deleted_or_are_another_companys_do_not_count(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant, other_tenant: Tenant
) -> None:
    await insert_patient(db, tenant, phone_of(chunk), deleted_at=datetime.now(UTC))
    await insert_patient(db, other_tenant, phone_of(chunk))
    await insert_patient(db, tenant, phone_of(chunk), contact_cellphone_country_code="PT")
    assert await known(pipeline, chunk) == {}


async def test_chats_of_other_accounts_companies_countries_and_of_the_import_itself_do_not_count(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant, other_tenant: Tenant
) -> None:
    await insert_chat(db, tenant, phone_of(chunk), account_id=tenant.other_account_id)
    await insert_chat(db, tenant, phone_of(chunk), company_id=other_tenant.company_id)
    await insert_chat(db, tenant, phone_of(chunk), contact_cellphone_country_code="PT")
    await insert_own_chat(db, tenant, chunk)
    assert await known(pipeline, chunk) == {}


async def test_a_chat_of_an_earlier_import_that_had_this_ones_id_counts(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    """PostgreSQL was restored and gives ids again, while MongoDB still holds what was made before."""
    earlier = chunk.model_copy(update={"accepted_at": chunk.accepted_at - timedelta(days=1)})
    await insert_own_chat(db, tenant, earlier)
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "chat_exists"}


async def test_a_customers_chat_counts_beside_the_imports_own(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_own_chat(db, tenant, chunk, row=3)
    await insert_chat(db, tenant, phone_of(chunk))
    await insert_own_chat(db, tenant, chunk)
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "chat_exists"}


async def test_of_several_holders_lead_comes_before_patient_before_chat(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await insert_chat(db, tenant, phone_of(chunk))
    await insert_patient(db, tenant, phone_of(chunk))
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "patient_exists"}
    await insert_lead(db, tenant, phone_of(chunk))
    assert await known(pipeline, chunk) == {("BR", phone_of(chunk)): "lead_exists"}


async def test_many_phones_of_several_countries_are_told_apart(
    pipeline: Pipeline, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    numbers = new_phones(300)
    wanted: list[LivePhone] = [("BR" if place % 2 else "PT", number) for place, number in enumerate(numbers)]
    for country, number in wanted[:100]:
        await insert_lead(db, tenant, number, contact_cellphone_country_code=country)
    for country, number in wanted[100:200]:
        await insert_chat(db, tenant, number, contact_cellphone_country_code=country)
    for country, number in wanted[200:]:  # held, but in the other country
        await insert_patient(db, tenant, number, contact_cellphone_country_code="PT" if country == "BR" else "BR")
    live = live_rows(numbers).model_copy(update={"country_code": [country for country, _ in wanted]})
    found = await known(pipeline, chunk.model_copy(update={"live": live, "row_count": len(numbers)}))
    assert found == dict.fromkeys(wanted[:100], "lead_exists") | dict.fromkeys(wanted[100:200], "chat_exists")
