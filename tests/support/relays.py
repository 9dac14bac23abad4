"""Relays as api has them, and events for them to publish."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from libs.common.outbox import event_outbox as outbox
from libs.common.outbox.relay import STOP_SECONDS, Relay
from libs.common.outbox.source import MessageBroker, Source
from libs.common.stores.postgres import Postgres
from libs.common.topics import Topic
from libs.contracts.lead_import.events import ImportAccepted
from libs.imports.chunk_outbox import ChunkOutbox
from libs.imports.chunk_states import Window
from tests.support.imports import import_accepted

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def relay_of(
    postgres: Postgres, broker: MessageBroker, *, of: Source | None = None, poll_seconds: float = 0.05
) -> Relay:
    """Return a relay of ``of`` alone, or of all that api's has."""
    both = (outbox.EventOutbox(), ChunkOutbox(Window(alone=4, shared=2), service="api"))
    return Relay(postgres, broker, service="api", sources=both if of is None else (of,), poll_seconds=poll_seconds)


@asynccontextmanager
async def running(*relays: Relay) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(relay.run()) for relay in relays]
    try:
        yield
        assert not any(task.done() for task in tasks), "a relay runs for ever"
    finally:
        for relay in relays:
            relay.stop()
        await asyncio.wait_for(asyncio.gather(*tasks), STOP_SECONDS + 1)


async def add(postgres: Postgres, topic: Topic[ImportAccepted], *import_ids: int) -> None:
    async with postgres.transaction() as connection:
        for import_id in import_ids:
            await outbox.add_event(connection, topic, import_accepted(import_id), source="api", time=NOW)
