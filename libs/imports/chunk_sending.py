"""A chunk on its way to Kafka: accepted, leased by a relay, in flight, and back when it fell silent.

The picture of a chunk's whole life is at the top of ``chunk_life``. ``lead_import_chunks`` is the chunks' own outbox:
the relay sends a chunk while fewer than a window of its import's chunks are in flight, so that no import starves
another.

Every call is part of the caller's transaction. Transitions of several chunks are one statement.
"""

import uuid
from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.source import LEASE_SECONDS, Room
from libs.imports.chunk_states import ClaimedChunk, Place, Window, place_columns

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

_SEND_ALL_AGAIN = text(
    """
    UPDATE amigocare.lead_import_chunks c SET sent_at = NULL, lease = NULL, lease_until = NULL
    FROM amigocare.lead_imports i
    WHERE i.id = c.import_id AND i.status = 'PROCESSING' AND c.settled_at IS NULL
      AND (c.sent_at IS NOT NULL OR c.lease IS NOT NULL)
    """
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
    await connection.execute(_MARK_SENT, place_columns(chunks) | {"lease": lease})


async def release(connection: AsyncConnection, chunks: Sequence[tuple[Place, float]], *, lease: uuid.UUID) -> None:
    """Give back what could not be sent, to be claimed again in so many seconds (``LEASE_SECONDS`` at most)."""
    seconds = [min(delay, LEASE_SECONDS) for _, delay in chunks]
    await connection.execute(
        _RELEASE, place_columns([chunk for chunk, _ in chunks]) | {"seconds": seconds, "lease": lease}
    )


async def silent(connection: AsyncConnection, seconds: float) -> list[Place]:
    """Return the chunks that were sent more than ``seconds`` ago, of imports of which no chunk was settled since."""
    rows = await connection.execute(_SILENT, {"seconds": seconds})
    return [(import_id, chunk_index) for import_id, chunk_index in rows]


async def send_again(connection: AsyncConnection, chunks: Sequence[Place]) -> None:
    """Let unsettled chunks wait to be claimed once more."""
    await connection.execute(_SEND_AGAIN, place_columns(chunks))


async def send_all_again(connection: AsyncConnection) -> int:
    """Let every chunk that has not ended wait to be claimed, wherever it is; return how many were on their way.

    For when what Kafka holds of them is gone, or not to be believed any more. A second run finds none.
    """
    return (await connection.execute(_SEND_ALL_AGAIN)).rowcount
