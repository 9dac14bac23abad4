"""What Kafka holds of imports in progress. After a restore it speaks of what may be gone; all of it can be sent again.

A chunk's last message says which leads were made; whoever believes it after they were lost counts leads that are not
there. So every stage begins behind what is there, and all chunks that have not ended are sent anew.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalGenerationError, UnknownMemberIdError
from aiokafka.structs import OffsetAndMetadata

from libs.common.kafka.clients import group_in_kafka, kafka_consumer, topic_in_kafka
from libs.common.kafka.lag import Read, partition_lags
from libs.common.settings import KafkaSettings
from libs.imports.chunk_path import PATH, PathLags

CLIENT = "leadflow-operator"
REFUSED = (IllegalGenerationError, UnknownMemberIdError, CommitFailedError)


async def messages_under_way(settings: KafkaSettings) -> PathLags:
    """Return how many messages wait for each stage, by partition. Raises aiokafka's KafkaError."""
    return await partition_lags(settings, PATH)


async def stages_at_work(settings: KafkaSettings, under_way: PathLags) -> list[str]:
    """Return the stages that still run: those whose group has members. Raises aiokafka's KafkaError."""
    working = []
    for read, numbers in under_way.items():
        async with _reading(settings, read, numbers) as (consumer, partitions):
            begins = await consumer.beginning_offsets(partitions)
            known = {partition: await consumer.committed(partition) for partition in partitions}
            # What is committed already, or where the group would begin: it changes nothing, and Kafka takes it from
            # nobody else while the group has members. aiokafka cannot read what Kafka says of a group with members.
            same = {
                partition: OffsetAndMetadata(begins[partition] if offset is None else offset, "")
                for partition, offset in known.items()
            }
            try:
                await consumer.commit(same)
            except REFUSED:
                working.append(read[0])
    return working


async def skip_messages(settings: KafkaSettings, under_way: PathLags) -> None:
    """Let every stage begin behind all messages that are there. A second run changes nothing.

    Raises aiokafka's KafkaError, also when a member has joined one of the groups since ``stages_at_work``.
    """
    for read, numbers in under_way.items():
        async with _reading(settings, read, numbers) as (consumer, partitions):
            ends = await consumer.end_offsets(partitions)
            await consumer.commit({partition: OffsetAndMetadata(end, "") for partition, end in ends.items()})


@asynccontextmanager
async def _reading(
    settings: KafkaSettings, read: Read, numbers: Iterable[int]
) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    """Speak for a group without being its member."""
    group, topic = read
    consumer = kafka_consumer(
        settings, client_id=CLIENT, group_id=group_in_kafka(settings, group), enable_auto_commit=False
    )
    partitions = [TopicPartition(topic_in_kafka(settings, topic), number) for number in numbers]
    try:
        await consumer.start()
        consumer.assign(partitions)
        yield consumer, partitions
    finally:
        await consumer.stop()
