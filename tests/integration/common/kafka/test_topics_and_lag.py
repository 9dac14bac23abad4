"""Topics are created as registered; lag is what the groups have not committed."""

import asyncio
import time
from dataclasses import replace
from functools import partial

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import GroupCoordinatorNotAvailableError
from aiokafka.structs import OffsetAndMetadata

from libs.common.kafka import admin
from libs.common.kafka.admin import ensure_topics
from libs.common.kafka.lag import group_lags, partition_lags
from libs.common.topics import Registry
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_DEDUPLICATED, DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from tests.support.captured_logs import capture_logs
from tests.support.kafka import Kafka, unique
from tests.support.waiting import eventually


@pytest.fixture
def own() -> Registry:
    """The registry with names of this test's own."""
    topics = tuple(replace(topic, name=unique(topic.name)) for topic in REGISTRY.topics)
    letters = replace(DEAD_LETTERS, topic=unique(DEAD_LETTERS.topic))
    return Registry(owner="test", topics=topics, dead_letters=letters)


@pytest.fixture
def renamed(own: Registry) -> dict[str, int]:
    """The retention, in hours, by name."""
    assert own.dead_letters is not None
    return {topic.name: topic.retention_hours for topic in own.topics} | {own.dead_letters.topic: 14 * 24}


async def have_partitions(kafka: Kafka, expected: dict[str, int]) -> None:
    """Wait for a new topic's leaders; then the topics must have so many partitions."""

    async def look() -> dict[str, int] | None:
        described = await kafka.admin.describe_topics(sorted(expected))
        found = {each["topic"]: len(each["partitions"]) for each in described}
        return found if all(found.values()) else None

    assert await eventually(look, what="leaders of all partitions") == expected


async def configured(kafka: Kafka, names: list[str], config: str) -> dict[str, str]:
    """Return the topics' own value of a setting, by name."""
    wanted = [ConfigResource(ConfigResourceType.TOPIC, name, {config: ""}) for name in names]
    (response,) = await kafka.admin.describe_configs(wanted)
    return {resource[3]: resource[4][0][1] for resource in response.resources}


async def test_topics_have_the_partitions_and_the_retention_of_the_registry(
    kafka: Kafka, own: Registry, renamed: dict[str, int]
) -> None:
    await ensure_topics(kafka.settings.model_copy(update={"topic_partitions": 3}), [own])
    await have_partitions(kafka, dict.fromkeys(renamed, 3))
    milliseconds = await configured(kafka, sorted(renamed), "retention.ms")
    assert {name: int(value) / 3_600_000 for name, value in milliseconds.items()} == renamed


async def test_a_topic_closes_its_files_in_time_for_its_retention(
    kafka: Kafka, own: Registry, renamed: dict[str, int]
) -> None:
    """A broker deletes whole files: by its default it would write to one for a week."""
    await ensure_topics(kafka.settings, [own])
    await have_partitions(kafka, dict.fromkeys(renamed, 2))
    milliseconds = await configured(kafka, sorted(renamed), "segment.ms")
    assert {int(value) / 3_600_000 for value in milliseconds.values()} == {4}


async def test_the_brokers_clock_counts_and_not_that_of_a_producer_whose_clock_jumped(
    kafka: Kafka, own: Registry, renamed: dict[str, int]
) -> None:
    await ensure_topics(kafka.settings, [own])
    await have_partitions(kafka, dict.fromkeys(renamed, 2))
    name, now_ms = min(renamed), int(time.time() * 1000)
    for hours in (-30, 3):
        await kafka.producer.send_and_wait(name, b"x", timestamp_ms=now_ms + hours * 3_600_000)
    stamped = [record.timestamp for record in await kafka.records(name)]
    assert len(stamped) == 2
    assert all(abs(timestamp - now_ms) < 60_000 for timestamp in stamped)


async def test_what_exists_is_left_as_it_is_and_what_is_missing_is_added(
    kafka: Kafka, own: Registry, renamed: dict[str, int]
) -> None:
    there, *missing = sorted(renamed)
    await kafka.create(there, partitions=5)
    await ensure_topics(kafka.settings, [own])
    await ensure_topics(kafka.settings, [own])
    await have_partitions(kafka, {there: 5} | dict.fromkeys(missing, 2))


async def test_public_topics_are_kept_so_that_every_client_can_read_them(
    kafka: Kafka, own: Registry, renamed: dict[str, int]
) -> None:
    """Also one that was made before; and nothing else of it is put back to its default."""
    public = {topic.name for topic in own.topics if topic.public}
    before, *_ = sorted(public)
    await kafka.create(before, configs={"retention.ms": "123456789"})
    await have_partitions(kafka, {before: 1})
    assert await configured(kafka, [before], "compression.type") == {before: "producer"}
    for _ in range(2):
        await ensure_topics(kafka.settings, [own])
    await have_partitions(kafka, {before: 1} | dict.fromkeys(set(renamed) - {before}, 2))
    found = await configured(kafka, sorted(renamed), "compression.type")
    assert found == {name: "uncompressed" if name in public else "producer" for name in renamed}
    assert await configured(kafka, [before], "retention.ms") == {before: "123456789"}


async def test_a_compression_that_every_client_knows_is_left_to_people(kafka: Kafka, own: Registry) -> None:
    name = next(topic.name for topic in own.topics if topic.public)
    await kafka.create(name, configs={"compression.type": "gzip"})
    await have_partitions(kafka, {name: 1})
    await ensure_topics(kafka.settings, [own])
    assert await configured(kafka, [name], "compression.type") == {name: "gzip"}


async def test_a_cluster_that_lets_nobody_choose_the_compression_gets_its_topics_and_says_who_cannot_read_them(
    kafka: Kafka, own: Registry, renamed: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kafka refuses a codec that it does not know as Confluent Cloud refuses every choice: as a wrong configuration."""
    monkeypatch.setattr(admin, "UNCOMPRESSED", "unheard-of")
    with capture_logs() as logs:
        await ensure_topics(kafka.settings, [own])
        await have_partitions(kafka, dict.fromkeys(renamed, 2))
        await ensure_topics(kafka.settings, [own])
        await ensure_topics(kafka.settings.model_copy(update={"kafka_compression": "gzip"}), [own])
    public = sorted(topic.name for topic in own.topics if topic.public)
    said = [line["topics"] for line in logs if "LEADFLOW_KAFKA_COMPRESSION=gzip" in line["event"]]
    assert said[-1] == public
    assert len(said) <= 2
    assert set((await configured(kafka, public, "compression.type")).values()) == {"producer"}


async def test_two_that_create_topics_at_once_do_not_fail(kafka: Kafka, own: Registry, renamed: dict[str, int]) -> None:
    await asyncio.gather(*(ensure_topics(kafka.settings, [own]) for _ in range(4)))
    await have_partitions(kafka, dict.fromkeys(renamed, 2))


async def test_the_lag_is_what_each_group_has_not_committed(kafka: Kafka) -> None:
    one, two = unique("one"), unique("two")
    first = replace(await kafka.topic(CHUNK_ACCEPTED, partitions=2), readers=(one,))
    second = replace(await kafka.topic(CHUNK_DEDUPLICATED, partitions=2), readers=(one, two))
    registries = [Registry("one", (first,)), Registry("two", (second,))]
    await eventually(partial(coordinates, kafka, one), seconds=30, what="a coordinator of groups")
    assert await group_lags(kafka.settings, registries, [one, two]) == {one: 0, two: 0}
    for partition in (0, 0, 1):
        await kafka.send(first.name, b"x", partition=partition)
    await kafka.send(second.name, b"x", partition=1)
    assert await group_lags(kafka.settings, registries, [one, two]) == {one: 4, two: 1}
    await commit(kafka, one, first.name, {0: 1, 1: 1})
    assert await group_lags(kafka.settings, registries, [one, two]) == {one: 2, two: 1}
    await commit(kafka, one, first.name, {0: 2})
    await commit(kafka, one, second.name, {1: 1})
    assert await group_lags(kafka.settings, registries, [one, two]) == {one: 0, two: 1}


async def test_the_lag_of_each_partition(kafka: Kafka) -> None:
    group = unique("group")
    first, second = await kafka.chunk_topic(partitions=3), await kafka.chunk_topic(partitions=1)
    await eventually(partial(coordinates, kafka, group), seconds=30, what="a coordinator of groups")
    for partition in (0, 0, 2):
        await kafka.send(first.name, b"x", partition=partition)
    await commit(kafka, group, first.name, {0: 1})
    reads = [(group, first.name), (group, second.name)]
    assert await partition_lags(kafka.settings, reads) == {
        (group, first.name): {0: 1, 1: 0, 2: 1},
        (group, second.name): {0: 0},
    }


async def test_messages_that_retention_has_deleted_are_no_lag(kafka: Kafka) -> None:
    group = unique("group")
    topic = replace(await kafka.chunk_topic(), readers=(group,))
    for _ in range(3):
        await kafka.send(topic.name, b"x")
    await delete_before(kafka, topic.name, 2)
    assert await group_lags(kafka.settings, [Registry("one", (topic,))], [group]) == {group: 1}


async def coordinates(kafka: Kafka, group: str) -> bool:
    """Tell whether the broker has made its topic of offsets, which the first question for a group begins."""
    try:
        await kafka.admin.find_coordinator(group)
    except GroupCoordinatorNotAvailableError:
        return False
    return True


async def commit(kafka: Kafka, group: str, topic: str, offsets: dict[int, int]) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.settings.kafka_bootstrap, group_id=group, enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(topic, partition) for partition in offsets])
        await consumer.commit(
            {TopicPartition(topic, partition): OffsetAndMetadata(offset, "") for partition, offset in offsets.items()}
        )
    finally:
        await consumer.stop()


async def delete_before(kafka: Kafka, topic: str, offset: int) -> None:
    await kafka.admin.delete_records({TopicPartition(topic, 0): RecordsToDelete(before_offset=offset)})
