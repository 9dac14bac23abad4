"""Three brokers, and a partition with less replicas in sync than must have a message: it takes nothing for a while."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
import pytest_asyncio
from aiokafka.admin import NewTopic
from aiokafka.errors import NotEnoughReplicasError
from prometheus_client import CollectorRegistry

from libs.common.errors import is_bad_day
from libs.common.kafka.broker import PUBLISH_SECONDS, Broker, create_broker, stop_broker
from libs.common.kafka.health import ConsumerHealth
from libs.common.outbox import event_outbox as outbox
from libs.common.outbox.relay import STOP_SECONDS, Relay
from libs.common.outbox.source import LEASE_SECONDS
from libs.common.settings import KafkaSettings
from libs.common.stores.postgres import Postgres
from libs.common.topics import Topic
from libs.contracts.lead_import.events import ImportAccepted
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from tests.support.brokers import place, three_brokers, without_broker
from tests.support.imports import import_accepted
from tests.support.kafka import Kafka, Running, consuming, kafka_of, unique
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, headers_of
from tests.support.waiting import eventually

pytestmark = [needs_local_stack, pytest.mark.usefixtures("quiet")]

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
PARTITIONS = 3
AWAY = 0


@pytest_asyncio.fixture(scope="module")
async def three() -> AsyncIterator[Kafka]:
    async with three_brokers("servers", {}) as addresses:
        settings = KafkaSettings(
            kafka_bootstrap=addresses.kafka_bootstrap, backoff_max_seconds=0.4, stuck_after_seconds=1
        )
        async with kafka_of(settings) as kafka:
            yield kafka


async def create(three: Kafka, partitions: int) -> Topic[ImportAccepted]:
    """Create a topic of which every message must be on two of three brokers."""
    topic = replace(IMPORT_ACCEPTED, name=unique(IMPORT_ACCEPTED.name))
    await three.admin.create_topics([NewTopic(topic.name, partitions, 3, topic_configs={"min.insync.replicas": "2"})])
    return topic


@pytest_asyncio.fixture
async def topic(three: Kafka) -> Topic[ImportAccepted]:
    """A topic of events of which one partition takes nothing while broker 3 is away."""
    topic = await create(three, PARTITIONS)
    await place(three.settings.kafka_bootstrap, topic.name, AWAY, [1, 3])
    return topic


@asynccontextmanager
async def publisher(three: Kafka) -> AsyncIterator[Broker]:
    broker = create_broker(three.settings, service="test", registry=CollectorRegistry())
    await broker.start()
    try:
        yield broker
    finally:
        await stop_broker(broker)


@pytest_asyncio.fixture
async def broker(three: Kafka) -> AsyncIterator[Broker]:
    async with publisher(three) as broker:
        yield broker


@asynccontextmanager
async def running(relay: Relay) -> AsyncIterator[None]:
    task = asyncio.create_task(relay.run())
    try:
        yield
        assert not task.done(), "a relay runs for ever"
    finally:
        relay.stop()
        began = time.monotonic()
        await task
        assert time.monotonic() - began < STOP_SECONDS + 1


async def add(postgres: Postgres, topic: Topic[ImportAccepted], ids: range) -> None:
    async with postgres.transaction() as connection:
        for import_id in ids:
            await outbox.add_event(connection, topic, import_accepted(import_id), source="api", time=NOW)


async def test_a_publication_that_a_partition_does_not_take_fails_as_a_bad_day_and_the_next_one_succeeds(
    three: Kafka, topic: Topic[ImportAccepted], broker: Broker
) -> None:
    await broker.publish(b"first", topic=topic.name, partition=AWAY)
    async with without_broker(3):
        began = time.monotonic()
        with pytest.raises(NotEnoughReplicasError) as failed:
            await broker.publish(b"lost", topic=topic.name, partition=AWAY)
        assert time.monotonic() - began < 2 * PUBLISH_SECONDS + 5
        assert is_bad_day(failed.value)
        await broker.publish(b"other", topic=topic.name, partition=1)

    async def taken() -> bool:
        try:
            await broker.publish(b"next", topic=topic.name, partition=AWAY)
        except NotEnoughReplicasError:
            return False
        return True

    await eventually(taken, seconds=60, what="a publication")
    assert [record.value for record in await three.records(topic.name) if record.partition == AWAY] == [
        b"first",
        b"next",
    ]


async def test_it_holds_up_its_own_messages_alone_and_nothing_is_published_twice(
    three: Kafka, topic: Topic[ImportAccepted], broker: Broker, postgres: Postgres, db: Stored
) -> None:
    await broker.publish(b"{}", topic=topic.name, partition=1)  # now the topic's partitions are known
    held_up = {str(key) for key in range(1, 601) if broker.partition_of(topic.name, str(key).encode()) == AWAY}

    async def only_held_up() -> bool:
        rows = await db.rows("SELECT key FROM amigocare.outbox")
        return {row["key"] for row in rows} <= held_up

    def relay(broker: Broker) -> Relay:
        return Relay(postgres, broker, service="test", sources=[outbox.EventOutbox()], poll_seconds=0.05)

    async with without_broker(3):
        # What a relay gave up at its stop may still be sent while its client lives, and the next relay sends it again.
        # A service's client ends soon after its relay; so does this one, before the partition is back.
        async with publisher(three) as first:
            await first.publish(b"{}", topic=topic.name, partition=1)  # it knows the topic's partitions, too
            async with running(relay(first)):
                for number in range(4):
                    await add(postgres, topic, range(1 + 150 * number, 151 + 150 * number))
                    # Sooner than the first one there has failed.
                    await eventually(only_held_up, seconds=PUBLISH_SECONDS - 3, what="all others published")
                    await asyncio.sleep(LEASE_SECONDS / 4)
        # Its stop was bounded, with publications under way. Another one takes over.
        assert await db.value("SELECT count(*) FROM amigocare.outbox") == len(held_up)
    async with running(relay(broker)):
        await eventually(db.outbox_is_empty, seconds=60, what="all published")
    published = Counter(headers_of(record).get("ce_id") for record in await three.records(topic.name))
    del published[None]
    assert len(published) == 600
    assert set(published.values()) == {1}


async def test_a_consumer_that_publishes_there_says_so_in_its_readiness_and_goes_on_when_it_is_back(
    three: Kafka, topic: Topic[ImportAccepted]
) -> None:
    source = await create(three, 1)
    running: list[Running] = []

    async def pass_on(accepted: ImportAccepted) -> None:
        await running[0].broker.publish(accepted.model_dump_json().encode(), topic=topic.name, partition=AWAY)

    async with AsyncExitStack() as away, consuming(three, source, pass_on) as consumer:
        running.append(consumer)
        health = ConsumerHealth(consumer.broker, consumer.delivery, three.settings)

        async def is_well(settled: int) -> bool:
            return consumer.delivery.progress.total() == settled and await health.stuck() is None

        async def says_why() -> bool:
            return "NotEnoughReplicasError" in (await health.stuck() or "")

        await three.send(source.name, import_accepted(1).model_dump_json().encode())
        await eventually(partial(is_well, 1), seconds=60, what="a message settled before")
        # What is settled and not committed yet comes again when the group's coordinator was on the broker that goes.
        await three.until_committed(consumer.group, source.name, 1, seconds=60)
        await away.enter_async_context(without_broker(3))
        await three.send(source.name, import_accepted(2).model_dump_json().encode())
        await eventually(says_why, seconds=60, what="the reason in the readiness")
        await away.aclose()
        await eventually(partial(is_well, 2), seconds=60, what="the message settled, the consumer ready")
    assert [record.partition for record in await three.records(topic.name)] == [AWAY, AWAY]
