"""Chat ids are deterministic, and the lead comes first: a replay knows its own, a race has one winner."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkCreated, ChunkTagged, Verdict
from libs.imports.chats import CHATS, chats_of
from services.creator.domain import chat_ids
from services.creator.store import Store
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


class Crash(Exception):
    """The process dies here."""


class DiesBeforeTheChats(Store):
    """A creator that dies between its two stores."""

    async def insert_chats(self, *args: object, now: datetime) -> dict[str, Verdict]:
        raise Crash


class DiesAfterTheChats(Store):
    """A creator that dies between its stores and its message."""

    async def insert_chats(self, *args: object, now: datetime) -> dict[str, Verdict]:
        await super().insert_chats(*args, now=now)  # type: ignore[arg-type]
        raise Crash


class CustomersWriteMeanwhile(Store):
    """A creator that looks for customers' chats just before three of them are opened."""

    async def chats_of_others(self, chunk: ChunkTagged) -> set[int]:
        found = await super().chats_of_others(chunk)
        for phone in chunk.live.phone[:3]:
            await chats_of(self._mongo).insert_one(customers_chat(chunk, phone))
        return found


def customers_chat(chunk: ChunkTagged, phone: str) -> dict[str, Any]:
    return {
        "_id": ObjectId(),
        "company_id": chunk.company_id,
        "account_id": chunk.account_id,
        "lead_id": None,
        "contact_cellphone": phone,
        "contact_cellphone_country_code": "BR",
    }


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkTagged:
    import_id = await insert_import(postgres, tenant, row_counts=[10], name=unique("n"))
    return tagged(accepted_chunk(tenant, import_id, live_rows(new_phones(10))), [[tenant.tag_ids[0]]] * 10)


async def crash(kind: type[Store], pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged) -> None:
    whole = pipeline.creator_store
    pipeline.creator_store = kind(crowd, mongo)
    with pytest.raises(Crash):
        await pipeline.create(chunk)
    pipeline.creator_store = whole


async def test_a_crash_between_lead_and_chat_leaves_no_chat_without_its_lead_and_the_replay_makes_the_chats(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged, db: Stored
) -> None:
    await crash(DiesBeforeTheChats, pipeline, crowd, mongo, chunk)
    leads = await db.leads(chunk.company_id)
    assert len(leads) == 10
    assert await db.chats_of(chunk.company_id) == []
    created = await pipeline.create(chunk)
    assert created.live.lead_id == [lead["id"] for lead in sorted(leads, key=lambda lead: lead["chat_id"])]
    assert created.live.chat_id == chat_ids(chunk)
    assert await db.consistent(chunk.company_id) == 10


async def test_a_crash_between_the_stores_and_the_message_changes_nothing(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged, db: Stored
) -> None:
    await crash(DiesAfterTheChats, pipeline, crowd, mongo, chunk)
    before = await db.leads(chunk.company_id), await db.chats_of(chunk.company_id)
    created = await pipeline.create(chunk)
    assert len(created.live) == 10
    assert (await db.leads(chunk.company_id), await db.chats_of(chunk.company_id)) == before


async def test_the_same_message_twice_at_the_same_time_makes_each_lead_and_chat_once(
    pipeline: Pipeline, chunk: ChunkTagged, db: Stored
) -> None:
    first, *others = await asyncio.gather(*(pipeline.create(chunk) for _ in range(5)))
    assert all(other == first for other in others)
    assert len(first.live) == 10
    assert await db.consistent(chunk.company_id) == 10


async def test_a_chat_that_a_customer_opens_between_dedup_and_creator_settles_the_row_as_existing(
    pipeline: Pipeline, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    theirs = await insert_chat(db, tenant, chunk.live.phone[4])
    created = await pipeline.create(chunk)
    assert {row.row: row.reason for row in created.settled} == {6: "chat_exists"}
    assert len(created.live) == 9
    assert await db.consistent(chunk.company_id) == 9
    (chat,) = [chat for chat in await db.chats_of(chunk.company_id) if chat["_id"] == theirs]
    assert chat["lead_id"] is None, "the customer's chat is not touched"


async def test_a_chat_that_a_customer_opens_after_our_lead_was_made_leaves_the_row_created(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    await crash(DiesBeforeTheChats, pipeline, crowd, mongo, chunk)
    await insert_chat(db, tenant, chunk.live.phone[4])
    created = await pipeline.create(chunk)
    assert (len(created.live), created.settled) == (10, [])
    assert await db.consistent(chunk.company_id) == 10
    assert await pipeline.create(chunk) == created


async def test_a_phone_that_another_import_took_meanwhile_settles_the_row_as_existing(
    pipeline: Pipeline, postgres: Postgres, chunk: ChunkTagged, db: Stored, tenant: Tenant
) -> None:
    other_import = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    await pipeline.create(tagged(accepted_chunk(tenant, other_import, live_rows(chunk.live.phone[:3]))))
    created = await pipeline.create(chunk)
    assert len(created.live) == 7
    assert {row.row for row in created.settled} == {2, 3, 4}
    assert await db.consistent(chunk.company_id) == 10


@pytest.mark.parametrize("order", ["same order", "opposite order", "chunks across"])
async def test_two_imports_of_the_same_200_phones_at_once_make_each_phone_one_lead_with_one_chat(
    order: str, pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    phones = new_phones(200)
    others = phones if order == "same order" else phones[::-1]
    sizes = {"chunks across": 70}.get(order, 50)
    chunks: list[ChunkAccepted] = []
    for numbers, size in ((phones, 50), (others, sizes)):
        parts = [numbers[start : start + size] for start in range(0, 200, size)]
        import_id = await insert_import(postgres, tenant, row_counts=[len(part) for part in parts], name=unique("n"))
        chunks += [
            accepted_chunk(tenant, import_id, live_rows(part, first_row=2 + size * index), chunk_index=index)
            for index, part in enumerate(parts)
        ]
    # All of dedup first: neither import knows of the other's phones yet.
    deduplicated = await asyncio.gather(*(pipeline.dedup(chunk) for chunk in chunks))
    stages = [tagged(ChunkAccepted.model_validate(chunk.model_dump())) for chunk in deduplicated]
    created: list[ChunkCreated] = await asyncio.gather(*(pipeline.create(chunk) for chunk in stages))
    for chunk in created:
        await pipeline.settle(chunk)
    assert await db.consistent(tenant.company_id) == 200
    assert {lead["contact_cellphone"] for lead in await db.leads(tenant.company_id)} == set(phones)
    totals: Counter[str] = Counter()
    for row in await db.rows("SELECT * FROM amigocare.lead_imports WHERE company_id = :c", c=tenant.company_id):
        assert row["status"] == "FINISHED"
        assert row["total_created"] + row["total_existing"] == row["total_rows"] == 200
        totals += Counter({name: row[f"total_{name}"] for name in ("created", "existing", "errors")})
    assert totals == {"created": 200, "existing": 200}


@pytest_asyncio.fixture
async def one_chat_a_phone(mongo: Mongo, tenant: Tenant) -> AsyncIterator[None]:
    """A unique index of the platform's own on the phones of chats."""
    name = await chats_of(mongo).create_index(
        [("company_id", 1), ("account_id", 1), ("contact_cellphone", 1)],
        unique=True,
        partialFilterExpression={"company_id": tenant.company_id},
    )
    yield
    await chats_of(mongo).drop_index(name)


async def test_a_chat_that_the_platforms_unique_index_refuses_settles_its_row_as_existing(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged, db: Stored, one_chat_a_phone: None
) -> None:
    whole = pipeline.creator_store
    pipeline.creator_store = CustomersWriteMeanwhile(crowd, mongo)
    first = await pipeline.create(chunk)
    pipeline.creator_store = whole
    assert {row.row: row.reason for row in first.settled} == dict.fromkeys(chunk.live.row[:3], "chat_exists")
    assert first.live.row == chunk.live.row[3:]
    assert await pipeline.create(chunk) == first
    assert await db.consistent(chunk.company_id) == 7
    assert await db.value("SELECT count(*) FROM amigocare.chat_tags WHERE company_id = :c", c=chunk.company_id) == 7


async def test_a_crash_before_a_refused_chats_lead_is_taken_back_is_made_good_by_the_replay(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, chunk: ChunkTagged, db: Stored, one_chat_a_phone: None
) -> None:
    class DiesWithRefusedChats(CustomersWriteMeanwhile, DiesAfterTheChats):
        pass

    await crash(DiesWithRefusedChats, pipeline, crowd, mongo, chunk)
    assert len(await db.leads(chunk.company_id)) == 10
    created = await pipeline.create(chunk)
    assert {row.row: row.reason for row in created.settled} == dict.fromkeys(chunk.live.row[:3], "chat_exists")
    assert await db.consistent(chunk.company_id) == 7


@pytest_asyncio.fixture
async def validated(mongo: Mongo, chunk: ChunkTagged) -> AsyncIterator[str]:
    """A rule of the platform's own: the name of the chunk's third row is none that it takes."""
    name = chunk.live.name[2]
    database = chats_of(mongo).database
    await database.command("collMod", CHATS, validator={"name": {"$ne": name}})
    yield name
    await database.command("collMod", CHATS, validator={})


async def test_a_chat_that_the_platforms_validator_refuses_is_its_rows_error_and_leaves_no_lead(
    pipeline: Pipeline, chunk: ChunkTagged, db: Stored, validated: str
) -> None:
    first = await pipeline.create(chunk)
    assert {row.row: (row.outcome, row.reason) for row in first.settled} == {
        chunk.live.row[2]: ("error", "chat_refused")
    }
    assert await pipeline.create(chunk) == first
    assert await db.consistent(chunk.company_id) == 9
    assert validated not in {lead["name"] for lead in await db.leads(chunk.company_id)}
