"""Too many bad messages in a row stop the service before its topic is emptied into the dead letter."""

import asyncio

from libs.common.errors import BadMessage
from libs.common.topics import Topic
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.chunks import accepted, phones
from tests.support.kafka import Kafka, Running, consuming
from tests.support.waiting import eventually

IMPORT = 2_000_000_003


async def send(kafka: Kafka, topic: Topic[ChunkAccepted], indexes: range, *, partition: int = 0) -> None:
    for index in indexes:
        chunk = accepted(phones(1)).model_copy(update={"import_id": IMPORT, "chunk_index": index})
        await kafka.send(topic.name, chunk.model_dump_json().encode(), key=b"k", partition=partition)


async def until_stopped(running: Running) -> None:
    async def look() -> bool:
        return bool(running.bad_deploys)

    await eventually(look, seconds=15, what="a bad deploy")


async def test_the_service_stops_and_the_message_that_was_one_too_many_stays(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic(partitions=2)
    limit = kafka.settings.bad_messages_in_a_row
    handled: list[int] = []

    async def handle(chunk: ChunkAccepted) -> None:
        handled.append(chunk.chunk_index)
        raise BadMessage("every one")

    await send(kafka, topic, range(limit + 3))
    async with consuming(kafka, topic, handle) as running:
        await until_stopped(running)
        # Whatever else is waiting, also in another partition, is left alone while the service stops.
        await send(kafka, topic, range(100, 103), partition=1)
        await asyncio.sleep(0.5)
        assert running.bad_deploys == [True]
    assert handled == list(range(limit + 1))
    assert await kafka.committed(running.group, topic.name) == limit
    assert len(await kafka.dead_letters(topic.name)) == limit


async def test_messages_that_cannot_be_parsed_count_and_stay_too(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    limit = kafka.settings.bad_messages_in_a_row
    for _ in range(limit + 2):
        await kafka.send(topic.name, b"{}", headers=[("ce_id", b"\xff")])

    async def handle(chunk: ChunkAccepted) -> None:
        raise AssertionError("nothing here can be read")

    async with consuming(kafka, topic, handle) as running:
        await until_stopped(running)
    assert await kafka.committed(running.group, topic.name) == limit
    assert len(await kafka.dead_letters(topic.name)) == limit


async def test_a_good_message_in_between_starts_the_count_anew(kafka: Kafka) -> None:
    topic = await kafka.chunk_topic()
    limit = kafka.settings.bad_messages_in_a_row

    async def handle(chunk: ChunkAccepted) -> None:
        if chunk.chunk_index != limit:
            raise BadMessage("all but one")

    await send(kafka, topic, range(2 * limit + 1))
    async with consuming(kafka, topic, handle) as running:
        await kafka.until_committed(running.group, topic.name, 2 * limit + 1)
        assert not running.bad_deploys
    assert len(await kafka.dead_letters(topic.name)) == 2 * limit
