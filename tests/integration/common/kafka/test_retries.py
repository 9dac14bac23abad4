"""A bad day is waited out: the message stays at the head of its partition, and is never dead-lettered."""

import asyncio
import itertools
import time

from libs.common.errors import BadDay
from libs.common.kafka.publishing import Publisher
from libs.contracts.lead_import.acceptance import acceptance_number
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkDeduplicated
from libs.contracts.lead_import.internal.topics import CHUNK_DEDUPLICATED
from tests.support.chunks import accepted, phones
from tests.support.imports import deduplicated
from tests.support.kafka import Kafka, consuming, unique

IMPORT = 2_000_000_002


def chunk(index: int) -> ChunkAccepted:
    return accepted(phones(2)).model_copy(update={"import_id": IMPORT, "chunk_index": index})


async def send(kafka: Kafka, topic: str, *indexes: int) -> None:
    for index in indexes:
        await kafka.send(topic, chunk(index).model_dump_json().encode(), key=f"{IMPORT}:{index}".encode(), partition=0)


async def test_a_bad_day_is_waited_out_in_order_and_never_dead_lettered(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    attempts: list[int] = []

    async def handle(chunk: ChunkAccepted) -> None:
        attempts.append(chunk.chunk_index)
        if chunk.chunk_index == 1 and attempts.count(1) < 5:
            raise BadDay("PostgreSQL is away")

    await send(kafka, topic.name, 0, 1, 2)
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 3)
    assert attempts == [0, 1, 1, 1, 1, 1, 2]
    assert await kafka.dead_letters(topic.name) == []


async def test_more_failures_of_a_bad_day_than_bad_messages_are_allowed_stop_nothing(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    settings = kafka.settings.model_copy(update={"backoff_max_seconds": 0.01})
    attempts = 0

    async def handle(chunk: ChunkAccepted) -> None:
        nonlocal attempts
        attempts += 1
        if attempts < 3 * settings.bad_messages_in_a_row:
            raise OSError

    await send(kafka, topic.name, 0)
    async with consuming(kafka, topic, handle, settings=settings) as running:
        await kafka.until_committed(running.group, topic.name, 1)
        assert not running.bad_deploys


async def test_the_pauses_grow_up_to_the_longest(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    times: list[float] = []

    async def handle(chunk: ChunkAccepted) -> None:
        times.append(time.monotonic())
        if len(times) < 6:
            raise BadDay("later")

    await send(kafka, topic.name, 0)
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 1)
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    # Without jitter half of 0.2, 0.4 and then the longest, 0.4 seconds.
    for pause, least in zip(pauses, [0.1, 0.2, 0.2, 0.2, 0.2], strict=True):
        assert pause >= least


async def test_other_partitions_are_not_passed_over_by_the_commit_of_a_retried_one(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)
    handled: list[int] = []
    tries = 0

    async def handle(chunk: ChunkAccepted) -> None:
        nonlocal tries
        if chunk.chunk_index == 0 and tries < 3:
            tries += 1
            raise BadDay("later")
        handled.append(chunk.chunk_index)

    await send(kafka, topic.name, 0, 1)
    for index in (10, 11, 12):
        await kafka.send(topic.name, chunk(index).model_dump_json().encode(), partition=1)
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 5)
    assert sorted(handled) == [0, 1, 10, 11, 12]
    assert [index for index in handled if index < 10] == [0, 1]


async def test_the_offset_is_committed_only_after_the_publication(kafka: Kafka) -> None:
    topic, next_topic = await kafka.chunk_topic(), await kafka.topic(CHUNK_DEDUPLICATED)
    seen: list[tuple[int, int]] = []
    group = unique("group")
    published = asyncio.Event()
    may_end = asyncio.Event()

    async with consuming(kafka, topic, group=unique("other")) as sending:
        publish = Publisher(sending.broker, next_topic, source="test")

        async def handle(chunk: ChunkAccepted) -> None:
            await publish(ChunkDeduplicated.model_validate(chunk.model_dump()))
            published.set()
            await may_end.wait()

        await send(kafka, topic.name, 0)
        async with consuming(kafka, topic, handle, group=group):
            await asyncio.wait_for(published.wait(), 10)
            seen.append((len(await kafka.records(next_topic.name)), await kafka.committed(group, topic.name)))
            may_end.set()
            await kafka.until_committed(group, topic.name, 1)
    assert seen == [(1, 0)]


async def test_a_publication_that_kafka_refuses_leaves_the_message_to_come_again(kafka: Kafka) -> None:
    topic, next_topic = await kafka.chunk_topic(), await kafka.topic(CHUNK_DEDUPLICATED)
    await kafka.configure(next_topic.name, configs={"max.message.bytes": "50"})
    group = unique("group")
    committed_before: list[int] = []

    async with consuming(kafka, topic, group=unique("other")) as sending:
        publish = Publisher(sending.broker, next_topic, source="test")

        async def handle(chunk: ChunkAccepted) -> None:
            committed_before.append(await kafka.committed(group, topic.name))
            if len(committed_before) == 2:
                await kafka.configure(next_topic.name, configs={"max.message.bytes": "1000000"})
            await publish(deduplicated(chunk))

        await send(kafka, topic.name, 0)
        async with consuming(kafka, topic, handle, group=group):
            await kafka.until_committed(group, topic.name, 1)
    assert len(committed_before) > 1
    assert set(committed_before) == {0}
    (record,) = await kafka.records(next_topic.name)
    assert record.value == deduplicated(chunk(0)).model_dump_json().encode()
    assert await kafka.dead_letters(topic.name) == []


async def test_a_published_event_has_its_key_its_headers_and_its_json(kafka: Kafka) -> None:
    topic = await kafka.topic(CHUNK_DEDUPLICATED)
    event = deduplicated(chunk(4))
    async with consuming(kafka, topic) as sending:
        publish = Publisher(sending.broker, topic, source="dedup")
        await publish(event)
        await publish(event)
    first, second = await kafka.records(topic.name)
    headers = {name: value.decode() for name, value in first.headers}
    assert (first.key, first.value) == (f"{IMPORT}:4".encode(), event.model_dump_json().encode())
    assert headers["ce_type"] == "lead:import-chunk-deduplicated"
    assert headers["ce_source"] == "/leadflow/dedup"
    assert headers["ce_subject"] == f"{IMPORT}:4:{acceptance_number(event.accepted_at)}"
    assert headers["ce_id"] == dict(second.headers)["ce_id"].decode()
    assert len(headers) == len(first.headers), "a header twice"
