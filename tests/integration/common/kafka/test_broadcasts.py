"""A broadcast reaches every replica from now on, and nothing in it stops the next one."""

import gc
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from faststream.kafka import KafkaBroker, KafkaMessage
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.subscribing import broadcast
from tests.support.kafka import Kafka
from tests.support.waiting import eventually


async def until_it_listens(broker: KafkaBroker) -> None:
    """Wait for the start of "from now on": a consumer asks Kafka by itself, a little later, how long a partition is."""
    for subscriber in broker.subscribers:
        consumer = subscriber.consumer  # type: ignore[attr-defined]  # every subscriber of this broker has one
        for partition in consumer.assignment():
            await consumer.position(partition)


@asynccontextmanager
async def listening(kafka: Kafka, topic: str, *, fails: bool = False) -> AsyncIterator[list[bytes]]:
    """Listen as a replica of the api does; yield what was heard."""
    heard: list[bytes] = []
    broker = create_broker(kafka.settings, service="test", registry=CollectorRegistry())

    @broadcast(broker, topic)
    async def on_record(message: KafkaMessage) -> None:
        heard.append(message.raw_message.value or b"")  # type: ignore[union-attr]  # never a batch
        if fails:
            raise ValueError(message.body)

    await broker.start()
    await until_it_listens(broker)
    try:
        yield heard
    finally:
        await stop_broker(broker)


async def until_heard(heard: list[bytes], count: int) -> None:
    async def look() -> bool:
        return len(heard) >= count

    await eventually(look, what=f"{count} records")


async def test_every_replica_hears_every_record_from_now_on_whatever_its_bytes_are(kafka: Kafka) -> None:
    topic = (await kafka.chunk_topic(partitions=2)).name
    values = [b"{}", b"\xff no JSON", b"three"]
    await kafka.send(topic, b"before anybody listened")
    async with listening(kafka, topic) as one, listening(kafka, topic) as other:
        for number, value in enumerate(values):
            await kafka.send(topic, value, key=b"7", partition=number % 2)
        await until_heard(one, 3)
        await until_heard(other, 3)
    assert sorted(one) == sorted(other) == sorted(values)


async def test_a_record_is_forgotten_when_it_was_heard_not_when_python_looks_for_garbage(kafka: Kafka) -> None:
    topic = (await kafka.chunk_topic()).name
    records: list[weakref.ref[Any]] = []
    broker = create_broker(kafka.settings, service="test", registry=CollectorRegistry())

    @broadcast(broker, topic)
    async def on_record(message: KafkaMessage) -> None:
        records.append(weakref.ref(message.raw_message))

    async def forgotten() -> bool:
        return len(records) == 2 and records[0]() is None

    await broker.start()
    await until_it_listens(broker)
    gc.disable()
    try:
        await kafka.send(topic, b"1")
        await kafka.send(topic, b"2")
        await eventually(forgotten, what="the first record's end")
    finally:
        gc.enable()
        await stop_broker(broker)


async def test_a_record_that_cannot_be_handled_does_not_stop_the_next_one(kafka: Kafka) -> None:
    topic = (await kafka.chunk_topic()).name
    async with listening(kafka, topic, fails=True) as heard:
        await kafka.send(topic, b"1")
        await kafka.send(topic, b"2", headers=[("ce_id", b"\xff")])
        await kafka.send(topic, b"3")
        await until_heard(heard, 2)
    assert heard == [b"1", b"3"]
    assert await kafka.dead_letters(topic) == []
