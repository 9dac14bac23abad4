"""Which letters in Kafka name a person, and until when: nobody can take one out, they expire by themselves."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import TopicAuthorizationFailedError

from libs.common.kafka.clients import kafka_admin, kafka_consumer, topic_in_kafka
from libs.common.kafka.topic_configs import topic_config
from libs.common.settings import KafkaSettings
from libs.common.topics import Registry

QUIET_MS = 5_000
CHECKED_EVERY = timedelta(minutes=5)
"""How often a broker looks what is over, unless it is told otherwise (``log.retention.check.interval.ms``)."""


@dataclass(frozen=True, slots=True)
class TopicLetters:
    """Letters of one topic. ``count`` None: it may not be read, and could hold some until then."""

    topic: str
    count: int | None
    gone_by: datetime


def personal_topics(registries: Iterable[Registry]) -> list[str]:
    """Return the topics that may name people: what is public does not."""
    found: list[str] = []
    for registry in registries:
        found += [topic.name for topic in registry.topics if not topic.public]
        if registry.dead_letters is not None:
            found.append(registry.dead_letters.topic)
    return sorted(found)


async def letters_naming(
    settings: KafkaSettings, topics: Iterable[str], is_named: Callable[[bytes], bool], *, now: datetime
) -> AsyncIterator[TopicLetters]:
    """Yield, of each topic that holds letters of which ``is_named`` is true, how many and until when.

    All that a topic holds is read. Raises aiokafka's KafkaError, and TimeoutError when Kafka gives no more.
    """
    admin = kafka_admin(settings, client_id="leadflow-operator")
    try:
        await admin.start()
        known = set(await admin.list_topics())
        for topic in topics:
            name = topic_in_kafka(settings, topic)
            if name not in known:
                continue
            kept = await _kept_for(admin, name)
            try:
                count, newest = await _count(settings, name, is_named)
            except TopicAuthorizationFailedError:
                yield TopicLetters(topic, None, now + kept)
                continue
            if newest is not None:
                yield TopicLetters(topic, count, newest + kept)
    finally:
        await admin.close()


async def _kept_for(admin: AIOKafkaAdminClient, topic: str) -> timedelta:
    """Return how long after it was written a letter is gone.

    A broker deletes files, not letters: a file is written to for ``segment.ms``, and is over when its last letter is.
    """
    milliseconds = 0
    for name in ("retention.ms", "segment.ms"):
        milliseconds += int((await topic_config(admin, name, [topic]))[topic])
    return timedelta(milliseconds=milliseconds) + CHECKED_EVERY


async def _count(settings: KafkaSettings, topic: str, is_named: Callable[[bytes], bool]) -> tuple[int, datetime | None]:
    consumer = kafka_consumer(
        settings, topic, client_id="leadflow-operator", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    count, newest = 0, 0
    try:
        await consumer.start()
        async for timestamp, value in _all(consumer):
            if is_named(value):
                count, newest = count + 1, max(newest, timestamp)
    finally:
        await consumer.stop()
    return count, datetime.fromtimestamp(newest / 1000, UTC) if count else None


async def _all(consumer: AIOKafkaConsumer) -> AsyncIterator[tuple[int, bytes]]:
    """Yield (timestamp, value) of what the topic holds now."""
    partitions: list[TopicPartition] = sorted(consumer.assignment())
    starts, ends = await consumer.beginning_offsets(partitions), await consumer.end_offsets(partitions)
    behind = {partition for partition in partitions if starts[partition] < ends[partition]}
    while behind:
        batches = await consumer.getmany(*behind, timeout_ms=QUIET_MS, max_records=50)
        if not batches:
            raise TimeoutError("Kafka does not answer")
        for records in batches.values():
            for record in records:
                yield record.timestamp, record.value or b""
        for partition in list(behind):
            if await consumer.position(partition) >= ends[partition]:
                behind.discard(partition)
