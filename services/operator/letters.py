"""Reads an owner's dead-letter topic, and republishes letters to the topics that they came from."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiokafka import ConsumerRecord

from libs.common.kafka.clients import kafka_consumer, kafka_producer, topic_in_kafka
from libs.common.kafka.dead_letter import ORIGINAL_HEADER, read_dead_letter
from libs.common.settings import KafkaSettings
from libs.common.topics import DeadLetters
from services.operator.domain import Letter

QUIET_MS = 5_000
"""A broker that gives nothing for so long, although there is more, counts as away."""


async def read_letters(
    settings: KafkaSettings, dead_letters: DeadLetters
) -> list[tuple[Letter, ConsumerRecord[Any, Any]]]:
    """Return every dead letter that the owner's topic still holds, oldest first."""
    topic = topic_in_kafka(settings, dead_letters.topic)
    consumer = kafka_consumer(settings, topic, client_id="leadflow-operator", enable_auto_commit=False)
    try:
        await consumer.start()
        # A consumer without a group is given all partitions at once, without waiting for other members.
        partitions = sorted(consumer.assignment())
        ends = await consumer.end_offsets(partitions)
        starts = await consumer.beginning_offsets(partitions)
        for partition, start in starts.items():
            consumer.seek(partition, start)
        left = {partition for partition in partitions if ends[partition] > starts[partition]}
        found: list[tuple[Letter, ConsumerRecord[Any, Any]]] = []
        while left:
            batches = await consumer.getmany(*left, timeout_ms=QUIET_MS)
            if not batches:
                raise TimeoutError("Kafka does not answer")
            for partition, records in batches.items():
                found += [
                    (_letter(record, dead_letters), record) for record in records if record.offset < ends[partition]
                ]
                if await consumer.position(partition) >= ends[partition]:
                    left.discard(partition)
    finally:
        await consumer.stop()
    return sorted(found, key=lambda pair: (pair[0].time, pair[0].position))


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
        headers={name: (value or b"").decode("utf-8", "backslashreplace") for name, value in record.headers},
    )


async def republish(
    settings: KafkaSettings, dead_letters: DeadLetters, records: Sequence[ConsumerRecord[Any, Any]]
) -> int:
    """Send letters to the topic that they came from, as they were; return how many."""
    producer = kafka_producer(settings, client_id="leadflow-operator")
    try:
        await producer.start()
        sent = 0
        for record in records:
            letter = read_dead_letter(record, dead_letters)
            if not letter.original_topic:
                continue
            headers = [
                (name.removeprefix(ORIGINAL_HEADER), value)
                for name, value in record.headers
                if name.startswith(ORIGINAL_HEADER)
            ]
            key = letter.original_key.encode() or None
            await producer.send_and_wait(letter.original_topic, value=record.value, key=key, headers=headers)
            sent += 1
        return sent
    finally:
        await producer.stop()
