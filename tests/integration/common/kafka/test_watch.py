"""Whether Kafka still answers, and how much waits: told without anybody asking for readiness."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from faststream.kafka import KafkaBroker, KafkaMessage
from prometheus_client import REGISTRY

from libs.common.kafka import watch as module
from libs.common.kafka.subscribing import broadcast
from libs.common.kafka.watch import KafkaWatch
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import accepted, phones
from tests.support.kafka import Kafka, Running, consuming, unique
from tests.support.processes import held, needs_local_stack
from tests.support.waiting import eventually

CHUNK = accepted(phones(1)).model_copy(update={"import_id": 2_000_000_011}).model_dump_json().encode()
SILENT = 2.0
STALLED = 3.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SILENT_SECONDS", SILENT)
    monkeypatch.setattr(module, "ANSWER_SECONDS", 0.5)
    monkeypatch.setattr(module, "STALLED_SECONDS", STALLED)


class Everything(set[int]):
    """Every broker's number."""

    def __contains__(self, number: object) -> bool:
        return True


@asynccontextmanager
async def watching(running: Running, kafka: Kafka) -> AsyncIterator[KafkaWatch]:
    watch = KafkaWatch(running.broker, kafka.settings, service="test", look_seconds=0.1)
    task = asyncio.create_task(watch.run())
    try:
        yield watch
    finally:
        watch.stop()
        await task


def metric(name: str, topic: str) -> float | None:
    return REGISTRY.get_sample_value(name, {"service": "test", "topic": topic})


async def until_silent(watch: KafkaWatch, *, silent: bool) -> str:
    async def look() -> str | None:
        lasting = watch.trouble.lasting()
        return (lasting or "well") if (lasting is not None) is silent else None

    return await eventually(look, what="silence" if silent else "an answer")


async def test_lag_counts_what_is_in_hand_and_what_was_fetched(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hang(chunk: ChunkAccepted) -> None:
        begun.set()
        await let_go.wait()

    async def lag_is(expected: int) -> None:
        async def look() -> bool:
            return metric("leadflow_consumer_lag", topic.name) == expected

        await eventually(look, what=f"a lag of {expected}")

    for number in range(6):
        await kafka.send(topic.name, CHUNK, partition=number % 2)
    async with consuming(kafka, topic, hang) as running, watching(running, kafka):
        await asyncio.wait_for(begun.wait(), 10)
        # These come while earlier ones lie fetched and unread: the consumer itself does not learn of them.
        for number in range(7):
            await kafka.send(topic.name, CHUNK, partition=number % 2)
        await lag_is(13)

        async def stands_still() -> bool:
            return (metric("leadflow_progress_age_seconds", topic.name) or 0) > 0.5

        await eventually(stands_still, what="an age of the last progress")
        let_go.set()
        await lag_is(0)
        assert metric("leadflow_progress_age_seconds", topic.name) == 0
        assert await kafka.committed(running.group, topic.name) == 13


async def test_an_idle_consumer_is_answered(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with consuming(kafka, topic, handle) as running, watching(running, kafka) as watch:
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * SILENT
        while loop.time() < until:
            assert watch.trouble.lasting() is None
            await asyncio.sleep(0.1)
        assert metric("leadflow_kafka_silence_seconds", topic.name) == pytest.approx(0, abs=0.5)


@pytest.mark.parametrize("messages", [3, 1], ids=["more lie fetched", "it has all there is"])
async def test_a_handler_that_takes_long_is_no_silence(kafka: Kafka, messages: int) -> None:
    topic = await kafka.chunk_topic()
    begun, let_go = asyncio.Event(), asyncio.Event()

    async def hang(chunk: ChunkAccepted) -> None:
        begun.set()
        await let_go.wait()

    for _ in range(messages):
        await kafka.send(topic.name, CHUNK)
    async with consuming(kafka, topic, hang) as running, watching(running, kafka) as watch:
        await asyncio.wait_for(begun.wait(), 10)
        loop = asyncio.get_running_loop()
        until = loop.time() + 2 * SILENT
        while loop.time() < until:
            assert watch.trouble.lasting() is None
            await asyncio.sleep(0.1)
        let_go.set()


@needs_local_stack
async def test_consumers_that_are_cut_off_from_kafka_say_so_also_one_without_a_partition(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(), unique("group")

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with (
        consuming(kafka, topic, handle, group=group) as one,
        consuming(kafka, topic, handle, group=group) as other,
        watching(one, kafka) as first,
        watching(other, kafka) as second,
    ):
        for watch in (first, second):
            await until_silent(watch, silent=False)
        with held("kafka"):
            for watch in (first, second):
                assert f"no answer about {topic.name}, partition 0" in await until_silent(watch, silent=True)
            assert (metric("leadflow_kafka_silence_seconds", topic.name) or 0) >= SILENT
        for watch in (first, second):
            await until_silent(watch, silent=False)


@needs_local_stack
async def test_who_only_watches_a_topic_is_watched_too(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()

    def declare(broker: KafkaBroker, group: str) -> None:
        @broadcast(broker, topic.name)
        async def on_chunk(message: KafkaMessage) -> None:
            return None

    async with consuming(kafka, topic, declare=declare) as running, watching(running, kafka) as watch:
        await until_silent(watch, silent=False)
        with held("kafka"):
            await until_silent(watch, silent=True)
        await until_silent(watch, silent=False)


async def test_a_consumer_that_hears_nothing_of_a_kafka_that_answers_others_is_stalled(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with consuming(kafka, topic, handle) as running, watching(running, kafka) as watch:
        await until_silent(watch, silent=False)
        assert watch.stalled is None
        # The client believes that a question to each broker is on its way, and asks no other one.
        consumer: Any = next(iter(running.broker.subscribers)).consumer  # type: ignore[attr-defined]
        consumer._fetcher._in_flight = Everything()

        async def look() -> str | None:
            return watch.stalled

        told = await eventually(look, what="a consumer that only a new start helps")
        assert told.startswith(f"Kafka answers others about {topic.name}, partition ")
        consumer._fetcher._in_flight = set()

        async def well() -> bool:
            return watch.stalled is None

        await eventually(well, what="an answer")


@needs_local_stack
async def test_a_consumer_that_kafka_does_not_answer_is_not_stalled(kafka: Kafka) -> None:
    """A new start would bring no server back."""
    topic = await kafka.chunk_topic()

    async def handle(chunk: ChunkAccepted) -> None:
        return None

    async with consuming(kafka, topic, handle) as running, watching(running, kafka) as watch:
        await until_silent(watch, silent=False)
        with held("kafka"):

            async def look() -> bool:
                assert watch.stalled is None
                return (metric("leadflow_kafka_silence_seconds", topic.name) or 0) >= STALLED + 2

            await eventually(look, what="a silence that lasts")
