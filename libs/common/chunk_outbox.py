"""``lead_import_chunks`` as the chunks' own outbox.

The relay sends a chunk while fewer than a window of its import's chunks are in flight, so that no import
starves another; the finalizer settles it. The window is wide while an import is alone.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

LEASE_SECONDS = 30

# A lease beyond the longest one was written by a clock that has since jumped back. That is held against the time of
# now, not of this transaction's beginning: a relay that began later may have claimed since, and its lease is good.
_CLAIM = text(
    """
    WITH waiting AS (
        SELECT i.id, i.options ->> 'traceparent' AS traceparent
        FROM amigocare.lead_imports i
        WHERE i.status = 'PROCESSING'
          AND EXISTS (SELECT FROM amigocare.lead_import_chunks c
                      WHERE c.import_id = i.id AND c.sent_at IS NULL AND c.settled_at IS NULL)
    ), room AS (
        SELECT w.id, w.traceparent,
               CASE WHEN (SELECT count(*) FROM amigocare.lead_imports WHERE status = 'PROCESSING') > 1
                    THEN CAST(:shared AS int) ELSE CAST(:alone AS int) END
               - (SELECT count(*) FROM amigocare.lead_import_chunks c
                  WHERE c.import_id = w.id AND c.sent_at IS NOT NULL AND c.settled_at IS NULL)
               - (SELECT count(*) FROM amigocare.lead_import_chunks c
                  WHERE c.import_id = w.id AND c.sent_at IS NULL AND c.settled_at IS NULL
                    AND c.lease_until > now() AND c.lease_until <= clock_timestamp() + make_interval(secs => :seconds))
               AS chunks
        FROM waiting w
    ), due AS (
        SELECT c.import_id, c.chunk_index, room.traceparent
        FROM room CROSS JOIN LATERAL (
            SELECT import_id, chunk_index
            FROM amigocare.lead_import_chunks
            WHERE import_id = room.id AND sent_at IS NULL AND settled_at IS NULL
              AND (lease_until IS NULL OR lease_until <= now()
                   OR lease_until > clock_timestamp() + make_interval(secs => :seconds))
            ORDER BY chunk_index
            LIMIT greatest(room.chunks, 0)
            FOR UPDATE SKIP LOCKED
        ) c
    )
    UPDATE amigocare.lead_import_chunks c
    SET lease = :lease, lease_until = now() + make_interval(secs => :seconds)
    FROM due WHERE c.import_id = due.import_id AND c.chunk_index = due.chunk_index
    RETURNING c.import_id, c.chunk_index, c.payload, due.traceparent
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
_RELEASE = text("UPDATE amigocare.lead_import_chunks SET lease = NULL, lease_until = NULL WHERE lease = :lease")


@dataclass(frozen=True, slots=True)
class Window:
    """Chunks of one import in flight at most: ``alone`` while no other import waits, else ``shared``."""

    alone: int = 3
    shared: int = 2


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One claimed chunk: the ready JSON bytes of a ``ChunkAccepted``."""

    import_id: int
    chunk_index: int
    payload: bytes
    traceparent: str | None


async def claim_chunks(connection: AsyncConnection, *, lease: uuid.UUID, window: Window) -> list[ChunkRow]:
    """Lease the chunks that the windows leave room for; those that other relays are sending count as in flight."""
    rows = await connection.execute(
        _CLAIM,
        {"lease": lease, "alone": window.alone, "shared": window.shared, "seconds": LEASE_SECONDS},
    )
    return sorted((ChunkRow(*row) for row in rows), key=lambda row: (row.chunk_index, row.import_id))


async def mark_sent(connection: AsyncConnection, chunks: Sequence[ChunkRow], *, lease: uuid.UUID) -> None:
    """Note that Kafka has the chunks, unless the lease passed to another relay."""
    await connection.execute(
        _MARK_SENT,
        {
            "imports": [chunk.import_id for chunk in chunks],
            "indexes": [chunk.chunk_index for chunk in chunks],
            "lease": lease,
        },
    )


async def release_chunks(connection: AsyncConnection, *, lease: uuid.UUID) -> None:
    """Give back what could not be sent."""
    await connection.execute(_RELEASE, {"lease": lease})
