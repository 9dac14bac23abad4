"""Readiness: an idle consumer is ready, a stuck one is not."""

import asyncio

from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from libs.common.errors import BadDay
from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.delivery import Delivery
from libs.common.kafka.health import ConsumerHealth
from libs.common.kafka.subscribing import subscribe
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from tests.support.chunks import accepted, phones
from tests.support.clocks import Clock
from tests.support.kafka import Kafka, Running, consuming, unique
from tests.support.waiting import eventually

CHUNK = accepted(phones(1)).model_copy(update={"import_id": 2_000_000_005}).model_dump_json().encode()


async def nothing(chunk: ChunkAccepted) -> None:
    """Handle a message well."""


def health_of(running: Running, kafka: Kafka, clock: Clock) -> ConsumerHealth:
    return ConsumerHealth(running.broker, running.delivery, kafka.settings, monotonic=clock)


async def until_ready(health: ConsumerHealth) -> None:
    async def look() -> bool:
        return await health.stuck() is None

    await eventually(look, what="readiness")


async def test_an_idle_consumer_is_ready_however_long_nothing_comes(kafka: Kafka) -> None:
    topic, clock = await kafka.chunk_topic(), Clock()

    await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, nothing) as running:
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


async def test_a_member_without_a_partition_is_ready_once_its_group_is_stable(kafka: Kafka) -> None:
    """There may be more members than partitions: it takes over at once when another one ends."""
    topic, group = await kafka.chunk_topic(), unique("group")

    async with consuming(kafka, topic, nothing, group=group) as one:
        await until_ready(health_of(one, kafka, Clock()))
        async with consuming(kafka, topic, nothing, group=group) as other:
            for running in (one, other):
                await until_ready(health_of(running, kafka, Clock()))
            members = [running.broker.subscribers[0].consumer for running in (one, other)]  # type: ignore[attr-defined]
            assert sorted(len(each.assignment()) for each in members) == [0, 1]


async def test_a_member_that_has_not_joined_its_group_is_not_ready(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(), unique("group")
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hang(chunk: ChunkAccepted) -> None:
        begun.set()
        await let_go.wait()

    def declare(broker: KafkaBroker, group: str) -> None:
        subscribe(broker, topic, group=group, begins="beginning", settings=kafka.settings)(hang)

    await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, hang, group=group):
        await asyncio.wait_for(begun.wait(), 10)
        # The group waits for the message in hand, and the second member with it.
        joining = create_broker(kafka.settings, service="test", registry=CollectorRegistry())
        declare(joining, group)
        start = asyncio.create_task(joining.start())
        delivery = Delivery(kafka.settings, service="test", dead_letters=DEAD_LETTERS, on_bad_deploy=lambda: None)
        health = ConsumerHealth(joining, delivery, kafka.settings)

        async def look() -> bool:
            return "is not in its group" in str(await health.stuck())

        await eventually(look, what="a member that joins")
        let_go.set()
        await start
        await until_ready(health)
        await stop_broker(joining)


async def test_a_consumer_that_was_stopped_is_not_ready(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()

    async with consuming(kafka, topic, nothing) as running:
        health = health_of(running, kafka, Clock())
        await until_ready(health)
    assert await health.stuck() == "the consumer has not started"


async def test_a_consumer_whose_own_task_has_ended_is_dead_and_only_a_new_start_helps(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()

    async with consuming(kafka, topic, nothing) as running:
        health = health_of(running, kafka, Clock())
        await until_ready(health)
        assert health.dead() is None
        (subscriber,) = running.broker.subscribers
        subscriber.consumer._fetcher._fetch_task.cancel()  # type: ignore[attr-defined]

        async def look() -> bool:
            return health.dead() == f"the consumer of {topic.name} has ended"

        await eventually(look, what="death")
