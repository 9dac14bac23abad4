"""A file of more than the five columns, from its upload to leads, their search and their list."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import event

from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkDeduplicated
from libs.contracts.leads.events import LeadCreated
from services.api.accepting.acceptor import Acceptor
from services.api.reading.pool import ReadingPool
from services.enroller.handlers import enroll_chunk
from services.enroller.store import Store as EnrollStore
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing.store import ListStore
from tests.support.chunks import new_phones
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline, all_into
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish

pytestmark = pytest.mark.usefixtures("quiet")

HEADER = "Nome,Celular,Empresa,Verba,Desde,Cidade,Obs"
MAPPING = {"Empresa": "company_name", "Verba": "custom:budget", "Desde": "custom:since", "Obs": "notes"}


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(1) as pool:
        yield pool


@pytest.fixture
def accepting(crowd: Postgres, pool: ReadingPool) -> Acceptor:
    return acceptor(crowd, pool)


@pytest_asyncio.fixture
async def list_id(db: Stored, tenant: Tenant) -> UUID:
    """A list of the company, which has two fields of its own."""
    for key, kind in (("budget", "number"), ("since", "date")):
        await db.execute(
            "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by) VALUES (:c, :k, :k, :t, :u)",
            c=tenant.company_id,
            k=key,
            t=kind,
            u=tenant.user_id,
        )
    return await a_list(db, tenant)


async def a_list(db: Stored, tenant: Tenant) -> UUID:
    made = UUID(int=int.from_bytes(unique("list").encode()[-12:]))
    await db.execute(
        "INSERT INTO crm.lead_lists (id, company_id, name, created_by) VALUES (:i, :c, :n, :u)",
        i=made,
        c=tenant.company_id,
        n=unique("list"),
        u=tenant.user_id,
    )
    return made


def csv_of(phones: list[str]) -> bytes:
    lines = [f'Lead {at},{phone},Sol {at},"{at},5",28/11/2026,Santos,' for at, phone in enumerate(phones)]
    lines[-1] = f"Lead,{phones[-1]},,,,,note"
    return "\n".join([HEADER, *lines]).encode() + b"\n"


def wide_data(list_id: UUID | None, **changes: Any) -> dict[str, Any]:
    data: dict[str, Any] = {"columns": "mapped", "mapping": MAPPING}
    return data | ({"list_id": str(list_id)} if list_id else {}) | changes


async def accepted(accepting: Acceptor, db: Stored, wanted: Any) -> ChunkAccepted:
    """Return the one chunk of an upload."""
    answer = await accepting.accept(wanted)
    payload = await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=answer["id"])
    return ChunkAccepted.model_validate_json(payload)


async def stored(db: Stored, tenant: Tenant) -> list[tuple[Any, ...]]:
    leads = sorted(await db.leads(tenant.company_id), key=lambda lead: lead["contact_cellphone"])
    custom = [
        json.loads(lead["custom_fields"]) if isinstance(lead["custom_fields"], str) else lead["custom_fields"]
        for lead in leads
    ]
    return [(lead["company_name"], lead["notes"], held) for lead, held in zip(leads, custom, strict=True)]


EXPECTED = [
    ("Sol 0", None, {"budget": 0.5, "since": "2026-11-28"}),
    ("Sol 1", None, {"budget": 1.5, "since": "2026-11-28"}),
    (None, "note", None),
]


async def test_further_columns_become_the_leads_own_and_a_list_has_them(
    accepting: Acceptor,
    pipeline: Pipeline,
    postgres: Postgres,
    db: Stored,
    tenant: Tenant,
    list_id: UUID,
    tmp_path: Path,
) -> None:
    phones = sorted(new_phones(3))
    chunk = await accepted(accepting, db, wish(tenant, tmp_path, [], content=csv_of(phones), **wide_data(list_id)))
    created = await pipeline.whole(chunk)
    assert await stored(db, tenant) == EXPECTED
    said: list[LeadCreated] = []
    for _ in range(2):
        await enroll_chunk(created, store=EnrollStore(postgres), publish=all_into(said))
    assert await db.value("SELECT lead_count FROM crm.lead_lists WHERE id = :i", i=list_id) == 3
    assert await db.value("SELECT count(*) FROM crm.lead_list_members WHERE list_id = :i", i=list_id) == 3
    (found,) = await ListStore(postgres).page(tenant.company_id, LeadFilter(q="sol 1"), limit=5)
    assert found["lead_id"] in created.live.lead_id


async def test_a_second_run_makes_the_same(
    accepting: Acceptor, pipeline: Pipeline, db: Stored, tenant: Tenant, list_id: UUID, tmp_path: Path
) -> None:
    phones = sorted(new_phones(3))
    chunk = await accepted(accepting, db, wish(tenant, tmp_path, [], content=csv_of(phones), **wide_data(list_id)))
    tagged = await pipeline.tag(await pipeline.dedup(chunk))
    assert tagged is not None
    first, second = await pipeline.create(tagged), await pipeline.create(tagged)
    assert first == second
    assert await stored(db, tenant) == EXPECTED


async def test_what_a_stage_of_before_did_not_pass_on_is_not_lost(
    accepting: Acceptor, pipeline: Pipeline, db: Stored, tenant: Tenant, list_id: UUID, tmp_path: Path
) -> None:
    """Dedup and tagger of the version before read and write the fields that they know."""
    phones = sorted(new_phones(3))
    chunk = await accepted(accepting, db, wish(tenant, tmp_path, [], content=csv_of(phones), **wide_data(list_id)))
    live = chunk.live.model_copy(update={"more": None, "more_cells": None})
    old = ChunkDeduplicated.model_validate(chunk.model_copy(update={"live": live, "list_id": None}).model_dump())
    tagged = await pipeline.tag(old)
    assert tagged is not None
    created = await pipeline.create(tagged)
    assert (created.list_id, len(created.live)) == (list_id, 3)
    assert await stored(db, tenant) == EXPECTED


@contextmanager
def statements(postgres: Postgres) -> Iterator[list[tuple[str, Any]]]:
    """Collect what is sent to the server, and with which values."""
    sent: list[tuple[str, Any]] = []

    def note(_c: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        sent.append((statement, parameters))

    event.listen(postgres.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(postgres.engine.sync_engine, "before_cursor_execute", note)


async def test_an_import_of_the_five_columns_sends_nothing_more(
    accepting: Acceptor,
    pipeline: Pipeline,
    crowd: Postgres,
    db: Stored,
    tenant: Tenant,
    list_id: UUID,
    tmp_path: Path,
) -> None:
    """No message, statement or value says a word of them, from the upload to the search. A file that has some costs one
    statement more where they are looked up, and one where its leads join the list.
    """
    counts = []
    for data in ({}, wide_data(list_id, name=unique("wide"))):
        phones = sorted(new_phones(3))
        content = csv_of(phones) if data else None
        with statements(crowd) as sent:
            chunk = await accepted(accepting, db, wish(tenant, tmp_path, phones, content=content, **data))
            created = await pipeline.whole(chunk)
            await enroll_chunk(created, store=EnrollStore(crowd), publish=all_into([]))
        counts.append(len(sent))
        if not data:
            for word in ("field_definitions", "lead_list", "custom_fields", "job_title"):
                assert [text for text, _ in sent if word in text and "public_id" not in text] == []
            assert "more" not in chunk.model_dump_json() + created.model_dump_json()
            assert "list_id" not in chunk.model_dump_json() + created.model_dump_json()
            inserts = [values for text, values in sent if "INSERT INTO amigocare.amigocare_leads" in text]
            assert [len(values) for values in inserts] == [15]
    five, wide = counts
    assert wide == five + 2


async def test_a_list_that_is_gone_holds_nothing_up(
    accepting: Acceptor,
    pipeline: Pipeline,
    postgres: Postgres,
    db: Stored,
    tenant: Tenant,
    list_id: UUID,
    tmp_path: Path,
) -> None:
    phones = sorted(new_phones(3))
    chunk = await accepted(accepting, db, wish(tenant, tmp_path, [], content=csv_of(phones), **wide_data(list_id)))
    await db.execute("DELETE FROM crm.lead_lists WHERE id = :i", i=list_id)
    created = await pipeline.whole(chunk)
    said: list[LeadCreated] = []
    await enroll_chunk(created, store=EnrollStore(postgres), publish=all_into(said))
    assert len(said) == 3


async def test_fields_and_lists_of_nobody_or_another_company_are_refused(
    accepting: Acceptor, db: Stored, tenant: Tenant, other_tenant: Tenant, list_id: UUID, tmp_path: Path
) -> None:
    theirs = await a_list(db, other_tenant)
    cases = (
        (wide_data(None, mapping={"Verba": "custom:other"}), "data_invalid", "/mapping/Verba"),
        (wide_data(theirs), "list_not_found", None),
        (wide_data(UUID(int=7)), "list_not_found", None),
    )
    for data, code, pointer in cases:
        with pytest.raises(Refused) as refused:
            await accepting.accept(wish(tenant, tmp_path, [], content=csv_of(new_phones(2)), **data))
        assert (refused.value.code, [each.pointer for each in refused.value.errors or ()]) == (
            code,
            [pointer] if pointer else [],
        )
