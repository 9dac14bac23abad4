"""A stop and a rebalance wait for the running handler; what was not finished comes again."""

import asyncio
import time

from libs.common.errors import BadDay
from libs.common.kafka.broker import stop_broker
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import accepted, phones
from tests.support.kafka import Kafka, consuming, unique
from tests.support.waiting import eventually

IMPORT = 2_000_000_004


async def send(kafka: Kafka, topic: str, *indexes: int, partition: int = 0) -> None:
    for index in indexes:
        chunk = accepted(phones(1)).model_copy(update={"import_id": IMPORT, "chunk_index": index})
        await kafka.send(topic, chunk.model_dump_json().encode(), partition=partition)


async def test_the_message_in_hand_is_finished_and_committed_before_the_stop(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    begun = asyncio.Event()
    finished: list[int] = []

    async def handle(chunk: ChunkAccepted) -> None:
        begun.set()
        await asyncio.sleep(0.5)
        finished.append(chunk.chunk_index)

    await send(kafka, topic.name, 0, 1, 2)
    async with consuming(kafka, topic, handle) as running:
        await asyncio.wait_for(begun.wait(), 10)
        running.delivery.stop_waiting()
        await stop_broker(running.broker)
        assert finished == [0]
        assert await kafka.committed(running.group, topic.name) == 1


async def test_a_backoff_ends_with_the_stop_and_its_message_stays(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    settings = kafka.settings.model_copy(update={"backoff_max_seconds": 60})
    attempts = 0

    async def handle(chunk: ChunkAccepted) -> None:
        nonlocal attempts
        attempts += 1
        raise BadDay("PostgreSQL is away")

    async def in_a_long_backoff() -> bool:
        return attempts == 4  # the next pause is 0.8 s

    await send(kafka, topic.name, 0)
    async with consuming(kafka, topic, handle, settings=settings) as running:
        await eventually(in_a_long_backoff, what="the fourth attempt")
        began = time.monotonic()
        running.delivery.stop_waiting()
        await stop_broker(running.broker)
        assert time.monotonic() - began < 0.7
    assert attempts == 4
    assert await kafka.committed(running.group, topic.name) == 0


async def test_a_rebalance_waits_for_the_running_handler(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)
    group = unique("group")
    begun = asyncio.Event()
    handled: list[tuple[str, int]] = []

    async def first(chunk: ChunkAccepted) -> None:
        begun.set()
        await asyncio.sleep(1.0)
        handled.append(("first", chunk.chunk_index))

    async def second(chunk: ChunkAccepted) -> None:
        handled.append(("second", chunk.chunk_index))

    await send(kafka, topic.name, 0, partition=0)
    async with consuming(kafka, topic, first, group=group):
        await asyncio.wait_for(begun.wait(), 10)
        await send(kafka, topic.name, 1, partition=1)
        async with consuming(kafka, topic, second, group=group):
            await kafka.until_committed(group, topic.name, 2)
            # Twice in a row: whoever has partition 0 now has nothing left of it.
            await send(kafka, topic.name, 2, partition=0)
            await send(kafka, topic.name, 3, partition=1)
            await kafka.until_committed(group, topic.name, 4)
    assert sorted(index for _, index in handled) == [0, 1, 2, 3], "each message once"
    assert ("first", 0) in handled
    assert {who for who, _ in handled} == {"first", "second"}


async def test_without_a_stop_what_was_not_finished_comes_again_to_the_next_consumer(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    group = unique("group")
    begun = asyncio.Event()
    handled: list[int] = []

    async def hangs(chunk: ChunkAccepted) -> None:
        begun.set()
        raise BadDay("and dies")

    async def works(chunk: ChunkAccepted) -> None:
        handled.append(chunk.chunk_index)

    await send(kafka, topic.name, 0, 1)
    async with consuming(kafka, topic, hangs, group=group):
        await asyncio.wait_for(begun.wait(), 10)
    async with consuming(kafka, topic, works, group=group):
        await kafka.until_committed(group, topic.name, 2)
    assert handled == [0, 1]
