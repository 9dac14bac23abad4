"""A chunk's life: every statement that moves a chunk of an import from one state to the next, in one place.

    accepted ──claim──► leased ──mark sent──► in flight ──settle──► settled
        ▲                  │release               │                    (well, or dead-lettered)
        ├──────────────────┘                      │                        │
        ├───────────────send again (silent)───────┘                        │
        └───────────────────reopen (a replay of a dead letter)─────────────┘

``lead_import_chunks`` is the chunks' own outbox: the relay sends a chunk while fewer than a window of its import's
chunks are in flight, so that no import starves another; the finalizer settles it and drops its payload. The payload
is kept as long as the chunk may have to be sent again.

Which state a chunk is in follows from its columns: ``lease_until`` (a relay has it), ``sent_at`` (Kafka has it),
``settled_at`` (its rows have ended), ``dead_lettered`` (they ended as errors that a replay may replace).

Every call is part of the caller's transaction. Transitions of several chunks are one statement.
"""

import json
import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import BadMessage
from libs.common.outbox.source import LEASE_SECONDS, Room
from libs.contracts.lead_import.internal.messages import Chunk
from libs.imports.chunk_states import (
    NO_SUCH_CHUNK,
    Acceptance,
    ChunkOutcome,
    ChunkState,
    ClaimedChunk,
    NamedChunk,
    Place,
    Totals,
    Window,
)

_ACCEPT = text(
    """
    INSERT INTO amigocare.lead_import_chunks (import_id, chunk_index, row_count, payload)
    SELECT :import_id, given.chunk_index, given.row_count, given.payload
    FROM unnest(CAST(:indexes AS int[]), CAST(:row_counts AS int[]), CAST(:payloads AS bytea[]))
         AS given (chunk_index, row_count, payload)
    """
)
# A chunk that was given back has no lease, but a time before which it is not claimed again; the next one of its import
# may be sent in its place. A lease counts while it has not ended. It does not count when it ends later than
# LEASE_SECONDS from now: nobody writes such a lease, unless by a clock that has since jumped back, and its chunk would
# wait until the clock is there again. "From now" is by clock_timestamp(), because now() stands still at the beginning
# of this transaction: another relay may have claimed a chunk since then, and its good lease would look too long. What
# is chosen is read again where it is locked: another relay may have claimed it since. LATERAL always takes the index.
_CLAIM = text(
    """
    WITH waiting AS (
        SELECT i.id, i.created_at, i.options ->> 'traceparent' AS traceparent
        FROM amigocare.lead_imports i CROSS JOIN LATERAL (
            SELECT FROM amigocare.lead_import_chunks c
            WHERE c.import_id = i.id AND c.sent_at IS NULL AND c.settled_at IS NULL LIMIT 1) unsent
        WHERE i.status = 'PROCESSING'
    ), room AS (
        SELECT w.id, w.created_at, w.traceparent,
               CASE WHEN (SELECT count(*) FROM amigocare.lead_imports WHERE status = 'PROCESSING') > 1
                    THEN CAST(:shared AS int) ELSE CAST(:alone AS int) END
               - (SELECT count(*) FROM amigocare.lead_import_chunks c
                  WHERE c.import_id = w.id AND c.sent_at IS NOT NULL AND c.settled_at IS NULL)
               - (SELECT count(*) FROM amigocare.lead_import_chunks c
                  WHERE c.import_id = w.id AND c.sent_at IS NULL AND c.settled_at IS NULL AND c.lease IS NOT NULL
                    AND c.lease_until > now() AND c.lease_until <= clock_timestamp() + make_interval(secs => :seconds))
               AS chunks
        FROM waiting w
    ), next AS (
        SELECT c.import_id, c.chunk_index, room.created_at, room.traceparent
        FROM room CROSS JOIN LATERAL (
            SELECT import_id, chunk_index
            FROM amigocare.lead_import_chunks
            WHERE import_id = room.id AND sent_at IS NULL AND settled_at IS NULL
              AND (lease_until IS NULL OR lease_until <= now()
                   OR lease_until > clock_timestamp() + make_interval(secs => :seconds))
            ORDER BY chunk_index
            LIMIT greatest(room.chunks, 0)
        ) c
        ORDER BY c.chunk_index, c.import_id
        LIMIT :messages
    ), due AS (
        SELECT next.*, octet_length(c.payload) AS size
        FROM next CROSS JOIN LATERAL (
            SELECT payload FROM amigocare.lead_import_chunks
            WHERE import_id = next.import_id AND chunk_index = next.chunk_index AND sent_at IS NULL
              AND settled_at IS NULL AND (lease_until IS NULL OR lease_until <= now()
                   OR lease_until > clock_timestamp() + make_interval(secs => :seconds))
            FOR UPDATE SKIP LOCKED
        ) c
    ), measured AS (
        SELECT *, sum(size) OVER (ORDER BY chunk_index, import_id) AS total FROM due
    )
    UPDATE amigocare.lead_import_chunks c
    SET lease = :lease, lease_until = now() + make_interval(secs => :seconds)
    FROM measured due
    WHERE c.import_id = due.import_id AND c.chunk_index = due.chunk_index
      AND (due.total <= :size OR due.total = due.size)
    RETURNING c.import_id, c.chunk_index, due.created_at, c.payload, due.traceparent
    """
)
_MARK_SENT = text(
    """
    UPDATE amigocare.lead_import_chunks c
    SET sent_at = now(), sent_count = sent_count + 1, lease = NULL, lease_until = NULL
    FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[])) AS sent (import_id, chunk_index)
    WHERE c.import_id = sent.import_id AND c.chunk_index = sent.chunk_index AND c.lease = :lease
    """
)
_RELEASE = text(
    """
    UPDATE amigocare.lead_import_chunks c
    SET lease = NULL, lease_until = now() + make_interval(secs => given.seconds)
    FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[]), CAST(:seconds AS float8[]))
         AS given (import_id, chunk_index, seconds)
    WHERE c.import_id = given.import_id AND c.chunk_index = given.chunk_index AND c.lease = :lease
    """
)
# Whoever settles a chunk, or opens it again, locks the row of its import first. Two transactions that settle the last
# two chunks at once would otherwise each see the other's chunk unsettled, and neither would end the import. Rows are
# locked in order of their ids, because in different orders two transactions would wait for each other (a deadlock).
# NO KEY UPDATE, because leads are inserted meanwhile, and their foreign keys must be able to lock the import's key.
_LOCK = text(
    "SELECT id FROM amigocare.lead_imports WHERE id = ANY(CAST(:imports AS int[])) ORDER BY id FOR NO KEY UPDATE"
)
# The import that a message speaks of, and no other that was given its id. A letter does not say the company.
_LOCK_MEANT = text(
    """
    SELECT id FROM amigocare.lead_imports
    WHERE id = :import_id AND created_at = :accepted_at
      AND (company_id = CAST(:company_id AS int) OR CAST(:company_id AS int) IS NULL)
    FOR NO KEY UPDATE
    """
)
_STATE = text(
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
        total_created = :created, total_existing = :existing, total_errors = :errors, reasons = CAST(:reasons AS jsonb)
    WHERE import_id = :import_id AND chunk_index = :chunk_index
    """
)
_FORGET_ROWS = text(
    "DELETE FROM amigocare.lead_import_rows WHERE import_id = :import_id AND chunk_index = :chunk_index"
)
_RECORD_ROWS = text(
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
# settled_at IS NULL alone would say the same. Asked in two halves it is answered from the two partial indexes, one of
# chunks that wait and one of chunks in flight, and the settled chunks of an import are never read.
_UNSETTLED = text(
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
# A chunk is silent when it was sent more than :seconds ago, and no chunk of its import was settled within them. A clock
# that has jumped back leaves times that lie ahead of now. They cannot say what happened within the last seconds, so a
# time that is more than :seconds ahead counts as one that is long past: hence BETWEEN, not a mere comparison.
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
_REOPEN = text(
    """
    WITH dead AS (
        UPDATE amigocare.lead_import_chunks c
        SET settled_at = NULL, sent_at = NULL, dead_lettered = false,
            total_created = NULL, total_existing = NULL, total_errors = NULL
        FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[]), CAST(:times AS timestamptz[]))
             AS given (import_id, chunk_index, accepted_at)
        JOIN amigocare.lead_imports i
             ON i.id = given.import_id AND (i.created_at = given.accepted_at OR given.accepted_at IS NULL)
        WHERE c.import_id = given.import_id AND c.chunk_index = given.chunk_index
          AND c.dead_lettered AND c.payload IS NOT NULL
        RETURNING c.import_id, c.chunk_index
    ), forgotten AS (
        DELETE FROM amigocare.lead_import_rows r USING dead
        WHERE r.import_id = dead.import_id AND r.chunk_index = dead.chunk_index
    ), opened AS (
        UPDATE amigocare.lead_imports i SET status = 'PROCESSING', finished_at = NULL, failure_reason = NULL,
               updated_at = now()
        WHERE i.id IN (SELECT import_id FROM dead)
    )
    SELECT import_id, chunk_index FROM dead
    """
)
# A chunk that has not ended, kept so until the caller's commit: whoever settles it waits, and with it the end of its
# import, which comes after its last chunk. And a statement that had to wait here sees the chunk as it is after that.
# It is a chunk of the import that the message speaks of, and of no other that was given its id.
_HELD = """
    FROM amigocare.lead_import_chunks c
    JOIN amigocare.lead_imports i
         ON i.id = c.import_id AND i.company_id = :company_id AND i.created_at = :accepted_at
    WHERE c.import_id = :import_id AND c.chunk_index = :chunk_index {and_open}
    FOR SHARE OF c
"""
OPEN = "SELECT c.chunk_index" + _HELD.format(and_open="AND c.settled_at IS NULL")
"""Gives one row of an open chunk, none of one that has ended; a part of statements that must make nothing then. Its
parameters are ``meant_chunk``'s."""
_IS_SETTLED = text("SELECT c.settled_at IS NOT NULL" + _HELD.format(and_open=""))


async def accept(connection: AsyncConnection, import_id: int, chunks: Sequence[tuple[int, int, bytes]]) -> None:
    """Insert (chunk index, row count, payload) of new chunks: they wait to be claimed."""
    indexes, row_counts, payloads = zip(*chunks, strict=True)
    await connection.execute(
        _ACCEPT,
        {
            "import_id": import_id,
            "indexes": list(indexes),
            "row_counts": list(row_counts),
            "payloads": list(payloads),
        },
    )


async def claim(connection: AsyncConnection, *, lease: uuid.UUID, window: Window, room: Room) -> list[ClaimedChunk]:
    """Lease the chunks that the windows and ``room`` leave room for, the first ones of all imports first.

    Those that other relays are sending count as in flight. The first chunk is leased whatever its size.
    """
    rows = await connection.execute(
        _CLAIM,
        {
            "lease": lease,
            "alone": window.alone,
            "shared": window.shared,
            "seconds": LEASE_SECONDS,
            "messages": room.messages,
            "size": room.size,
        },
    )
    return sorted((ClaimedChunk(*row) for row in rows), key=lambda chunk: (chunk.chunk_index, chunk.import_id))


async def mark_sent(connection: AsyncConnection, chunks: Sequence[Place], *, lease: uuid.UUID) -> None:
    """Note that Kafka has the chunks, unless the lease passed to another relay."""
    await connection.execute(_MARK_SENT, _place_columns(chunks) | {"lease": lease})


async def release(connection: AsyncConnection, chunks: Sequence[tuple[Place, float]], *, lease: uuid.UUID) -> None:
    """Give back what could not be sent, to be claimed again in so many seconds (``LEASE_SECONDS`` at most)."""
    seconds = [min(delay, LEASE_SECONDS) for _, delay in chunks]
    await connection.execute(
        _RELEASE, _place_columns([chunk for chunk, _ in chunks]) | {"seconds": seconds, "lease": lease}
    )


async def lock_imports(connection: AsyncConnection, imports: Sequence[int]) -> set[int]:
    """Hold the rows of these imports until the commit; return the ids of those that exist."""
    return set((await connection.execute(_LOCK, {"imports": sorted(imports)})).scalars())


async def lock_meant(connection: AsyncConnection, meant: Acceptance) -> bool:
    """Hold the import that a message speaks of until the commit; False when there is none: it was another's."""
    return (await connection.execute(_LOCK_MEANT, _meant(meant))).one_or_none() is not None


async def state(connection: AsyncConnection, chunk: Place) -> ChunkState | None:
    """Return the chunk's state, or None when there is no such chunk."""
    row = (await connection.execute(_STATE, _place(chunk))).one_or_none()
    return ChunkState(*row) if row else None


async def hold_is_settled(connection: AsyncConnection, chunk: Chunk[Any]) -> bool:
    """Tell whether the chunk has ended, well or badly; hold it in its present state until the commit.

    Raises BadMessage when there is no such chunk of the import that the message speaks of.
    """
    settled: bool | None = (await connection.execute(_IS_SETTLED, meant_chunk(chunk))).scalar_one_or_none()
    if settled is None:
        raise BadMessage(NO_SUCH_CHUNK)
    return settled


async def payload(connection: AsyncConnection, chunk: Place) -> bytes | None:
    """Return the chunk as the api accepted it, or None once it is settled well."""
    found: bytes | None = (await connection.execute(_PAYLOAD, _place(chunk))).scalar_one_or_none()
    return found


async def settle(connection: AsyncConnection, chunk: Place, outcome: ChunkOutcome, *, again: bool) -> None:
    """Write the chunk's outcome; ``again``: in place of an earlier one. The caller has locked the import.

    A dead-lettered chunk keeps its payload: a replay sends it once more.
    """
    counts = {name: getattr(outcome, name) for name in ("created", "existing", "errors", "reasons", "dead_lettered")}
    await connection.execute(_SETTLE, _place(chunk) | counts)
    if again:
        await connection.execute(_FORGET_ROWS, _place(chunk))
    if outcome.rows:
        rows = {
            "row_numbers": [row.row for row in outcome.rows],
            "outcomes": [row.outcome for row in outcome.rows],
            "reasons": [row.reason for row in outcome.rows],
            "details": [row.detail for row in outcome.rows],
            "cells": [json.dumps(row.cells, ensure_ascii=False) for row in outcome.rows],
        }
        await connection.execute(_RECORD_ROWS, _place(chunk) | rows)


async def totals(connection: AsyncConnection, import_id: int) -> Totals | None:
    """Return the sums over all chunks, or None while one is unsettled. Counted, never incremented."""
    if (await connection.execute(_UNSETTLED, {"import_id": import_id})).scalar_one():
        return None
    return Totals(*(await connection.execute(_TOTALS, {"import_id": import_id})).one())


async def silent(connection: AsyncConnection, seconds: float) -> list[Place]:
    """Return the chunks that were sent more than ``seconds`` ago, of imports of which no chunk was settled since."""
    rows = await connection.execute(_SILENT, {"seconds": seconds})
    return [(import_id, chunk_index) for import_id, chunk_index in rows]


async def send_again(connection: AsyncConnection, chunks: Sequence[Place]) -> None:
    """Let unsettled chunks wait to be claimed once more."""
    await connection.execute(_SEND_AGAIN, _place_columns(chunks))


async def reopen(connection: AsyncConnection, chunks: Sequence[NamedChunk]) -> list[Place]:
    """Let dead-lettered chunks wait to be claimed once more, and their imports be in progress; return those that do.

    The import ends again with its next revision. A second run finds nothing: the chunks are no longer
    dead-lettered. Nor is anything done to an import that was accepted at another time than the chunk's.
    """
    await lock_imports(connection, [chunk.import_id for chunk in chunks])
    places = _place_columns([(chunk.import_id, chunk.chunk_index) for chunk in chunks])
    reopened = await connection.execute(_REOPEN, places | {"times": [chunk.accepted_at for chunk in chunks]})
    return sorted((row.import_id, row.chunk_index) for row in reopened)


def meant_chunk(chunk: Chunk[Any]) -> dict[str, Any]:
    """Return the parameters by which a statement knows the chunk that a message speaks of, and no other."""
    return _meant(Acceptance.of(chunk)) | {"chunk_index": chunk.chunk_index}


def _meant(meant: Acceptance) -> dict[str, Any]:
    return {"import_id": meant.import_id, "accepted_at": meant.accepted_at, "company_id": meant.company_id}


def _place(chunk: Place) -> dict[str, int]:
    return {"import_id": chunk[0], "chunk_index": chunk[1]}


def _place_columns(chunks: Sequence[Place]) -> dict[str, list[int]]:
    return {"imports": [chunk[0] for chunk in chunks], "indexes": [chunk[1] for chunk in chunks]}
