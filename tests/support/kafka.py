"""Topics of a test's own on the real Kafka, and consumers as the services have them."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import Broker, create_broker, stop_broker
from libs.common.kafka.delivery import Delivery
from libs.common.kafka.subscribing import subscribe
from libs.common.settings import KafkaSettings
from libs.common.topics import DeadLetters, EventT, Topic
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, DEAD_LETTERS
from tests.support.waiting import eventually

Headers = Sequence[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class Kafka:
    """The real broker. ``settings`` wait shorter than a service does."""

    settings: KafkaSettings
    admin: AIOKafkaAdminClient
    producer: AIOKafkaProducer

    async def create(self, name: str, *, partitions: int = 1, configs: dict[str, str] | None = None) -> None:
        response = await self.admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs or {})])
        assert not response.topic_errors[0][1], response

    async def configure(self, name: str, *, configs: dict[str, str]) -> None:
        await self.admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs)])

    async def chunk_topic(self, *, partitions: int = 1) -> Topic[ChunkAccepted]:
        """Create a topic of accepted chunks that no other test has."""
        return await self.topic(CHUNK_ACCEPTED, partitions=partitions)

    async def topic(self, of: Topic[EventT], *, partitions: int = 1) -> Topic[EventT]:
        """Create a topic that no other test has, with the event, key and headers of a registered one."""
        topic = replace(of, name=unique(of.name))
        await self.create(topic.name, partitions=partitions)
        return topic

    async def send(
        self, topic: str, value: bytes, *, key: bytes | None = None, headers: Headers = (), partition: int | None = None
    ) -> None:
        await self.producer.send_and_wait(topic, value, key=key, headers=list(headers), partition=partition)

    async def records(self, topic: str) -> list[ConsumerRecord[Any, Any]]:
        """Return everything that the topic holds now."""
        consumer = AIOKafkaConsumer(
            topic,
            bootstrap_servers=self.settings.kafka_bootstrap,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        try:
            partitions = sorted(consumer.assignment())
            ends = await consumer.end_offsets(partitions)
            found: list[ConsumerRecord[Any, Any]] = []
            while behind := [each for each in partitions if await consumer.position(each) < ends[each]]:
                for batch in (await consumer.getmany(*behind, timeout_ms=200)).values():
                    found += batch
            return found
        finally:
            await consumer.stop()

    async def dead_letters(self, of: str, *, where: DeadLetters = DEAD_LETTERS) -> list[ConsumerRecord[Any, Any]]:
        """Return the dead letters of one topic, from where its readers' owner keeps them."""
        return [each for each in await self.records(where.topic) if ("x-original-topic", of.encode()) in each.headers]

    async def committed(self, group: str, topic: str) -> int:
        """Return the sum of the group's committed offsets: how many messages it is done with."""
        offsets = await self.admin.list_consumer_group_offsets(group)
        return sum(max(0, each.offset) for partition, each in offsets.items() if partition.topic == topic)

    async def until_committed(self, group: str, topic: str, count: int, *, seconds: float = 15.0) -> None:
        async def look() -> bool:
            return await self.committed(group, topic) >= count

        await eventually(look, seconds=seconds, what=f"{count} committed messages of {topic}")
        assert await self.committed(group, topic) == count


@dataclass(frozen=True, slots=True)
class Running:
    """A consumer as a service runs it."""

    broker: Broker
    delivery: Delivery
    group: str
    bad_deploys: list[bool]


def unique(name: str) -> str:
    return f"{name}-{uuid.uuid4().hex[:12]}"


@asynccontextmanager
async def kafka_of(settings: KafkaSettings) -> AsyncIterator[Kafka]:
    servers = {"bootstrap_servers": settings.kafka_bootstrap}
    admin, producer = AIOKafkaAdminClient(**servers), AIOKafkaProducer(**servers)
    await admin.start()
    await producer.start()
    try:
        yield Kafka(settings, admin, producer)
    finally:
        await producer.stop()
        await admin.close()


@asynccontextmanager
async def consuming(
    kafka: Kafka,
    topic: Topic[EventT],
    handler: Callable[[EventT], Awaitable[None]] | None = None,
    *,
    group: str | None = None,
    settings: KafkaSettings | None = None,
    declare: Callable[[Broker, str], None] | None = None,
    dead_letters: DeadLetters = DEAD_LETTERS,
) -> AsyncIterator[Running]:
    """Run a consumer with the one middleware; stop it as a service stops. ``declare`` subscribes in another way."""
    settings = settings or kafka.settings
    group = group or unique("group")
    bad_deploys: list[bool] = []
    delivery = Delivery(
        settings,
        service="test",
        dead_letters=dead_letters,
        on_bad_deploy=lambda: bad_deploys.append(True),
        jitter=lambda: 0.0,
    )
    broker = create_broker(settings, service="test", delivery=delivery, registry=CollectorRegistry())
    if handler is not None:
        subscribe(broker, topic, group=group, begins="beginning", settings=settings)(handler)
    if declare is not None:
        declare(broker, group)
    await broker.start()
    try:
        yield Running(broker, delivery, group, bad_deploys)
    finally:
        delivery.stop_waiting()
        await stop_broker(broker)
