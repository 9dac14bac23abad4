"""Leads, chat_tags and chats: what is inserted, what a second run makes of it, whom a phone belongs to."""

from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkTagged
from services.creator.domain import CHAT_REFUSED, chat_ids
from services.creator.store import LeadStore, NotAllNew, Store
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat, insert_lead
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

NOW = datetime(2026, 11, 23, 12, 0, 0, 123000, tzinfo=UTC)


OTHER_LEADS_OF_THE_IMPORT = text(
    """
    INSERT INTO amigocare.amigocare_leads
        (name, contact_cellphone, contact_cellphone_dial_code, contact_cellphone_country_code, chat_id, source_id,
         channel_id, import_id, company_id, amigocare_messaging_account_id, creator_id)
    SELECT name, 34900000000 + n, contact_cellphone_dial_code, contact_cellphone_country_code,
           left(md5(chat_id || n), 24), source_id, channel_id, import_id, company_id,
           amigocare_messaging_account_id, creator_id
    FROM amigocare.amigocare_leads CROSS JOIN generate_series(1, 3000) AS n WHERE id = :id
    """
)
LEADS_READ = text(
    "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables"
    " WHERE schemaname = 'amigocare' AND relname = 'amigocare_leads'"
)
"""... by this transaction, so far."""


@pytest.fixture
def store(pipeline: Pipeline) -> Store:
    return pipeline.creator_store


async def a_chunk(postgres: Postgres, tenant: Tenant, phones: list[str], **columns: Any) -> ChunkTagged:
    import_id = await insert_import(postgres, tenant, row_counts=[len(phones)], name=unique("n"))
    live = live_rows(phones).model_copy(update=columns)
    return tagged(accepted_chunk(tenant, import_id, live), [list(tenant.tag_ids) for _ in phones])


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkTagged:
    """Three new phones, each with the tenant's three tags."""
    return await a_chunk(postgres, tenant, new_phones(3))


async def insert_leads(store: Store, chunk: ChunkTagged, indexes: list[int] | None = None) -> dict[str, int]:
    async with store.transaction(chunk.company_id) as leads:
        return await leads.insert_leads(
            chunk, chat_ids(chunk), list(range(len(chunk.live))) if indexes is None else indexes
        )


async def insert_chat_tags(store: Store, chunk: ChunkTagged, lead_ids: dict[str, int]) -> None:
    async with store.transaction(chunk.company_id) as leads:
        await leads.insert_chat_tags(chunk, chat_ids(chunk), lead_ids)


async def test_a_lead_has_every_column_of_its_row(store: Store, postgres: Postgres, db: Stored, tenant: Tenant) -> None:
    (phone,) = new_phones(1)
    chunk = await a_chunk(postgres, tenant, [phone], name=["Ação"], email=["a@b.com"], cpf=["52998224725"])
    lead_ids = await insert_leads(store, chunk)
    (lead,) = await db.leads(tenant.company_id)
    expected = {
        "id": lead_ids[chat_ids(chunk)[0]],
        "name": "Ação",
        "email": "a@b.com",
        "cpf": "52998224725",
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "chat_id": chat_ids(chunk)[0],
        "source_id": tenant.source_id,
        "channel": "IMPORT",
        "import_id": chunk.import_id,
        "company_id": tenant.company_id,
        "amigocare_messaging_account_id": tenant.account_id,
        "creator_id": tenant.user_id,
        "is_deleted": False,
        "patient_id": None,
        "attendance_id": None,
        "converted_by": None,
        "converted_at": None,
        "converted_from": None,
    }
    assert {name: lead[name] for name in expected} == expected


async def test_only_the_rows_that_are_asked_for_become_leads(store: Store, chunk: ChunkTagged) -> None:
    ids = chat_ids(chunk)
    assert set(await insert_leads(store, chunk, [0, 2])) == {ids[0], ids[2]}
    assert await insert_leads(store, chunk, []) == {}


async def test_leads_and_tags_that_are_all_new_are_inserted_without_looking_for_conflicts(
    store: Store, chunk: ChunkTagged, db: Stored
) -> None:
    ids = chat_ids(chunk)
    async with store.transaction(chunk.company_id) as leads:
        made = await leads.insert_leads(chunk, ids, [0, 1, 2], all_new=True)
        await leads.insert_chat_tags(chunk, ids, made, all_new=True)
    assert set(made) == set(ids)
    assert await insert_leads(store, chunk) == made


@pytest.mark.parametrize("known", ["a lead of the first run", "a phone of another lead", "a link of the first run"])
async def test_what_is_not_all_new_is_told_and_leaves_nothing_behind(
    known: str, store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    ids = chat_ids(chunk)
    if known == "a phone of another lead":
        await insert_lead(db, tenant, chunk.live.phone[2])
    else:
        made = await insert_leads(store, chunk, [0])
        await insert_chat_tags(store, chunk, made)
    before = len(await db.leads(chunk.company_id))
    with pytest.raises(NotAllNew):
        async with store.transaction(chunk.company_id) as leads:
            if known == "a link of the first run":
                made |= await leads.insert_leads(chunk, ids, [1, 2], all_new=True)
                await leads.insert_chat_tags(chunk, ids, made, all_new=True)
            else:
                await leads.insert_leads(chunk, ids, [0, 1, 2], all_new=True)
    assert len(await db.leads(chunk.company_id)) == before


async def test_a_second_run_answers_the_leads_of_the_first(store: Store, chunk: ChunkTagged, db: Stored) -> None:
    first = await insert_leads(store, chunk)
    assert await insert_leads(store, chunk) == first
    assert len(await db.leads(chunk.company_id)) == 3


async def test_a_lead_of_the_first_run_is_recognised_though_a_user_deleted_it_since(
    store: Store, chunk: ChunkTagged, db: Stored
) -> None:
    first = await insert_leads(store, chunk)
    await db.execute("UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE import_id = :i", i=chunk.import_id)
    assert await insert_leads(store, chunk) == first
    assert await db.leads(chunk.company_id) == []


async def test_a_phone_that_another_lead_has_is_missing_from_the_answer(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    await insert_lead(db, tenant, chunk.live.phone[1])
    ids = chat_ids(chunk)
    assert set(await insert_leads(store, chunk)) == {ids[0], ids[2]}


@pytest.mark.parametrize("place", ["deleted", "other account", "other country"])
async def test_a_lead_elsewhere_leaves_the_phone_free(
    place: str, store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    elsewhere: dict[str, dict[str, Any]] = {
        "deleted": {"is_deleted": True},
        "other account": {"amigocare_messaging_account_id": tenant.other_account_id},
        "other country": {"contact_cellphone_country_code": "PT"},
    }
    columns = elsewhere[place]
    await insert_lead(db, tenant, chunk.live.phone[0], **columns)
    assert len(await insert_leads(store, chunk)) == 3


async def test_leads_of_chats_are_those_of_the_import_only(
    store: Store, chunk: ChunkTagged, postgres: Postgres, tenant: Tenant
) -> None:
    made = await insert_leads(store, chunk)
    other = await a_chunk(postgres, tenant, new_phones(1))
    async with store.transaction(chunk.company_id) as leads:
        assert await leads.leads_of_chats(chunk, [*chat_ids(chunk), "0" * 24]) == made
        assert await leads.leads_of_chats(other, chat_ids(chunk)) == {}
        assert await leads.leads_of_chats(chunk, []) == {}


async def test_own_leads_are_found_without_reading_the_whole_import(
    store: Store, chunk: ChunkTagged, postgres: Postgres, tenant: Tenant
) -> None:
    made = await insert_leads(store, chunk)
    async with postgres.transaction(company_id=tenant.company_id) as connection:
        await connection.execute(OTHER_LEADS_OF_THE_IMPORT, {"id": min(made.values())})
        before = (await connection.execute(LEADS_READ)).scalar_one()
        assert await LeadStore(connection).leads_of_chats(chunk, chat_ids(chunk)) == made
        assert (await connection.execute(LEADS_READ)).scalar_one() - before == len(made)


async def test_every_lead_is_linked_to_its_tags_once(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    lead_ids = await insert_leads(store, chunk)
    for _ in range(2):
        await insert_chat_tags(store, chunk, lead_ids)
    links = await db.rows("SELECT * FROM amigocare.chat_tags WHERE company_id = :c", c=tenant.company_id)
    assert sorted((link["chat_id"], link["tag_id"], link["lead_id"]) for link in links) == sorted(
        (chat_id, tag_id, lead_id) for chat_id, lead_id in lead_ids.items() for tag_id in tenant.tag_ids
    )
    assert {(link["creator_id"], link["is_deleted"]) for link in links} == {(tenant.user_id, False)}


async def test_without_leads_or_tags_nothing_is_linked(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    await insert_chat_tags(store, chunk, {})
    bare = chunk.model_copy(update={"live": chunk.live.model_copy(update={"row_tag_ids": [[], [], []]})})
    await insert_chat_tags(store, bare, await insert_leads(store, bare))
    assert await db.value("SELECT count(*) FROM amigocare.chat_tags WHERE company_id = :c", c=tenant.company_id) == 0


async def test_a_transaction_is_its_companys_alone(
    store: Store, chunk: ChunkTagged, db: Stored, other_tenant: Tenant
) -> None:
    """Row-level security: what a mistaken statement would write for another company is written nowhere."""
    stranger = chunk.model_copy(update={"company_id": other_tenant.company_id})
    async with store.transaction(chunk.company_id) as leads:
        lead_ids = await leads.insert_leads(chunk, chat_ids(chunk), [0])
        await leads.insert_chat_tags(stranger, chat_ids(chunk), lead_ids)
    assert await db.value("SELECT count(*) FROM amigocare.chat_tags WHERE company_id = :c", c=stranger.company_id) == 0


async def test_a_chat_names_its_lead_and_a_second_run_leaves_it_as_it_is(
    store: Store, chunk: ChunkTagged, db: Stored
) -> None:
    ids = chat_ids(chunk)
    lead_ids = {ids[0]: 11, ids[2]: 13}
    await store.insert_chats(chunk, ids, lead_ids, now=NOW)
    await db.chats.update_one({"_id": ObjectId(ids[0])}, {"$set": {"name": "renamed by a user"}})
    await store.insert_chats(chunk, ids, lead_ids | {ids[1]: 12}, now=NOW)
    chats = {str(chat["_id"]): chat for chat in await db.chats_of(chunk.company_id)}
    assert {chat_id: chat["lead_id"] for chat_id, chat in chats.items()} == {ids[0]: 11, ids[1]: 12, ids[2]: 13}
    assert chats[ids[0]]["name"] == "renamed by a user"
    assert chats[ids[1]] == {
        "_id": ObjectId(ids[1]),
        "company_id": chunk.company_id,
        "account_id": chunk.account_id,
        "lead_id": 12,
        "import_id": chunk.import_id,
        "name": chunk.live.name[1],
        "contact_cellphone": chunk.live.phone[1],
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "created_at": NOW,
        "updated_at": NOW,
    }


async def test_no_leads_make_no_chats(store: Store, chunk: ChunkTagged, db: Stored) -> None:
    await store.insert_chats(chunk, chat_ids(chunk), {}, now=NOW)
    assert await db.chats_of(chunk.company_id) == []


async def test_a_refusal_of_mongodb_that_is_no_repeat_is_its_rows_alone(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    """A unique index of the platform's own that is not on phones, say: all the other chats are made."""
    name = await db.chats.create_index(
        "lead_id", unique=True, partialFilterExpression={"company_id": tenant.company_id}
    )
    try:
        ids = chat_ids(chunk)
        refused = await store.insert_chats(chunk, ids, dict.fromkeys(ids, 11), now=NOW)
    finally:
        await db.chats.drop_index(name)
    (made,) = await db.chats_of(tenant.company_id)
    assert refused == dict.fromkeys(set(ids) - {str(made["_id"])}, CHAT_REFUSED)


@pytest.mark.parametrize("form", ["new", "old"])
async def test_a_customers_chat_is_somebody_elses_in_both_forms_of_the_phone(
    form: str, store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    phone = chunk.live.phone[1]
    await insert_chat(db, tenant, phone if form == "new" else phone[:2] + phone[3:])
    assert await store.chats_of_others(chunk) == {1}


async def test_chats_that_do_not_count_as_somebody_elses(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant, other_tenant: Tenant
) -> None:
    phone = chunk.live.phone[1]
    await insert_chat(db, tenant, phone, _id=ObjectId(chat_ids(chunk)[1]), import_id=chunk.import_id)
    await insert_chat(db, tenant, phone, account_id=tenant.other_account_id)
    await insert_chat(db, other_tenant, phone)
    await insert_chat(db, tenant, phone, contact_cellphone_country_code="PT")
    assert await store.chats_of_others(chunk) == set()


async def test_a_chat_of_another_import_is_somebody_elses(
    store: Store, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    await insert_chat(db, tenant, chunk.live.phone[2], import_id=chunk.import_id + 1)
    assert await store.chats_of_others(chunk) == {2}


async def test_rows_of_several_countries_are_looked_up_each_in_its_own(
    store: Store, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    (phone, other) = new_phones(2)
    chunk = await a_chunk(postgres, tenant, [phone, phone, other], country_code=["BR", "PT", "BR"])
    await insert_chat(db, tenant, phone, contact_cellphone_country_code="PT")
    assert await store.chats_of_others(chunk) == {1}
