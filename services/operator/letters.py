"""Reads an owner's dead-letter topic, and republishes letters to the topics that they came from.

Letters are up to half a megabyte each, and a bad hour leaves thousands: they are read one partition after the other,
and nobody keeps more than what a letter's headers say.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from libs.common.kafka.clients import kafka_consumer, kafka_producer, topic_in_kafka
from libs.common.kafka.dead_letter import ORIGINAL_HEADER, read_dead_letter
from libs.common.settings import KafkaSettings
from libs.common.topics import DeadLetters
from services.operator.domain import Letter

QUIET_MS = 5_000
"""A broker that gives nothing for so long, although there is more, counts as away."""


class Letters:
    """An owner's dead letters, while a connection to Kafka is open."""

    def __init__(self, consumer: AIOKafkaConsumer, dead_letters: DeadLetters) -> None:
        self._consumer = consumer
        self._dead_letters = dead_letters

    @classmethod
    @asynccontextmanager
    async def opened(cls, settings: KafkaSettings, dead_letters: DeadLetters) -> AsyncIterator["Letters"]:
        topic = topic_in_kafka(settings, dead_letters.topic)
        consumer = kafka_consumer(settings, topic, client_id="leadflow-operator", enable_auto_commit=False)
        try:
            await consumer.start()
            # A consumer without a group is given all partitions at once, without waiting for other members. It fetches
            # ahead from each that is not paused.
            consumer.pause(*consumer.assignment())
            yield cls(consumer, dead_letters)
        finally:
            await consumer.stop()

    async def all(self) -> AsyncIterator[Letter]:
        """Yield every letter that the topic still holds, of one partition after the other."""
        for partition in sorted(self._consumer.assignment()):
            start, end = await self._bounds(partition)
            if start < end:
                async for record in self._read(partition, start, end):
                    yield _letter(record, self._dead_letters)

    async def at(self, position: str) -> tuple[Letter, ConsumerRecord[Any, Any]] | None:
        """Return the letter at ``partition:offset``, and its message; None when the topic holds none there."""
        number, _, offset = position.partition(":")
        places = {str(partition.partition): partition for partition in self._consumer.assignment()}
        if number not in places or not offset.isdecimal():
            return None
        partition = places[number]
        start, end = await self._bounds(partition)
        if not start <= int(offset) < end:
            return None
        async for record in self._read(partition, int(offset), int(offset) + 1):
            return _letter(record, self._dead_letters), record
        return None

    async def _bounds(self, partition: TopicPartition) -> tuple[int, int]:
        starts = await self._consumer.beginning_offsets([partition])
        ends = await self._consumer.end_offsets([partition])
        return starts[partition], ends[partition]

    async def _read(self, partition: TopicPartition, start: int, end: int) -> AsyncIterator[ConsumerRecord[Any, Any]]:
        """Yield the records from ``start`` to before ``end``. Raises TimeoutError when the broker gives none."""
        consumer = self._consumer
        consumer.seek(partition, start)
        consumer.resume(partition)
        try:
            while await consumer.position(partition) < end:
                batches = await consumer.getmany(partition, timeout_ms=QUIET_MS, max_records=10)
                if not batches:
                    raise TimeoutError("Kafka does not answer")
                for record in batches[partition]:
                    if record.offset < end:
                        yield record
        finally:
            consumer.pause(partition)


def _letter(record: ConsumerRecord[Any, Any], dead_letters: DeadLetters) -> Letter:
    letter = read_dead_letter(record, dead_letters)
    return Letter(
        position=f"{record.partition}:{record.offset}",
        time=datetime.fromtimestamp(record.timestamp / 1000, UTC),
        size=len(record.value or b""),
        piece=letter.piece,
        original_topic=letter.original_topic,
        service=letter.service,
        attempts=letter.attempts,
        why=letter.exception_message,
    )


async def republish(settings: KafkaSettings, dead_letters: DeadLetters, positions: Iterable[str]) -> int:
    """Send the letters at these positions to the topics that they came from, as they were; return how many."""
    producer = kafka_producer(settings, client_id="leadflow-operator")
    sent = 0
    try:
        await producer.start()
        async with Letters.opened(settings, dead_letters) as letters:
            for position in positions:
                found = await letters.at(position)
                if found is None or not found[0].original_topic:
                    continue
                record = found[1]
                headers = [
                    (name.removeprefix(ORIGINAL_HEADER), value)
                    for name, value in record.headers
                    if name.startswith(ORIGINAL_HEADER)
                ]
                key = read_dead_letter(record, dead_letters).original_key.encode() or None
                await producer.send_and_wait(found[0].original_topic, value=record.value, key=key, headers=headers)
                sent += 1
    finally:
        await producer.stop()
    return sent
