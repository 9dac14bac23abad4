"""An import ends once with the right totals, however often and however simultaneously chunks come."""

import asyncio
import random
from contextlib import suppress
from typing import Any

import pytest

from libs.common.errors import BadMessage
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkCreated, Outcome
from libs.imports.chunk_states import Totals
from services.finalizer.store import ImportStore
from tests.support.chunks import created_like, new_phones, settled_row
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored


async def an_import(postgres: Postgres, tenant: Tenant, chunks: int) -> list[ChunkCreated]:
    """Return the last messages of an import's chunks: each 3 created, 1 existing and 1 error."""
    import_id = await insert_import(postgres, tenant, row_counts=[5] * chunks, name=unique("n"))
    messages = []
    for index in range(chunks):
        first = 2 + 5 * index
        settled = [settled_row(first + 3, Outcome.EXISTING, "in_file"), settled_row(first + 4)]
        live = live_rows(new_phones(3), first_row=first)
        chunk = accepted_chunk(tenant, import_id, live, chunk_index=index, settled=settled)
        messages.append(created_like(tagged(chunk)))
    return messages


async def import_of(db: Stored, import_id: int) -> dict[str, Any]:
    return (await db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=import_id))[0]


async def finished_events(db: Stored, import_id: int) -> list[ImportFinished]:
    rows = await db.rows("SELECT payload FROM amigocare.outbox WHERE key = :k ORDER BY id", k=str(import_id))
    return [ImportFinished.model_validate_json(bytes(row["payload"])) for row in rows]


async def ended_once(db: Stored, import_id: int, chunks: int) -> None:
    """Check totals, rows and the one event of an import that has ended."""
    ended = await import_of(db, import_id)
    totals = {"total_created": 3 * chunks, "total_existing": chunks, "total_errors": chunks}
    assert {name: ended[name] for name in totals} == totals
    assert (ended["status"], ended["revision"]) == ("FINISHED", 1)
    (event,) = await finished_events(db, import_id)
    assert {name: getattr(event, name) for name in totals} == totals
    rows = await db.value("SELECT count(*) FROM amigocare.lead_import_rows WHERE import_id = :i", i=import_id)
    assert rows == 2 * chunks


async def test_any_number_of_repeats_of_created_chunks_is_one_finished_event_with_the_right_totals(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    messages = await an_import(postgres, tenant, 3)
    deliveries = messages * 4
    random.Random(3).shuffle(deliveries)
    for message in deliveries:
        await pipeline.settle(message)
    await ended_once(db, messages[0].import_id, 3)


async def test_the_import_is_in_progress_until_its_last_chunk(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    first, second = await an_import(postgres, tenant, 2)
    for _ in range(3):
        await pipeline.settle(first)
        assert (await import_of(db, first.import_id))["status"] == "PROCESSING"
        assert await finished_events(db, first.import_id) == []
    await pipeline.settle(second)
    await ended_once(db, first.import_id, 2)


async def test_the_last_two_chunks_settled_at_the_same_time_end_the_import_once(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each has settled its own chunk, and counts before the other has committed: without the lock none would end it."""
    counted = ImportStore.totals
    both_settled = asyncio.Barrier(2)

    async def counted_at_once(self: ImportStore) -> Totals | None:
        with suppress(TimeoutError, asyncio.BrokenBarrierError):
            await asyncio.wait_for(both_settled.wait(), 0.3)  # with the lock the other one cannot come
        totals = await counted(self)
        await asyncio.sleep(0.1)  # nor does this one commit before the other has counted
        return totals

    messages = await an_import(postgres, tenant, 4)
    for message in messages[:2]:
        await pipeline.settle(message)
    monkeypatch.setattr(ImportStore, "totals", counted_at_once)
    await asyncio.gather(*(pipeline.settle(message) for message in messages[2:]))
    await ended_once(db, messages[0].import_id, 4)


async def test_all_chunks_and_their_repeats_at_the_same_time_end_the_import_once(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    messages = await an_import(postgres, tenant, 10)
    await asyncio.gather(*(pipeline.settle(message) for message in messages * 2))
    await ended_once(db, messages[0].import_id, 10)


async def test_imports_end_beside_each_other_each_with_its_own_totals(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    imports = [await an_import(postgres, tenant, chunks) for chunks in (1, 2, 3, 4)]
    await asyncio.gather(*(pipeline.settle(message) for messages in imports for message in messages * 2))
    for messages in imports:
        await ended_once(db, messages[0].import_id, len(messages))


async def test_a_repeat_that_knows_more_leads_replaces_the_earlier_outcome_and_one_that_knows_fewer_does_not(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    (whole,) = await an_import(postgres, tenant, 1)
    behind = whole.model_copy(
        update={
            "live": whole.live.take([0, 1]),
            "settled": [*whole.settled, settled_row(whole.live.row[2], Outcome.EXISTING, "lead_exists")],
        }
    )
    await pipeline.settle(behind)
    await pipeline.settle(whole)
    await pipeline.settle(behind)
    ended = await import_of(db, whole.import_id)
    assert (ended["total_created"], ended["total_existing"], ended["total_errors"]) == (3, 1, 1)
    first, second = await finished_events(db, whole.import_id)
    assert (first.revision, first.total_created) == (1, 2)
    assert (second.revision, second.total_created) == (2, 3)


@pytest.mark.parametrize("change", [{"chunk_index": 7}, {"import_id": 2**31 - 1}, "one row fewer"], ids=str)
async def test_a_chunk_that_no_import_has_is_a_bad_message_and_settles_nothing(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored, change: dict[str, int] | str
) -> None:
    (message,) = await an_import(postgres, tenant, 1)
    fewer = {"row_count": 4, "settled": message.settled[:1]}
    stranger = message.model_copy(update=change if isinstance(change, dict) else fewer)
    with pytest.raises(BadMessage):
        await pipeline.settle(ChunkCreated.model_validate(stranger.model_dump()))
    assert (await import_of(db, message.import_id))["status"] == "PROCESSING"
    await pipeline.settle(message)
    await ended_once(db, message.import_id, 1)


async def test_an_import_whose_rows_were_all_settled_by_the_api_ends_too(
    pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[2], name=unique("n"))
    chunk: ChunkAccepted = accepted_chunk(
        tenant, import_id, live_rows([]), settled=[settled_row(2), settled_row(3, Outcome.EXISTING, "in_file")]
    )
    await pipeline.whole(chunk)
    ended = await import_of(db, import_id)
    assert (ended["status"], ended["total_created"], ended["total_existing"], ended["total_errors"]) == (
        "FINISHED",
        0,
        1,
        1,
    )
