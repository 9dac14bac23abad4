"""A dead-lettered chunk ends its import all the same; a replay replaces what it settled, with the next revision."""

from typing import Any

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.internal.messages import ChunkAccepted, Outcome
from libs.imports.chunk_states import NamedChunk
from services.operator.store import Store as Operator
from tests.support.chunks import new_phones, settled_row
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def chunks(postgres: Postgres, tenant: Tenant, db: Stored) -> list[ChunkAccepted]:
    """Two chunks of five rows: three live, one repeated in the file, one invalid."""
    import_id = await insert_import(postgres, tenant, row_counts=[5, 5], name=unique("n"))
    made = []
    for index in (0, 1):
        first = 2 + 5 * index
        settled = [settled_row(first + 3, Outcome.EXISTING, "in_file"), settled_row(first + 4)]
        live = live_rows(new_phones(3), first_row=first)
        made.append(accepted_chunk(tenant, import_id, live, chunk_index=index, settled=settled))
        await db.execute(
            "UPDATE amigocare.lead_import_chunks SET payload = :p, sent_at = now()"
            " WHERE import_id = :i AND chunk_index = :c",
            p=made[index].model_dump_json().encode(),
            i=import_id,
            c=index,
        )
    return made


async def import_of(db: Stored, chunk: ChunkAccepted) -> dict[str, Any]:
    (row,) = await db.rows(
        "SELECT status, failure_reason, revision, total_created, total_existing, total_errors"
        " FROM amigocare.lead_imports WHERE id = :i",
        i=chunk.import_id,
    )
    return row


async def reasons(db: Stored, chunk: ChunkAccepted) -> dict[int, str]:
    rows = await db.rows("SELECT * FROM amigocare.lead_import_rows WHERE import_id = :i", i=chunk.import_id)
    return {row["row_number"]: row["reason"] for row in rows}


async def events(db: Stored, chunk: ChunkAccepted) -> list[tuple[ImportFinished, str]]:
    rows = await db.rows("SELECT * FROM amigocare.outbox WHERE key = :k ORDER BY id", k=str(chunk.import_id))
    return [(ImportFinished.model_validate_json(bytes(row["payload"])), row["headers"]["ce_id"]) for row in rows]


async def test_its_import_fails_with_a_reason_and_its_live_rows_are_errors(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, second = chunks
    await pipeline.whole(first)
    await pipeline.dead_letter((second.import_id, 1))
    assert await import_of(db, first) == {
        "status": "FAILED",
        "failure_reason": "chunk_dead_lettered",
        "revision": 1,
        "total_created": 3,
        "total_existing": 2,
        "total_errors": 5,
    }
    lost = dict.fromkeys(second.live.row, "chunk_dead_lettered")
    assert await reasons(db, first) == {5: "in_file", 6: "phone_invalid", 10: "in_file", 11: "phone_invalid"} | lost
    ((event, _),) = await events(db, first)
    assert (event.status, event.failure_reason, event.total_errors) == ("FAILED", "chunk_dead_lettered", 5)


async def test_the_lost_rows_keep_their_cells_for_the_report(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, _ = chunks
    await pipeline.dead_letter((first.import_id, 0))
    rows = await db.rows(
        "SELECT * FROM amigocare.lead_import_rows WHERE import_id = :i ORDER BY row_number", i=first.import_id
    )
    assert [row["cells"] for row in rows[:3]] == [first.live.original_cells(index) for index in range(3)]


async def test_the_other_chunks_go_on_and_end_the_import(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, second = chunks
    await pipeline.dead_letter((first.import_id, 0))
    assert (await import_of(db, first))["status"] == "PROCESSING"
    assert await events(db, first) == []
    await pipeline.whole(second)
    assert (await import_of(db, first))["status"] == "FAILED"


async def test_the_same_dead_letter_again_changes_nothing(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, second = chunks
    for _ in range(2):
        await pipeline.dead_letter((first.import_id, 0))
        await pipeline.dead_letter((second.import_id, 1))
    assert (await import_of(db, first))["revision"] == 1
    assert len(await events(db, first)) == 1


async def test_a_dead_letter_after_the_chunk_ended_well_changes_nothing(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    for chunk in chunks:
        await pipeline.whole(chunk)
    await pipeline.dead_letter((chunks[0].import_id, 0))
    assert (await import_of(db, chunks[0]))["status"] == "FINISHED"
    assert len(await events(db, chunks[0])) == 1


async def test_a_later_success_replaces_it_and_is_announced_as_the_next_revision_with_another_id(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, second = chunks
    created = await pipeline.until_created(second)
    await pipeline.whole(first)
    await pipeline.dead_letter((second.import_id, 1))
    await pipeline.settle(created)
    assert await import_of(db, first) == {
        "status": "FINISHED",
        "failure_reason": None,
        "revision": 2,
        "total_created": 6,
        "total_existing": 2,
        "total_errors": 2,
    }
    assert set((await reasons(db, first)).values()) == {"in_file", "phone_invalid"}
    (failed, failed_id), (ended, ended_id) = await events(db, first)
    assert (failed.revision, ended.revision) == (1, 2)
    assert ended.status == "FINISHED"
    assert failed_id != ended_id


async def test_a_replay_by_the_people_on_call_goes_through_all_stages_and_twice_does_no_harm(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored, postgres: Postgres
) -> None:
    first, second = chunks
    await pipeline.whole(first)
    await pipeline.dead_letter((second.import_id, 1))
    operator = Operator(postgres)
    assert await operator.reopen([NamedChunk(second.import_id, 1)]) == [(second.import_id, 1)]
    assert await operator.reopen([NamedChunk(second.import_id, 1), NamedChunk(first.import_id, 0)]) == []
    assert (await import_of(db, first))["status"] == "PROCESSING"
    created = await pipeline.until_created(second)
    for _ in range(2):
        await pipeline.settle(created)
    found = await import_of(db, first)
    assert (found["status"], found["revision"], found["total_created"]) == ("FINISHED", 2, 6)
    assert [event.revision for event, _ in await events(db, first)] == [1, 2]
    assert await db.consistent(first.company_id) == 6


async def test_leads_that_were_made_before_the_dead_letter_are_found_by_the_replay(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored, postgres: Postgres
) -> None:
    """The creator made the leads, and its message was lost to the dead letter."""
    first, second = chunks
    await pipeline.whole(first)
    before = await pipeline.until_created(second)
    await pipeline.dead_letter((second.import_id, 1))
    assert (await import_of(db, first))["total_created"] == 3
    await Operator(postgres).reopen([NamedChunk(second.import_id, 1)])
    assert await pipeline.until_created(second) == before
    await pipeline.settle(before)
    assert (await import_of(db, first))["total_created"] == 6
    assert await db.consistent(first.company_id) == 6


async def test_a_chunk_whose_payload_cannot_be_read_still_accounts_for_every_row(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored
) -> None:
    first, second = chunks
    await db.execute("UPDATE amigocare.lead_import_chunks SET payload = 'x' WHERE import_id = :i", i=first.import_id)
    for chunk in chunks:
        await pipeline.dead_letter((chunk.import_id, chunk.chunk_index))
    found = await import_of(db, first)
    assert (found["status"], found["total_errors"]) == ("FAILED", 10)
    assert second.row_count == 5


@pytest.mark.parametrize("letter", [None, (2**31 - 1, 0), "unknown chunk"], ids=str)
async def test_a_strangers_letter_settles_nothing(
    pipeline: Pipeline, chunks: list[ChunkAccepted], db: Stored, letter: tuple[int, int] | str | None
) -> None:
    place = (chunks[0].import_id, 99) if isinstance(letter, str) else letter
    await pipeline.dead_letter(place)
    assert (await import_of(db, chunks[0]))["status"] == "PROCESSING"
    assert await reasons(db, chunks[0]) == {}
