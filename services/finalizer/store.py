"""Chunks, imports and unused tags, within one transaction that holds the import's row."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common import outbox
from libs.common.events.lead_import import ImportFinished, ImportStatus
from libs.common.events.topics import IMPORT_FINISHED
from libs.common.kafka.broker import Clock
from libs.common.postgres import Postgres
from services.finalizer.domain import ChunkOutcome, ChunkState, Totals

# Two transactions that settle the last two chunks at once would each miss the other's; and the keys of the
# import stay free for the foreign keys of its leads (NO KEY).
_LOCK = text("SELECT id FROM amigocare.lead_imports WHERE id = :import_id FOR NO KEY UPDATE")
_CHUNK = text(
    """
    SELECT row_count, settled_at IS NOT NULL, dead_lettered, coalesce(total_created, 0)
    FROM amigocare.lead_import_chunks WHERE import_id = :import_id AND chunk_index = :chunk_index
    """
)
_PAYLOAD = text(
    "SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :import_id AND chunk_index = :chunk_index"
)
_SETTLE = text(
    """
    UPDATE amigocare.lead_import_chunks
    SET settled_at = now(), dead_lettered = :dead_lettered, sent_at = coalesce(sent_at, now()),
        payload = CASE WHEN :dead_lettered THEN payload END,
        total_created = :created, total_existing = :existing, total_errors = :errors
    WHERE import_id = :import_id AND chunk_index = :chunk_index
    """
)
_FORGET_ROWS = text(
    "DELETE FROM amigocare.lead_import_rows WHERE import_id = :import_id AND chunk_index = :chunk_index"
)
_INSERT_ROWS = text(
    """
    INSERT INTO amigocare.lead_import_rows (import_id, row_number, chunk_index, outcome, reason, detail, cells)
    SELECT :import_id, given.row_number, :chunk_index, given.outcome, given.reason, given.detail,
           CAST(given.cells AS jsonb)
    FROM unnest(CAST(:row_numbers AS int[]), CAST(:outcomes AS text[]), CAST(:reasons AS text[]),
                CAST(:details AS text[]), CAST(:cells AS text[]))
         AS given (row_number, outcome, reason, detail, cells)
    ON CONFLICT (import_id, row_number) DO NOTHING
    """
)
# Two conditions, as the two partial indexes have them: settled chunks are never read.
_OPEN = text(
    """
    SELECT EXISTS (SELECT FROM amigocare.lead_import_chunks
                   WHERE import_id = :import_id AND sent_at IS NULL AND settled_at IS NULL)
        OR EXISTS (SELECT FROM amigocare.lead_import_chunks
                   WHERE import_id = :import_id AND sent_at IS NOT NULL AND settled_at IS NULL)
    """
)
_TOTALS = text(
    """
    SELECT coalesce(sum(total_created), 0), coalesce(sum(total_existing), 0), coalesce(sum(total_errors), 0),
           count(*) FILTER (WHERE dead_lettered)
    FROM amigocare.lead_import_chunks WHERE import_id = :import_id
    """
)
_FINISH = text(
    """
    UPDATE amigocare.lead_imports
    SET status = :status, failure_reason = :failure_reason, revision = revision + 1, updated_at = now(),
        finished_at = now(), total_created = :created, total_existing = :existing, total_errors = :errors
    WHERE id = :import_id
      AND (status = 'PROCESSING'
           OR (status, total_created, total_existing, total_errors)
              IS DISTINCT FROM (:status, :created, :existing, :errors))
    RETURNING id AS import_id, company_id, account_id, source_id, creator_id, status, total_rows, total_created,
              total_existing, total_errors, failure_reason, revision, created_at AS accepted_at, finished_at
    """
)
# Locked in key order before the next statement looks again: a tagger that holds one of them meanwhile
# has then committed its hold.
_LOCK_TAGS = text(
    """
    SELECT t.id FROM amigocare.tags t
    JOIN amigocare.lead_import_tags held ON held.tag_id = t.id AND held.import_id = :import_id
    WHERE NOT t.is_deleted
      AND EXISTS (SELECT FROM amigocare.lead_import_tags made WHERE made.tag_id = t.id AND made.created_here)
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
    """
)
_CLEAN_TAGS = text(
    """
    UPDATE amigocare.tags t
    SET is_deleted = true, updated_at = now(),
        destroyer_id = (SELECT creator_id FROM amigocare.lead_imports WHERE id = :import_id)
    WHERE t.id = ANY(CAST(:ids AS int[]))
      AND NOT EXISTS (SELECT FROM amigocare.chat_tags c WHERE c.tag_id = t.id AND NOT c.is_deleted)
      AND NOT EXISTS (SELECT FROM amigocare.lead_import_tags held
                      JOIN amigocare.lead_imports i ON i.id = held.import_id
                      WHERE held.tag_id = t.id AND i.status = 'PROCESSING')
    """
)
# Times further ahead than that are of a clock that has since jumped back: they say nothing of the last seconds.
_SILENT = text(
    """
    SELECT c.import_id, c.chunk_index
    FROM amigocare.lead_import_chunks c JOIN amigocare.lead_imports i ON i.id = c.import_id
    WHERE i.status = 'PROCESSING' AND c.settled_at IS NULL AND c.sent_at IS NOT NULL
      AND c.sent_at NOT BETWEEN now() - make_interval(secs => :seconds) AND now() + make_interval(secs => :seconds)
      AND NOT EXISTS (SELECT FROM amigocare.lead_import_chunks moved
                      WHERE moved.import_id = c.import_id
                        AND moved.settled_at BETWEEN now() - make_interval(secs => :seconds)
                                                 AND now() + make_interval(secs => :seconds))
    """
)
_SEND_AGAIN = text(
    """
    UPDATE amigocare.lead_import_chunks c SET sent_at = NULL
    FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[])) AS silent (import_id, chunk_index)
    WHERE c.import_id = silent.import_id AND c.chunk_index = silent.chunk_index AND c.settled_at IS NULL
    """
)


@dataclass(frozen=True, slots=True)
class ImportStore:
    """Queries of one transaction on one import."""

    connection: AsyncConnection
    import_id: int
    clock: Clock

    async def chunk(self, chunk_index: int) -> ChunkState | None:
        """Return the chunk's state, or None when there is no such chunk."""
        found = await self.connection.execute(_CHUNK, {"import_id": self.import_id, "chunk_index": chunk_index})
        row = found.one_or_none()
        return ChunkState(*row) if row else None

    async def payload(self, chunk_index: int) -> bytes | None:
        """Return the chunk as the api accepted it, or None once it is settled."""
        found = await self.connection.execute(_PAYLOAD, {"import_id": self.import_id, "chunk_index": chunk_index})
        return found.scalar_one_or_none()

    async def settle(self, chunk_index: int, state: ChunkState, outcome: ChunkOutcome) -> None:
        """Write the chunk's outcome, in place of an earlier one."""
        place = {"import_id": self.import_id, "chunk_index": chunk_index}
        await self.connection.execute(
            _SETTLE,
            place
            | {
                "created": outcome.created,
                "existing": outcome.existing,
                "errors": outcome.errors,
                "dead_lettered": outcome.dead_lettered,
            },
        )
        if state.settled:
            await self.connection.execute(_FORGET_ROWS, place)
        if outcome.rows:
            await self.connection.execute(
                _INSERT_ROWS,
                place
                | {
                    "row_numbers": [row.row for row in outcome.rows],
                    "outcomes": [row.outcome for row in outcome.rows],
                    "reasons": [row.reason for row in outcome.rows],
                    "details": [row.detail for row in outcome.rows],
                    "cells": [json.dumps(row.cells, ensure_ascii=False) for row in outcome.rows],
                },
            )

    async def totals(self) -> Totals | None:
        """Return the sums over all chunks, or None while one is unsettled. Counted, never incremented."""
        if (await self.connection.execute(_OPEN, {"import_id": self.import_id})).scalar_one():
            return None
        return Totals(*(await self.connection.execute(_TOTALS, {"import_id": self.import_id})).one())

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
            },
        )
        row = finished.mappings().one_or_none()
        if row is None:
            return False
        event = ImportFinished.model_validate(dict(row))
        await outbox.add_event(self.connection, IMPORT_FINISHED, event, source="finalizer", time=self.clock())
        return True

    async def clean_tags(self) -> None:
        """Delete the tags that imports made, that no chat has and no import in progress holds."""
        locked = await self.connection.execute(_LOCK_TAGS, {"import_id": self.import_id})
        ids = list(locked.scalars())
        if ids:
            await self.connection.execute(_CLEAN_TAGS, {"import_id": self.import_id, "ids": ids})


class Store:
    """Opens the handlers' transactions."""

    def __init__(self, postgres: Postgres, *, clock: Clock) -> None:
        self._postgres = postgres
        self._clock = clock

    @asynccontextmanager
    async def locked_import(self, import_id: int) -> AsyncIterator[ImportStore | None]:
        """Hold the import's row until the commit; None when there is no such import."""
        async with self._postgres.transaction() as connection:
            found = await connection.execute(_LOCK, {"import_id": import_id})
            exists = found.one_or_none() is not None
            yield ImportStore(connection, import_id, self._clock) if exists else None

    async def silent_chunks(self, seconds: float) -> list[tuple[int, int]]:
        """Return (import id, chunk index) of chunks sent so long ago, of imports in which nothing moved since."""
        async with self._postgres.transaction() as connection:
            rows = await connection.execute(_SILENT, {"seconds": seconds})
            return [(import_id, chunk_index) for import_id, chunk_index in rows]

    async def send_again(self, chunks: list[tuple[int, int]]) -> None:
        """Hand the chunks to the relay once more."""
        async with self._postgres.transaction() as connection:
            await connection.execute(
                _SEND_AGAIN,
                {"imports": [chunk[0] for chunk in chunks], "indexes": [chunk[1] for chunk in chunks]},
            )
