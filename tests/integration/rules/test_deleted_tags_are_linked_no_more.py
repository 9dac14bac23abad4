"""A tag that was deleted while an import ran, by a person or by the clean-up, gets no link; the import says so."""

import asyncio

import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkTagged
from libs.imports.chunk_states import NamedChunk
from services.api.http.store import Scope
from services.api.http.store import Store as Imports
from services.operator.store import Store as Operator
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, deduplicated, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

DELETE = "UPDATE amigocare.tags SET is_deleted = true WHERE id = :tag"


async def an_import(postgres: Postgres, tenant: Tenant, *, tag_ids: list[int], names: list[str]) -> ChunkAccepted:
    """Return the one chunk, of two rows with these tags each, of an import as the api accepts it."""
    import_id = await insert_import(postgres, tenant, row_counts=[2], name=unique("n"))
    chunk = accepted_chunk(tenant, import_id, live_rows(new_phones(2), tags=[names, names]), tag_ids=tag_ids)
    async with postgres.transaction() as connection:
        for tag_id in tag_ids:
            await connection.execute(
                text("INSERT INTO amigocare.lead_import_tags VALUES (:import, :tag, false)"),
                {"import": chunk.import_id, "tag": tag_id},
            )
        await connection.execute(
            text("UPDATE amigocare.lead_import_chunks SET payload = :payload WHERE import_id = :import"),
            {"payload": chunk.model_dump_json().encode(), "import": chunk.import_id},
        )
    return chunk


@pytest_asyncio.fixture
async def chunk(postgres: Postgres, tenant: Tenant) -> ChunkAccepted:
    """Two tags of the request; and one of the rows' own."""
    return await an_import(postgres, tenant, tag_ids=tenant.tag_ids[:2], names=["Feira"])


async def tag(pipeline: Pipeline, chunk: ChunkAccepted) -> ChunkTagged:
    tagged = await pipeline.tag(deduplicated(chunk))
    assert tagged is not None
    return tagged


async def linked(db: Stored, import_id: int) -> list[str]:
    """Return the names of the tags that each of the import's two leads has."""
    rows = await db.rows(
        "SELECT t.name, count(*) AS leads FROM amigocare.chat_tags c JOIN amigocare.tags t ON t.id = c.tag_id"
        " JOIN amigocare.amigocare_leads l ON l.id = c.lead_id WHERE l.import_id = :i GROUP BY t.name ORDER BY t.name",
        i=import_id,
    )
    assert {row["leads"] for row in rows} <= {2}
    return [row["name"] for row in rows]


async def left_out(postgres: Postgres, tenant: Tenant, import_id: int) -> list[int]:
    """Return what the api says of the import."""
    found = await Imports(postgres).get_import(Scope(tenant.company_id, None), import_id)
    assert found is not None
    tags: list[int] = found["tags_left_out"]
    return tags


async def test_tags_that_are_there_are_linked_and_nothing_is_left_out(
    pipeline: Pipeline, postgres: Postgres, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    await pipeline.whole(chunk)
    assert await linked(db, chunk.import_id) == ["Cliente", "Feira", "Parceiro"]
    assert await left_out(postgres, tenant, chunk.import_id) == []


@pytest.mark.parametrize("names", [[], ["Feira"]], ids=["of the request alone", "beside those of rows"])
async def test_a_tag_of_the_request_that_was_deleted_before_the_tagger_looked_is_not_linked(
    names: list[str], pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    chunk = await an_import(postgres, tenant, tag_ids=tenant.tag_ids[:2], names=names)
    await db.execute(DELETE, tag=tenant.tag_ids[0])
    created = await pipeline.whole(chunk)
    assert len(created.live) == 2
    assert await linked(db, chunk.import_id) == sorted([*names, "Parceiro"])
    assert await left_out(postgres, tenant, chunk.import_id) == [tenant.tag_ids[0]]


@pytest.mark.parametrize("whose", ["the request's", "a row's"])
async def test_a_tag_that_was_deleted_before_a_late_creator_comes_is_not_linked(
    whose: str, pipeline: Pipeline, postgres: Postgres, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    tagged = await tag(pipeline, chunk)
    gone = tagged.live.row_tag_ids[0][0 if whose == "the request's" else 2]
    await db.execute(DELETE, tag=gone)
    created = await pipeline.create(tagged)
    assert len(created.live) == 2
    assert await linked(db, chunk.import_id) == (
        ["Feira", "Parceiro"] if whose == "the request's" else ["Cliente", "Parceiro"]
    )
    assert await left_out(postgres, tenant, chunk.import_id) == [gone]
    assert await pipeline.create(tagged) == created, "a second run"


async def test_a_tag_that_the_clean_up_deleted_before_a_replay_is_not_linked_by_it(
    pipeline: Pipeline, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """The tag was made by another import, and is named by this one's request."""
    other = await tag(pipeline, await an_import(postgres, tenant, tag_ids=[], names=["Feira"]))
    (made,) = other.live.row_tag_ids[0]
    await pipeline.dead_letter((other.import_id, 0))
    chunk = await an_import(postgres, tenant, tag_ids=[made, tenant.tag_ids[2]], names=[])
    await db.execute("UPDATE amigocare.tags SET is_deleted = false WHERE id = :tag", tag=made)
    await pipeline.dead_letter((chunk.import_id, 0))
    assert await db.value("SELECT is_deleted FROM amigocare.tags WHERE id = :tag", tag=made), "nothing uses it"
    assert await reopened(postgres, chunk) == [(chunk.import_id, 0)]
    created = await pipeline.whole(chunk)
    assert len(created.live) == 2
    assert await linked(db, chunk.import_id) == ["VIP"]
    assert await left_out(postgres, tenant, chunk.import_id) == [made]


async def reopened(postgres: Postgres, chunk: ChunkAccepted) -> list[tuple[int, int]]:
    return await Operator(postgres).reopen([NamedChunk(chunk.import_id, 0)])


async def test_while_leads_are_linked_nobody_deletes_their_tags(
    pipeline: Pipeline, postgres: Postgres, chunk: ChunkAccepted, db: Stored, tenant: Tenant
) -> None:
    tagged = await tag(pipeline, chunk)
    store, ids = pipeline.creator_store, [f"{row:024x}" for row in tagged.live.row]
    async with store.transaction(tenant.company_id) as leads:
        lead_ids = await leads.insert_leads(tagged, ids, [0, 1], all_new=True)
        await leads.insert_chat_tags(tagged, ids, lead_ids, all_new=True)
        with pytest.raises(DBAPIError, match="lock timeout"):
            async with postgres.transaction() as deleting:
                await deleting.execute(text("SET LOCAL lock_timeout = '200ms'"))
                await deleting.execute(text(DELETE), {"tag": tenant.tag_ids[0]})
    await asyncio.wait_for(db.execute(DELETE, tag=tenant.tag_ids[0]), 5)
