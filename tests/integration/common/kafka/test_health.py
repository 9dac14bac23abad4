"""Readiness: an idle consumer is ready, a stuck one is not."""

import asyncio

from libs.common.errors import BadDay
from libs.common.kafka.health import ConsumerHealth
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import accepted, phones
from tests.support.kafka import Kafka, Running, consuming, unique
from tests.support.waiting import eventually

CHUNK = accepted(phones(1)).model_copy(update={"import_id": 2_000_000_005}).model_dump_json().encode()


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def health_of(running: Running, kafka: Kafka, clock: Clock) -> ConsumerHealth:
    return ConsumerHealth(running.broker, running.delivery, kafka.settings, service="test", monotonic=clock)


async def until_ready(health: ConsumerHealth) -> None:
    async def look() -> bool:
        return await health.stuck() is None

    await eventually(look, what="readiness")


async def test_an_idle_consumer_is_ready_however_long_nothing_comes(kafka: Kafka) -> None:
    topic, clock = await kafka.chunk_topic(), Clock()

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, handle) as running:
        health = health_of(running, kafka, clock)
        await kafka.until_committed(running.group, topic.name, 1)
        for _ in range(3):
            assert await health.stuck() is None
            clock.now += 10 * kafka.settings.stuck_after_seconds


async def test_lag_without_progress_is_not_ready_and_progress_makes_it_ready_again(kafka: Kafka) -> None:
    topic, clock = await kafka.chunk_topic(), Clock()
    back, tried = asyncio.Event(), asyncio.Event()

    async def handle(chunk: ChunkAccepted) -> None:
        tried.set()
        if not back.is_set():
            raise BadDay("PostgreSQL is away")

    for _ in range(3):
        await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, handle) as running:
        health = health_of(running, kafka, clock)
        await asyncio.wait_for(tried.wait(), 10)
        assert await health.stuck() is None
        clock.now += kafka.settings.stuck_after_seconds - 1
        assert await health.stuck() is None
        clock.now += 2
        stuck = await health.stuck()
        assert stuck is not None
        assert "none was settled" in stuck
        back.set()
        await kafka.until_committed(running.group, topic.name, 3)
        assert await health.stuck() is None


async def test_a_handler_that_hangs_on_the_last_message_is_not_idle(kafka: Kafka) -> None:
    """Nothing waits behind it: the consumer's position is the end of its partition."""
    topic, clock = await kafka.chunk_topic(), Clock()
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hang(chunk: ChunkAccepted) -> None:
        begun.set()
        await let_go.wait()

    await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, hang) as running:
        health = health_of(running, kafka, clock)
        await asyncio.wait_for(begun.wait(), 10)
        assert await health.stuck() is None
        clock.now += kafka.settings.stuck_after_seconds + 1
        assert await health.stuck() is not None
        let_go.set()
        await kafka.until_committed(running.group, topic.name, 1)
        await until_ready(health)


async def test_a_consumer_that_works_through_its_lag_is_ready(kafka: Kafka) -> None:
    topic, clock = await kafka.chunk_topic(), Clock()
    may_pass, tried = asyncio.Semaphore(0), asyncio.Event()

    async def handle(chunk: ChunkAccepted) -> None:
        tried.set()
        await may_pass.acquire()

    for _ in range(4):
        await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, handle) as running:
        health = health_of(running, kafka, clock)
        await asyncio.wait_for(tried.wait(), 10)
        assert await health.stuck() is None
        for done in (1, 2, 3):
            clock.now += kafka.settings.stuck_after_seconds - 1
            may_pass.release()
            await kafka.until_committed(running.group, topic.name, done)
            assert await health.stuck() is None
        may_pass.release()


async def test_a_consumer_without_a_partition_is_not_ready(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(), unique("group")

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with consuming(kafka, topic, handle, group=group) as one:
        await until_ready(health_of(one, kafka, Clock()))
        async with consuming(kafka, topic, handle, group=group) as other:
            healths = [health_of(one, kafka, Clock()), health_of(other, kafka, Clock())]

            async def look() -> bool:
                reasons = [await health.stuck() for health in healths]
                return sorted(reasons, key=str) == [None, "no partition is assigned"]

            await eventually(look, what="one consumer with the partition and one without")


async def test_a_consumer_that_was_stopped_is_not_ready(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with consuming(kafka, topic, handle) as running:
        health = health_of(running, kafka, Clock())
        await until_ready(health)
    assert await health.stuck() == "the consumer has not started"
