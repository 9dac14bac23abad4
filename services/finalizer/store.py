"""Chunks, imports and unused tags, within one transaction that holds the import's row."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.clock import Clock
from libs.common.outbox.event_outbox import add_event
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished, ImportStatus
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.imports import chunk_life, chunk_sending, chunks_waiting, expiry, import_tags
from libs.imports.chat_ids import chat_ids_of_rows
from libs.imports.chunk_states import Acceptance, ChunkOutcome, ChunkState, HeldImport, OpenChunk, Place, Totals
from libs.imports.metrics import ROWS, count_end

CHUNKS_AT_ONCE = 8
"""Chunks of a canceled import that are settled in one transaction: payloads of up to 512 KB each."""

_CANCELED = text(
    "SELECT id FROM amigocare.lead_imports WHERE status = 'PROCESSING' AND cancel_requested_at IS NOT NULL ORDER BY id"
)
# A lead that somebody has deleted was made all the same.
_HAS_LEADS = text(
    "SELECT EXISTS (SELECT FROM amigocare.amigocare_leads WHERE chat_id = ANY(CAST(:chat_ids AS text[])))"
)
_FINISH = text(
    """
    UPDATE amigocare.lead_imports
    SET status = :status, failure_reason = :failure_reason, revision = revision + 1, updated_at = now(),
        finished_at = now(), total_created = :created, total_existing = :existing, total_errors = :errors,
        total_canceled = :canceled, reasons = CAST(:reasons AS jsonb)
    WHERE id = :import_id
      AND (status = 'PROCESSING'
           OR (status, total_created, total_existing, total_errors)
              IS DISTINCT FROM (:status, :created, :existing, :errors))
    RETURNING id AS import_id, company_id, account_id, source_id, creator_id, status, total_rows, total_created,
              total_existing, total_errors, failure_reason, revision, created_at AS accepted_at, finished_at
    """
)

MOST_COUNTED = 100_000
"""More are not told apart: counting them would take longer than the number is worth."""
# The oldest of the outbox is the one of the least number; those in progress have an index of their own, as have chunks
# that ended in the dead letter: those whose payload has expired, or whose import was taken back, are never repaired.
_OVERVIEW = text(
    """
    SELECT (SELECT count(*) FROM (SELECT FROM amigocare.outbox LIMIT :most) waiting) AS outbox,
           (SELECT extract(epoch FROM clock_timestamp() - created_at)::float8
            FROM amigocare.outbox ORDER BY id LIMIT 1) AS outbox_age,
           (SELECT count(*) FROM amigocare.lead_imports WHERE status = 'PROCESSING') AS imports,
           (SELECT extract(epoch FROM clock_timestamp() - min(created_at))::float8
            FROM amigocare.lead_imports WHERE status = 'PROCESSING') AS import_age,
           (SELECT count(*) FROM (
                SELECT FROM amigocare.lead_import_chunks c
                WHERE c.dead_lettered AND c.payload IS NOT NULL
                  AND NOT EXISTS (SELECT FROM amigocare.lead_import_undos u WHERE u.import_id = c.import_id)
                LIMIT :most) dead) AS dead_letters
    """
)


@dataclass(frozen=True, slots=True)
class Overview:
    """What waits and what is open, of all companies. Ages in seconds; None where there is nothing."""

    outbox: int
    outbox_age: float | None
    chunks_waiting: int
    """Of no relay, and not sent."""
    imports: int
    import_age: float | None
    dead_letters: int


@dataclass(frozen=True, slots=True)
class ImportStore:
    """Queries of one transaction on one import."""

    connection: AsyncConnection
    held: HeldImport
    clock: Clock
    outcomes: list[ChunkOutcome] = field(default_factory=list)
    """What was settled in this transaction."""
    ends: list[ImportFinished] = field(default_factory=list)
    """What is said of the import's end, if it ended in this transaction."""

    @property
    def import_id(self) -> int:
        return self.held.import_id

    @property
    def canceled(self) -> bool:
        """Whether somebody asked for the import's end."""
        return self.held.canceled

    async def chunk(self, chunk_index: int) -> ChunkState | None:
        """Return the chunk's state, or None when there is no such chunk."""
        return await chunk_life.state(self.connection, (self.import_id, chunk_index))

    async def payload(self, chunk_index: int) -> bytes | None:
        """Return the chunk as the api accepted it, or None once it is settled well."""
        return await chunk_life.payload(self.connection, (self.import_id, chunk_index))

    async def settle(self, chunk_index: int, state: ChunkState, outcome: ChunkOutcome) -> None:
        """Write the chunk's outcome, in place of the earlier one if ``state`` has one."""
        await chunk_life.settle(self.connection, (self.import_id, chunk_index), outcome, again=state.settled)
        self.outcomes.append(outcome)

    async def open_chunks(self, after: int) -> list[OpenChunk]:
        """Return a few chunks behind ``after`` that have not ended; until the commit nobody makes leads of them."""
        return await chunk_life.lock_open(self.connection, self.import_id, after=after, chunks=CHUNKS_AT_ONCE)

    async def has_leads(self, chunk: ChunkAccepted) -> bool:
        """Tell whether a lead was made of one of the chunk's rows: they are made together."""
        chat_ids = chat_ids_of_rows(chunk.import_id, chunk.accepted_at, chunk.live.row)
        return bool((await self.connection.execute(_HAS_LEADS, {"chat_ids": chat_ids})).scalar_one())

    async def totals(self) -> Totals | None:
        """Return the sums over all chunks, or None while one is unsettled."""
        return await chunk_life.totals(self.connection, self.import_id)

    async def finish(self, status: ImportStatus, failure_reason: str | None, totals: Totals) -> bool:
        """End the import and put its finished event into the outbox. False when that was done before."""
        finished = await self.connection.execute(
            _FINISH,
            {
                "import_id": self.import_id,
                "status": status,
                "failure_reason": failure_reason,
                "created": totals.created,
                "existing": totals.existing,
                "errors": totals.errors,
                "canceled": totals.canceled,
                "reasons": totals.reasons,
            },
        )
        row = finished.mappings().one_or_none()
        if row is None:
            return False
        event = ImportFinished.model_validate(dict(row))
        await add_event(self.connection, IMPORT_FINISHED, event, source="finalizer", time=self.clock())
        self.ends.append(event)
        return True

    async def clean_tags(self) -> None:
        """Delete the tags that imports made, that no chat has and no import in progress holds."""
        await import_tags.clean_unused(self.connection, self.import_id)


def count_what_ended(committed: ImportStore | None) -> None:
    """Count the rows and the import that ended in a transaction which is committed by now."""
    if committed is None:
        return
    for outcome in committed.outcomes:
        ROWS.labels("finalizer", "created").inc(outcome.created)
        ROWS.labels("finalizer", "existing").inc(outcome.existing)
        ROWS.labels("finalizer", "error").inc(outcome.errors)
    for end in committed.ends:
        seconds = (end.finished_at - end.accepted_at).total_seconds()
        count_end(end.status.value, rows=end.total_rows, seconds=seconds)


class Store:
    """Opens the handlers' transactions."""

    def __init__(self, postgres: Postgres, *, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    @asynccontextmanager
    async def locked_import(self, meant: Acceptance) -> AsyncIterator[ImportStore | None]:
        """Hold the row of the import that a message speaks of until the commit; None when there is no such import."""
        async with self._postgres.transaction() as connection:
            held = await chunk_life.lock_meant(connection, meant)
            found = ImportStore(connection, held, self._clock) if held else None
            yield found
        count_what_ended(found)

    @asynccontextmanager
    async def canceled_import(self, import_id: int) -> AsyncIterator[ImportStore | None]:
        """Hold the row of an import that is being canceled until the commit; None when it has ended."""
        async with self._postgres.transaction(by_index=True) as connection:
            held = await chunk_life.lock_canceled(connection, import_id)
            found = ImportStore(connection, held, self._clock) if held else None
            yield found
        count_what_ended(found)

    async def canceled_imports(self) -> list[int]:
        """Return the imports that are being canceled."""
        async with self._postgres.transaction() as connection:
            return list((await connection.execute(_CANCELED)).scalars())

    async def silent_chunks(self, seconds: float) -> list[Place]:
        """Return the chunks that were sent over ``seconds`` ago, of imports in which no chunk was settled since."""
        async with self._postgres.transaction() as connection:
            return await chunk_sending.silent(connection, seconds)

    async def overview(self) -> Overview:
        """Return what waits and what is open, of all companies."""
        async with self._postgres.transaction() as connection:
            found = (await connection.execute(_OVERVIEW, {"most": MOST_COUNTED})).mappings().one()
            return Overview(**found, chunks_waiting=await chunks_waiting.count(connection))

    async def empty_next(self, after_seconds: float) -> expiry.Emptied | None:
        """Empty a portion of an import that ended over ``after_seconds`` ago; None when there is none."""
        async with self._postgres.transaction(by_index=True) as connection:
            return await expiry.empty_next(connection, after_seconds=after_seconds)

    async def overdue_seconds(self, after_seconds: float) -> float:
        """Return for how long the oldest import that should be empty has been due; 0 when none is."""
        async with self._postgres.transaction() as connection:
            return await expiry.overdue_seconds(connection, after_seconds=after_seconds)

    async def send_again(self, chunks: list[Place]) -> None:
        """Hand the chunks to the relay once more."""
        async with self._postgres.transaction() as connection:
            await chunk_sending.send_again(connection, chunks)
