"""Where a group starts that never read its topic: with the oldest message, or with what comes from now on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from aiokafka.admin import NewPartitions
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.new_groups import place_new_groups
from libs.common.kafka.subscribing import Begins, subscribe
from libs.common.topics import Topic
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import plain
from tests.support.kafka import Kafka, unique
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")

CHUNK = ChunkAccepted.model_validate(plain(ChunkAccepted, live=1))


async def send(kafka: Kafka, topic: Topic[ChunkAccepted], *indexes: int, partition: int | None = None) -> None:
    for index in indexes:
        chunk = CHUNK.model_copy(update={"chunk_index": index})
        await kafka.send(topic.name, chunk.model_dump_json().encode(), partition=partition)


@asynccontextmanager
async def member(kafka: Kafka, topic: Topic[ChunkAccepted], group: str, begins: Begins) -> AsyncIterator[list[int]]:
    """Run one process of a service; yield the chunks that it has handled."""
    handled: list[int] = []
    broker = create_broker(kafka.settings, service="test", registry=CollectorRegistry())

    @subscribe(broker, topic, group=group, begins=begins, settings=kafka.settings)
    async def handle(chunk: ChunkAccepted) -> None:
        handled.append(chunk.chunk_index)

    await place_new_groups(broker, kafka.settings)
    await broker.start()
    try:
        yield handled
    finally:
        await stop_broker(broker)


async def has(handled: list[int], *indexes: int) -> bool:
    return sorted(handled) == sorted(indexes)


async def test_a_group_that_begins_now_is_not_given_the_past(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(partitions=2), unique("group")
    await send(kafka, topic, 1, 2, 3)
    async with member(kafka, topic, group, "now") as handled:
        await send(kafka, topic, 4, 5)
        await eventually(partial(has, handled, 4, 5), what="what came after the start")


async def test_a_group_that_begins_at_the_beginning_is_given_all(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(partitions=2), unique("group")
    await send(kafka, topic, 1, 2, 3)
    async with member(kafka, topic, group, "beginning") as handled:
        await eventually(partial(has, handled, 1, 2, 3), what="all that the topic holds")


async def test_what_comes_while_a_service_is_away_is_not_skipped(kafka: Kafka) -> None:
    """Only a group that is new begins now: afterwards it goes on where it stopped."""
    topic, group = await kafka.chunk_topic(), unique("group")
    async with member(kafka, topic, group, "now") as handled:
        await send(kafka, topic, 1)
        await eventually(partial(has, handled, 1), what="the first message")
    await send(kafka, topic, 2, 3)
    async with member(kafka, topic, group, "now") as handled:
        await eventually(partial(has, handled, 2, 3), what="what came meanwhile")


async def test_a_service_that_stopped_before_its_first_message_has_begun_all_the_same(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(), unique("group")
    await send(kafka, topic, 1)
    async with member(kafka, topic, group, "now"):
        pass
    await send(kafka, topic, 2)
    async with member(kafka, topic, group, "now") as handled:
        await eventually(partial(has, handled, 2), what="what came after the first start")


async def test_messages_of_a_partition_that_was_added_later_are_all_read(kafka: Kafka) -> None:
    """Here ``auto_offset_reset=latest`` would lose what came before the members heard of the partition."""
    topic, group = await kafka.chunk_topic(), unique("group")
    async with member(kafka, topic, group, "now"):
        pass
    await kafka.admin.create_partitions({topic.name: NewPartitions(2)})

    async def led() -> bool:
        (described,) = await kafka.admin.describe_topics([topic.name])
        return len(described["partitions"]) == 2 and all(each["leader"] >= 0 for each in described["partitions"])

    await eventually(led, what="a leader of the new partition")
    await kafka.producer.client.force_metadata_update()
    await send(kafka, topic, 7, partition=1)
    async with member(kafka, topic, group, "now") as handled:
        await eventually(partial(has, handled, 7), what="the message of the new partition")


async def test_processes_that_start_together_share_one_beginning(kafka: Kafka) -> None:
    topic, group = await kafka.chunk_topic(partitions=4), unique("group")
    await send(kafka, topic, 1, 2, 3)

    async def run(ready: asyncio.Barrier) -> list[int]:
        async with member(kafka, topic, group, "now") as handled:
            await ready.wait()
            await ready.wait()
            return handled

    ready = asyncio.Barrier(4)
    processes = [asyncio.create_task(run(ready)) for _ in range(3)]
    await ready.wait()
    await send(kafka, topic, *range(10, 30))
    await kafka.until_committed(group, topic.name, 3 + 20)
    await ready.wait()
    handled = [index for process in processes for index in await process]
    assert set(handled) == set(range(10, 30))
