"""What a relay has in memory at once: what a turn claims, and what is on its way to a Kafka that is slow."""

import asyncio
import tracemalloc
from typing import Any

import pytest

from libs.common.kafka.broker import Broker
from libs.common.outbox import event_outbox as outbox
from libs.common.outbox import relay as relaying
from libs.common.outbox.relay import A_TURN
from libs.common.outbox.source import Room
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from tests.support.imports import insert_imports
from tests.support.kafka import Kafka
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.relays import add, relay_of, running
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")

PARTITIONS = 12


async def test_of_two_thousand_queued_imports_no_more_are_in_memory_than_a_turn_takes(
    postgres: Postgres, broker: Broker, chunk_topic: str, tenant: Tenant
) -> None:
    """What an outage leaves behind: 100 MB here, ten times as much with the largest chunks."""
    await insert_imports(postgres, tenant, 2_000, chunks=1, size=50_000)
    relay = relay_of(postgres, broker)
    tracemalloc.start()
    try:
        assert [await relay.relay_once() for _ in range(3)] == [A_TURN.messages] * 3
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64_000_000


class Slow:
    """The real broker, which takes nothing yet and refuses nothing either; no partition gets most of what is sent."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self.takes = asyncio.Event()

    def partition_of(self, topic: str, key: bytes) -> int | None:
        return int(key) % PARTITIONS

    async def publish(self, message: bytes, topic: str, **given: Any) -> None:
        await self.takes.wait()
        await self._broker.publish(message, topic=topic, **given)


@pytest.mark.parametrize("bound", ["messages", "size"])
async def test_a_relay_has_no_more_on_its_way_than_it_has_room_for(
    bound: str, postgres: Postgres, kafka: Kafka, broker: Broker, db: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where Kafka is slow, turns go on; what they claim must not fill the memory."""
    topic = await kafka.topic(IMPORT_ACCEPTED, partitions=PARTITIONS)
    await add(postgres, topic, *range(10, 70))
    await db.execute("UPDATE amigocare.outbox SET payload = decode(repeat('7b', 1000), 'hex')")
    room = Room(20, 1_000_000) if bound == "messages" else Room(1_000, 20_000)
    monkeypatch.setattr(relaying, "ON_ITS_WAY", room)
    monkeypatch.setattr(relaying, "A_TURN", Room(7, 1_000_000) if bound == "messages" else Room(1_000, 7_000))
    monkeypatch.setattr(relaying, "TURN_SECONDS", 0.01)
    slow = Slow(broker)
    relay = relay_of(postgres, slow, of=outbox.EventOutbox())
    assert [await relay.relay_once() for _ in range(6)] == [7, 7, 6, 0, 0, 0]
    assert await db.value("SELECT count(*) FROM amigocare.outbox WHERE lease IS NOT NULL") == 20
    slow.takes.set()
    async with running(relay):
        await eventually(db.outbox_is_empty, seconds=10, what="an empty outbox")
    records = await kafka.records(topic.name)
    assert sorted(int(record.key) for record in records) == list(range(10, 70))
