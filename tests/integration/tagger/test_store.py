"""Tags are found or made by name within the company, and held by the import until it ends."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.errors import BadDay, BadMessage
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkDeduplicated
from services.tagger.store import Store
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, deduplicated, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest.fixture
def store(crowd: Postgres) -> Store:
    return Store(crowd)


async def a_chunk(postgres: Postgres, tenant: Tenant) -> ChunkDeduplicated:
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    return deduplicated(accepted_chunk(tenant, import_id, live_rows(new_phones(1))))


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkDeduplicated:
    return await a_chunk(postgres, tenant)


async def find_or_make(store: Store, chunk: ChunkDeduplicated, *names: str) -> dict[str, int]:
    async with store.transaction(chunk.company_id) as tags:
        return dict((await tags.find_or_make(chunk, names)).ids)


async def held(db: Stored, chunk: ChunkDeduplicated) -> dict[int, bool]:
    rows = await db.rows("SELECT * FROM amigocare.lead_import_tags WHERE import_id = :i", i=chunk.import_id)
    return {row["tag_id"]: row["created_here"] for row in rows}


async def tags(db: Stored, tenant: Tenant) -> list[tuple[str, bool]]:
    rows = await db.rows("SELECT name, is_deleted FROM amigocare.tags WHERE company_id = :c", c=tenant.company_id)
    return sorted((row["name"], row["is_deleted"]) for row in rows)


async def test_a_missing_tag_is_made_for_the_company_by_the_imports_creator(
    store: Store, chunk: ChunkDeduplicated, db: Stored, tenant: Tenant
) -> None:
    ids = await find_or_make(store, chunk, "Feira")
    (row,) = await db.rows("SELECT * FROM amigocare.tags WHERE id = :i", i=ids["Feira"])
    assert (row["name"], row["company_id"], row["creator_id"], row["is_deleted"]) == (
        "Feira",
        tenant.company_id,
        tenant.user_id,
        False,
    )
    assert await held(db, chunk) == {ids["Feira"]: True}


async def test_a_tag_that_exists_is_found_whatever_its_case_and_held_as_not_ours(
    store: Store, chunk: ChunkDeduplicated, db: Stored, tenant: Tenant
) -> None:
    before = await tags(db, tenant)
    ids = await find_or_make(store, chunk, "CLIENTE", "vip", "Vip")
    assert ids == {"CLIENTE": tenant.tag_ids[0], "vip": tenant.tag_ids[2], "Vip": tenant.tag_ids[2]}
    assert await held(db, chunk) == {tenant.tag_ids[0]: False, tenant.tag_ids[2]: False}
    assert await tags(db, tenant) == before


async def test_names_that_differ_by_case_only_are_one_tag_also_with_accents(
    store: Store, chunk: ChunkDeduplicated, db: Stored, tenant: Tenant
) -> None:
    ids = await find_or_make(store, chunk, "AÇÃO", "Ação", "ação", "acao")
    assert ids["AÇÃO"] == ids["Ação"] == ids["ação"] != ids["acao"]
    assert len(await tags(db, tenant)) == 5


async def test_a_second_run_finds_what_the_first_made_and_still_calls_it_its_own(
    store: Store, chunk: ChunkDeduplicated, db: Stored
) -> None:
    first = await find_or_make(store, chunk, "Feira", "VIP")
    assert await find_or_make(store, chunk, "Feira", "VIP") == first
    assert (await held(db, chunk))[first["Feira"]] is True


async def test_a_tag_that_was_deleted_is_made_anew(
    store: Store, chunk: ChunkDeduplicated, db: Stored, tenant: Tenant
) -> None:
    await db.execute("UPDATE amigocare.tags SET is_deleted = true WHERE id = :i", i=tenant.tag_ids[2])
    ids = await find_or_make(store, chunk, "VIP")
    assert ids["VIP"] != tenant.tag_ids[2]
    assert await held(db, chunk) == {ids["VIP"]: True}


async def test_another_companys_tag_of_the_same_name_is_another_tag(
    store: Store, chunk: ChunkDeduplicated, postgres: Postgres, other_tenant: Tenant
) -> None:
    ids = await find_or_make(store, chunk, "Feira", "VIP")
    others = await find_or_make(store, await a_chunk(postgres, other_tenant), "Feira", "VIP")
    assert not set(ids.values()) & set(others.values())


async def test_no_names_make_and_hold_nothing(store: Store, chunk: ChunkDeduplicated, db: Stored) -> None:
    assert await find_or_make(store, chunk) == {}
    assert await held(db, chunk) == {}


async def test_the_longest_name_fits(store: Store, chunk: ChunkDeduplicated) -> None:
    assert len(await find_or_make(store, chunk, "ç" * 255)) == 1


async def test_the_same_new_name_from_ten_chunks_at_once_is_one_tag(
    store: Store, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunks = [await a_chunk(postgres, tenant) for _ in range(10)]
    names = [f"Feira {number}" for number in range(20)]
    found = await asyncio.gather(
        *(find_or_make(store, chunk, *(names if place % 2 else names[::-1])) for place, chunk in enumerate(chunks))
    )
    assert all(ids == found[0] for ids in found)
    assert len(await tags(db, tenant)) == 3 + 20
    makers = [sum((await held(db, chunk)).values()) for chunk in chunks]
    assert sum(makers) == 20, "each tag was made by exactly one import"


async def test_a_tag_that_is_deleted_this_very_moment_is_a_bad_day_and_then_made_anew(
    store: Store, chunk: ChunkDeduplicated, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    async with postgres.transaction() as deleting:
        await deleting.execute(
            text("UPDATE amigocare.tags SET is_deleted = true WHERE id = :i"), {"i": tenant.tag_ids[2]}
        )
        finding = asyncio.create_task(find_or_make(store, chunk, "VIP"))
        await asyncio.sleep(0.3)  # time enough to find a tag that nobody holds
        assert not finding.done(), "it waits for the other transaction"
    try:
        ids = await finding
    except BadDay:
        ids = await find_or_make(store, chunk, "VIP")
    assert ids["VIP"] != tenant.tag_ids[2]


@pytest.mark.parametrize(
    ("columns", "settled"),
    [
        ({}, False),
        ({"sent_at": "now()"}, False),
        ({"settled_at": "now()"}, True),
        ({"settled_at": "now()", "dead_lettered": "true"}, True),
    ],
    ids=["waiting", "sent", "settled", "dead-lettered"],
)
async def test_a_chunk_is_settled_when_it_ended_well_or_badly(
    store: Store, chunk: ChunkDeduplicated, db: Stored, columns: dict[str, Any], settled: bool
) -> None:
    for column, value in columns.items():
        await db.execute(
            f"UPDATE amigocare.lead_import_chunks SET {column} = {value} WHERE import_id = :i", i=chunk.import_id
        )
    async with store.transaction(chunk.company_id) as transaction:
        assert (await transaction.hold(chunk)).settled is settled


@pytest.mark.parametrize("changed", [{"import_id": 2**31 - 1}, {"chunk_index": 99}], ids=["import", "chunk"])
async def test_a_chunk_that_does_not_exist_is_a_bad_message(
    store: Store, chunk: ChunkDeduplicated, changed: dict[str, int]
) -> None:
    stranger = chunk.model_copy(update=changed)
    with pytest.raises(BadMessage):
        async with store.transaction(chunk.company_id) as transaction:
            await transaction.hold(stranger)


async def test_while_tags_are_found_or_made_the_chunk_cannot_be_settled(
    store: Store, chunk: ChunkDeduplicated, postgres: Postgres
) -> None:
    """Nor its import end, which comes after its last chunk."""
    settle = text("UPDATE amigocare.lead_import_chunks SET settled_at = now() WHERE import_id = :i")
    async with store.transaction(chunk.company_id) as transaction:
        assert not (await transaction.hold(chunk)).settled
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with postgres.transaction() as settling:
                await settling.execute(text("SET LOCAL lock_timeout = '200ms'"))
                await settling.execute(settle, {"i": chunk.import_id})
    async with postgres.transaction() as settling:
        await settling.execute(settle, {"i": chunk.import_id})
