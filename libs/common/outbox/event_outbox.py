"""The outbox of events: written in the transaction that makes them true, published by a relay afterwards.

A relay claims rows with ``FOR UPDATE SKIP LOCKED`` and a lease, publishes outside the transaction, deletes
what it still holds the lease of, and gives back what failed with a growing delay. Any number of relays may
run. An event is published at least once; a repeat carries the same ``ce_id``.
"""

import json
import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.source import LEASE_SECONDS, Outgoing
from libs.common.topics import EventT, Topic
from libs.common.traces import current_trace_headers

EVENTS_AT_ONCE = 100
LONGEST_DELAY_SECONDS = 60

_ADD = text(
    "INSERT INTO amigocare.outbox (topic, key, headers, payload)"
    " VALUES (:topic, :key, CAST(:headers AS jsonb), :payload)"
)
# Due is what is available by now. Due is also what shall be available later than the longest delay from now: nobody
# writes such a time, unless by a clock that has since jumped back, and the event would wait until the clock is there
# again. "From now" is by clock_timestamp(), because now() stands still at the beginning of this transaction: another
# relay may have claimed the event since then, and its good lease would look too long.
_CLAIM = text(
    """
    WITH due AS (
        SELECT id FROM amigocare.outbox
        WHERE available_at <= now() OR available_at > clock_timestamp() + make_interval(secs => :longest_delay)
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


async def claim_events(connection: AsyncConnection, *, lease: uuid.UUID, limit: int) -> list[Outgoing]:
    """Lease up to ``limit`` due events, oldest first; those that others hold are skipped."""
    rows = await connection.execute(
        _CLAIM,
        {"lease": lease, "limit": limit, "seconds": LEASE_SECONDS, "longest_delay": LONGEST_DELAY_SECONDS},
    )
    return sorted((Outgoing(*row) for row in rows), key=lambda row: row.id)


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


class EventOutbox:
    """The outbox of events as a source of the relay."""

    kind = "event"

    async def claim(self, connection: AsyncConnection, *, lease: uuid.UUID) -> list[Outgoing]:
        """Lease up to ``EVENTS_AT_ONCE`` due events, oldest first."""
        return await claim_events(connection, lease=lease, limit=EVENTS_AT_ONCE)

    async def published(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Forget published events, unless the lease passed to another relay."""
        await delete_events(connection, [message.id for message in messages], lease=lease)

    async def failed(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Give failed events back, to be tried again after a pause that doubles with each attempt."""
        delay = 0.2 * 2 ** min(10, *(message.attempts for message in messages))
        await release_events(connection, [message.id for message in messages], lease=lease, delay_seconds=delay)
