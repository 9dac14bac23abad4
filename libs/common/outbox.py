"""Outbox: events written in the transaction that makes them true, published by a relay afterwards.

A relay claims rows with ``FOR UPDATE SKIP LOCKED`` and a lease, publishes outside the transaction, deletes
what it still holds the lease of, and gives back what failed with a growing delay. Any number of relays may
run. An event is published at least once; a repeat carries the same ``ce_id``.
"""

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.events.topics import EventT, Topic
from libs.common.observability import current_trace_headers

LEASE_SECONDS = 30
LONGEST_DELAY_SECONDS = 60

_ADD = text(
    "INSERT INTO amigocare.outbox (topic, key, headers, payload)"
    " VALUES (:topic, :key, CAST(:headers AS jsonb), :payload)"
)
# A time beyond the longest one was written by a clock that has since jumped back; held against the time of now, as
# in chunk_outbox.
_CLAIM = text(
    """
    WITH due AS (
        SELECT id FROM amigocare.outbox
        WHERE available_at <= now() OR available_at > clock_timestamp() + make_interval(secs => :longest)
        ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE amigocare.outbox o
    SET lease = :lease, attempts = attempts + 1, available_at = now() + make_interval(secs => :seconds)
    FROM due WHERE o.id = due.id
    RETURNING o.id, o.topic, o.key, o.headers, o.payload, o.attempts
    """
)
_DELETE = text("DELETE FROM amigocare.outbox WHERE id = ANY(:ids) AND lease = :lease")
_RELEASE = text(
    "UPDATE amigocare.outbox SET lease = NULL, available_at = now() + make_interval(secs => :seconds)"
    " WHERE id = ANY(:ids) AND lease = :lease"
)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One claimed event, ready for the wire."""

    id: int
    topic: str
    key: str
    headers: dict[str, str]
    payload: bytes
    attempts: int


async def add_event(
    connection: AsyncConnection, topic: Topic[EventT], event: EventT, *, source: str, time: datetime
) -> None:
    """Write ``event`` into the outbox, as part of the caller's transaction."""
    headers = topic.headers(topic.identity(event), source=source, time=time) | current_trace_headers()
    await connection.execute(
        _ADD,
        {
            "topic": topic.name,
            "key": topic.key(event),
            "headers": json.dumps(headers),
            "payload": event.model_dump_json().encode(),
        },
    )


async def claim_events(connection: AsyncConnection, *, lease: uuid.UUID, limit: int) -> list[OutboxRow]:
    """Lease up to ``limit`` due events, oldest first; those that others hold are skipped."""
    rows = await connection.execute(
        _CLAIM,
        {"lease": lease, "limit": limit, "seconds": LEASE_SECONDS, "longest": LONGEST_DELAY_SECONDS},
    )
    return sorted((OutboxRow(*row) for row in rows), key=lambda row: row.id)


async def delete_events(connection: AsyncConnection, ids: Sequence[int], *, lease: uuid.UUID) -> None:
    """Forget published events, unless the lease passed to another relay."""
    await connection.execute(_DELETE, {"ids": list(ids), "lease": lease})


async def release_events(
    connection: AsyncConnection, ids: Sequence[int], *, lease: uuid.UUID, delay_seconds: float
) -> None:
    """Give failed events back, to be tried again in ``delay_seconds``."""
    await connection.execute(
        _RELEASE,
        {"ids": list(ids), "lease": lease, "seconds": min(delay_seconds, LONGEST_DELAY_SECONDS)},
    )
