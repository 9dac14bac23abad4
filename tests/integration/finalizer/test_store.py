"""Settling chunks, ending imports, and finding chunks that fell silent."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished, ImportStatus
from libs.contracts.lead_import.internal.messages import Outcome, SettledRow
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.imports.chunk_states import Acceptance, ChunkOutcome, ChunkState, Totals
from services.finalizer.store import Store
from tests.support.chunks import settled_row
from tests.support.imports import ACCEPTED_AT, insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNSETTLED = ChunkState(row_count=10, settled=False, dead_lettered=False, total_created=0)


@pytest.fixture
def store(crowd: Postgres) -> Store:
    return Store(crowd, clock=lambda: NOW)


@pytest_asyncio.fixture
async def import_id(postgres: Postgres, tenant: Tenant) -> int:
    """Two chunks of ten rows."""
    return await insert_import(postgres, tenant, row_counts=[10, 10], name=unique("n"), payloads=[b"first", b"second"])


def meant(import_id: int) -> Acceptance:
    """Return the import as a dead letter speaks of it."""
    return Acceptance(import_id, ACCEPTED_AT, company_id=None)


def outcome(created: int, rows: list[SettledRow] | None = None, *, dead_lettered: bool = False) -> ChunkOutcome:
    rows = rows or []
    existing = sum(row.outcome is Outcome.EXISTING for row in rows)
    return ChunkOutcome(created, existing, 10 - created - existing, rows, dead_lettered=dead_lettered)


async def settle(store: Store, import_id: int, index: int, new: ChunkOutcome) -> None:
    async with store.locked_import(meant(import_id)) as held:
        assert held
        state = await held.chunk(index)
        assert state
        await held.settle(index, state, new)


async def finish(store: Store, import_id: int) -> bool:
    async with store.locked_import(meant(import_id)) as held:
        assert held
        totals = await held.totals()
        assert totals
        return await held.finish(ImportStatus.FINISHED, None, totals)


async def chunk_of(db: Stored, import_id: int, index: int) -> dict[str, Any]:
    (row,) = await db.rows(
        "SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i AND chunk_index = :c", i=import_id, c=index
    )
    return row


async def rows_of(db: Stored, import_id: int) -> list[dict[str, Any]]:
    return await db.rows(
        "SELECT * FROM amigocare.lead_import_rows WHERE import_id = :i ORDER BY row_number", i=import_id
    )


async def import_of(db: Stored, import_id: int) -> dict[str, Any]:
    return (await db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=import_id))[0]


async def events_of(db: Stored, import_id: int) -> list[dict[str, Any]]:
    return await db.rows("SELECT * FROM amigocare.outbox WHERE key = :k ORDER BY id", k=str(import_id))


async def test_an_import_that_does_not_exist_yields_nothing(store: Store) -> None:
    async with store.locked_import(meant(2**31 - 1)) as held:
        assert held is None


async def test_a_chunk_is_found_by_its_index(store: Store, import_id: int) -> None:
    async with store.locked_import(meant(import_id)) as held:
        assert held
        assert await held.chunk(0) == UNSETTLED
        assert await held.payload(1) == b"second"
        assert await held.chunk(2) is None
        assert await held.payload(2) is None


async def test_the_import_is_held_until_the_commit_and_its_leads_may_still_be_inserted(
    store: Store, crowd: Postgres, import_id: int, db: Stored, tenant: Tenant
) -> None:
    async with store.locked_import(meant(import_id)):

        async def lock_again() -> None:
            async with store.locked_import(meant(import_id)):
                pass

        second = asyncio.create_task(lock_again())
        # A foreign key needs the import's key only: creators go on meanwhile.
        await asyncio.wait_for(
            db.execute(
                "INSERT INTO amigocare.lead_import_tags VALUES (:i, :t, false)", i=import_id, t=tenant.tag_ids[0]
            ),
            2,
        )
        await asyncio.sleep(0.2)  # time enough to get a lock that nobody holds
        assert not second.done()
    await asyncio.wait_for(second, 5)


async def test_settling_counts_the_chunk_drops_its_payload_and_keeps_its_rows(
    store: Store, import_id: int, db: Stored
) -> None:
    rows = [settled_row(4), settled_row(3, Outcome.EXISTING, "in_file")]
    await settle(store, import_id, 0, outcome(8, rows))
    chunk = await chunk_of(db, import_id, 0)
    assert (chunk["total_created"], chunk["total_existing"], chunk["total_errors"]) == (8, 1, 1)
    assert chunk["payload"] is None
    assert chunk["settled_at"] is not None
    assert chunk["sent_at"] is not None
    assert [
        (row["row_number"], row["chunk_index"], row["outcome"], row["reason"]) for row in await rows_of(db, import_id)
    ] == [
        (3, 0, "existing", "in_file"),
        (4, 0, "error", "phone_invalid"),
    ]
    assert (await chunk_of(db, import_id, 1))["settled_at"] is None
    async with store.locked_import(meant(import_id)) as held:
        assert held
        assert await held.chunk(0) == ChunkState(row_count=10, settled=True, dead_lettered=False, total_created=8)
        assert await held.payload(0) is None


@pytest.mark.parametrize("cell", ["", "ação", 'it\'s "quoted", {curly} \\back', "🚀\n\t", "NULL", "x" * 1000])
async def test_original_cells_come_back_as_they_were(store: Store, import_id: int, db: Stored, cell: str) -> None:
    row = settled_row(3).model_copy(update={"cells": [cell, "NULL", ""], "detail": cell})
    await settle(store, import_id, 0, outcome(9, [row]))
    (found,) = await rows_of(db, import_id)
    assert found["cells"] == [cell, "NULL", ""]
    assert found["detail"] == cell


async def test_a_dead_letter_keeps_its_payload_for_the_replay(store: Store, import_id: int, db: Stored) -> None:
    await settle(store, import_id, 0, outcome(0, dead_lettered=True))
    chunk = await chunk_of(db, import_id, 0)
    assert (bytes(chunk["payload"]), chunk["dead_lettered"]) == (b"first", True)


async def test_a_later_outcome_takes_the_place_of_the_earlier_ones_rows(
    store: Store, import_id: int, db: Stored
) -> None:
    await settle(store, import_id, 0, outcome(0, [settled_row(3), settled_row(4)], dead_lettered=True))
    await settle(store, import_id, 1, outcome(9, [settled_row(15)]))
    await settle(store, import_id, 0, outcome(9, [settled_row(4)]))
    assert [row["row_number"] for row in await rows_of(db, import_id)] == [4, 15]
    chunk = await chunk_of(db, import_id, 0)
    assert (chunk["dead_lettered"], chunk["payload"], chunk["total_created"]) == (False, None, 9)


async def test_totals_are_known_when_every_chunk_is_settled(store: Store, import_id: int, db: Stored) -> None:
    async def totals() -> Totals | None:
        async with store.locked_import(meant(import_id)) as held:
            assert held
            return await held.totals()

    assert await totals() is None
    await settle(store, import_id, 0, outcome(7, [settled_row(3, Outcome.EXISTING, "in_file")]))
    await db.execute("UPDATE amigocare.lead_import_chunks SET sent_at = now() WHERE import_id = :i", i=import_id)
    assert await totals() is None, "the other chunk is in flight"
    await settle(store, import_id, 1, outcome(0, dead_lettered=True))
    assert await totals() == Totals(
        created=7, existing=1, errors=12, dead_lettered=1, reasons_of_chunks=[{"in_file": 1}]
    )


async def test_finishing_writes_status_totals_and_one_event_with_them(
    store: Store, import_id: int, db: Stored, tenant: Tenant
) -> None:
    await settle(store, import_id, 0, outcome(10))
    await settle(store, import_id, 1, outcome(7, [settled_row(15, Outcome.EXISTING, "in_file")]))
    assert await finish(store, import_id)
    ended = await import_of(db, import_id)
    assert (ended["status"], ended["total_created"], ended["total_existing"], ended["total_errors"]) == (
        "FINISHED",
        17,
        1,
        2,
    )
    (row,) = await events_of(db, import_id)
    event = ImportFinished.model_validate_json(bytes(row["payload"]))
    assert event == ImportFinished(
        import_id=import_id,
        company_id=tenant.company_id,
        account_id=tenant.account_id,
        source_id=tenant.source_id,
        creator_id=tenant.user_id,
        status=ImportStatus.FINISHED,
        total_rows=20,
        total_created=17,
        total_existing=1,
        total_errors=2,
        failure_reason=None,
        revision=1,
        accepted_at=ended["created_at"],
        finished_at=ended["finished_at"],
    )
    assert row["topic"] == IMPORT_FINISHED.name
    assert row["headers"] == IMPORT_FINISHED.headers(IMPORT_FINISHED.identity(event), source="finalizer", time=NOW)


async def test_finishing_again_with_the_same_totals_changes_nothing(store: Store, import_id: int, db: Stored) -> None:
    for index in (0, 1):
        await settle(store, import_id, index, outcome(10))
    assert await finish(store, import_id)
    before = await import_of(db, import_id)
    assert not await finish(store, import_id)
    assert await import_of(db, import_id) == before
    assert len(await events_of(db, import_id)) == 1


async def test_finishing_again_with_other_totals_is_the_next_revision(store: Store, import_id: int, db: Stored) -> None:
    await settle(store, import_id, 0, outcome(0, dead_lettered=True))
    await settle(store, import_id, 1, outcome(10))
    async with store.locked_import(meant(import_id)) as held:
        assert held
        totals = await held.totals()
        assert totals
        assert await held.finish(ImportStatus.FAILED, "chunk_dead_lettered", totals)
    failed = await import_of(db, import_id)
    assert (failed["status"], failed["failure_reason"], failed["revision"]) == ("FAILED", "chunk_dead_lettered", 1)
    await settle(store, import_id, 0, outcome(10))
    assert await finish(store, import_id)
    ended = await import_of(db, import_id)
    assert (ended["status"], ended["failure_reason"], ended["revision"]) == ("FINISHED", None, 2)
    first, second = await events_of(db, import_id)
    assert first["headers"]["ce_id"] != second["headers"]["ce_id"]


async def test_what_a_failed_transaction_settled_is_unsettled(store: Store, import_id: int, db: Stored) -> None:
    with pytest.raises(ZeroDivisionError):
        async with store.locked_import(meant(import_id)) as held:
            assert held
            await held.settle(0, UNSETTLED, outcome(9, [settled_row(3)]))
            raise ZeroDivisionError
    assert (await chunk_of(db, import_id, 0))["settled_at"] is None
    assert await rows_of(db, import_id) == []
