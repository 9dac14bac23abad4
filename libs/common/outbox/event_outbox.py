"""The outbox of events: written in the transaction that makes them true, published by a relay afterwards.

A relay claims rows with ``FOR UPDATE SKIP LOCKED`` and a lease, publishes outside the transaction, deletes
what it still holds the lease of, and gives back what failed with a growing delay. Any number of relays may
run. An event is published at least once; a repeat carries the same ``ce_id``.

Events of one topic and key are published one after another, in the order in which they were written: an event is due
when all older ones are gone. Writers of one key must take turns, by a lock that they hold until they commit, or there
is no order to keep.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.source import LEASE_SECONDS, Outgoing, Room
from libs.common.topics import EventT, Topic
from libs.common.traces import current_trace_headers

LONGEST_DELAY_SECONDS = 60

ADDED = """
    INSERT INTO amigocare.outbox (topic, key, headers, payload)
    SELECT :event_topic, key, CAST(headers AS jsonb), payload
    FROM unnest(CAST(:event_keys AS text[]), CAST(:event_headers AS text[]), CAST(:event_payloads AS bytea[]))
         AS event (key, headers, payload)
"""
"""Events as a part of the statement that writes what they tell of; ``added_events`` has the values."""
_ADD = text(ADDED)
# Due is what is available by now. Due is also what shall be available later than the longest delay from now: nobody
# writes such a time, unless by a clock that has since jumped back, and the event would wait until the clock is there
# again. "From now" is by clock_timestamp(), because now() stands still at the beginning of this transaction: another
# relay may have claimed the event since then, and its good lease would look too long.
#
# The oldest of its topic and key is looked for by the index that is in this order, once for each event: as a join it
# would read the table. It is the first from there on, not the least of those that are equal: where PostgreSQL expects
# many of them, as after an hour of few keys, it would look for that one among all events, from the oldest on.
_CLAIM = text(
    """
    WITH due AS (
        SELECT id, octet_length(payload) AS size FROM amigocare.outbox o
        WHERE (available_at <= now() OR available_at > clock_timestamp() + make_interval(secs => :longest_delay))
          AND id = (
              SELECT older.id FROM amigocare.outbox older
              WHERE (older.topic, older.key, older.id) >= (o.topic, o.key, 0)
              ORDER BY older.topic, older.key, older.id LIMIT 1
          )
        ORDER BY id LIMIT :messages FOR UPDATE SKIP LOCKED
    ), measured AS (
        SELECT id, size, sum(size) OVER (ORDER BY id) AS total FROM due
    )
    UPDATE amigocare.outbox o
    SET lease = :lease, attempts = attempts + 1, available_at = now() + make_interval(secs => :seconds)
    FROM measured WHERE o.id = measured.id AND (measured.total <= :size OR measured.total = measured.size)
    RETURNING o.id, o.topic, o.key, o.headers, o.payload
    """
)
_DELETE = text("DELETE FROM amigocare.outbox WHERE id = ANY(:ids) AND lease = :lease")
_WAITING = text("SELECT id FROM amigocare.outbox WHERE id = ANY(:ids)")
_RELEASE = text(
    """
    UPDATE amigocare.outbox o SET lease = NULL, available_at = now() + make_interval(secs => given.seconds)
    FROM unnest(CAST(:ids AS bigint[]), CAST(:seconds AS float8[])) AS given (id, seconds)
    WHERE o.id = given.id AND o.lease = :lease
    """
)


async def add_event(
    connection: AsyncConnection, topic: Topic[EventT], event: EventT, *, source: str, time: datetime
) -> None:
    """Write ``event`` into the outbox, as part of the caller's transaction."""
    await add_events(connection, topic, [event], source=source, time=time)


async def add_events(
    connection: AsyncConnection, topic: Topic[EventT], events: Sequence[EventT], *, source: str, time: datetime
) -> None:
    """Write events into the outbox in their order, as part of the caller's transaction."""
    if events:
        await connection.execute(_ADD, added_events(topic, events, source=source, times=[time] * len(events)))


def added_events(
    topic: Topic[EventT],
    events: Sequence[EventT],
    *,
    source: str,
    times: Sequence[datetime],
    traces: Sequence[Mapping[str, str]] | None = None,
) -> dict[str, Any]:
    """Return the values of ``ADDED``: events, in their order, when each came to be, and the trace that each belongs to.

    Without ``traces`` it is the running one.
    """
    if traces is None:
        traces = [current_trace_headers()] * len(events)
    headers = (
        {**topic.headers(topic.identity(event), source=source, time=time), **trace}
        for event, time, trace in zip(events, times, traces, strict=True)
    )
    return {
        "event_topic": topic.name,
        "event_keys": [topic.key(event) for event in events],
        "event_headers": [json.dumps(each) for each in headers],
        "event_payloads": [event.model_dump_json().encode() for event in events],
    }


async def claim_events(connection: AsyncConnection, *, lease: uuid.UUID, room: Room) -> list[Outgoing]:
    """Lease the due events that find room, oldest first; those that others hold are skipped."""
    rows = await connection.execute(
        _CLAIM,
        {
            "lease": lease,
            "messages": room.messages,
            "size": room.size,
            "seconds": LEASE_SECONDS,
            "longest_delay": LONGEST_DELAY_SECONDS,
        },
    )
    return sorted((Outgoing(*row) for row in rows), key=lambda row: row.id)


async def delete_events(connection: AsyncConnection, ids: Sequence[int], *, lease: uuid.UUID) -> None:
    """Forget published events, unless the lease passed to another relay."""
    await connection.execute(_DELETE, {"ids": list(ids), "lease": lease})


async def waiting_events(connection: AsyncConnection, ids: Sequence[int]) -> set[int]:
    """Return those of the events that are not published yet."""
    return set((await connection.execute(_WAITING, {"ids": list(ids)})).scalars())


async def release_events(connection: AsyncConnection, delays: Sequence[tuple[int, float]], *, lease: uuid.UUID) -> None:
    """Give events back, unless the lease passed to another relay: (id, seconds after which it is due again)."""
    await connection.execute(
        _RELEASE,
        {
            "ids": [event for event, _ in delays],
            "seconds": [min(seconds, LONGEST_DELAY_SECONDS) for _, seconds in delays],
            "lease": lease,
        },
    )


class EventOutbox:
    """The outbox of events as a source of the relay."""

    kind = "event"

    async def claim(self, connection: AsyncConnection, *, lease: uuid.UUID, room: Room) -> list[Outgoing]:
        """Lease the due events that find room, oldest first."""
        return await claim_events(connection, lease=lease, room=room)

    async def published(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Forget published events, unless the lease passed to another relay."""
        await delete_events(connection, [message.id for message in messages], lease=lease)

    async def postponed(
        self, connection: AsyncConnection, messages: Sequence[tuple[Outgoing, float]], *, lease: uuid.UUID
    ) -> None:
        """Give events back, each to be claimed again in so many seconds."""
        await release_events(connection, [(message.id, seconds) for message, seconds in messages], lease=lease)

    async def waiting(self, connection: AsyncConnection, messages: Sequence[Outgoing]) -> set[int]:
        """Return the ids of those that are not published yet."""
        return await waiting_events(connection, [message.id for message in messages])
