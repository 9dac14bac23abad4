"""How many messages wait for a consumer group, as Kafka's group coordinator knows it."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from libs.common.kafka.clients import group_in_kafka, kafka_admin, kafka_consumer, topic_in_kafka
from libs.common.settings import KafkaSettings
from libs.common.topics import Registry, topics_read_by

Read = tuple[str, str]
"""A group and a topic that it reads."""


async def group_lags(settings: KafkaSettings, registries: Iterable[Registry], groups: Sequence[str]) -> dict[str, int]:
    """Return each group's number of messages that it has not committed, over all topics that it is a reader of."""
    declared = tuple(registries)
    reads = [(group, topic) for group in groups for topic in topics_read_by(declared, group)]
    lags = dict.fromkeys(groups, 0)
    for (group, _), partitions in (await partition_lags(settings, reads)).items():
        lags[group] += sum(partitions.values())
    return lags


async def partition_lags(settings: KafkaSettings, reads: Sequence[Read]) -> dict[Read, dict[int, int]]:
    """Return for every partition of what is read the number of messages that the group has not committed.

    Asked one after another, in the order given: when each group publishes to what the next one reads, before it
    commits, a message that is on its way is seen in one of them at least.
    """
    admin = kafka_admin(settings, client_id="leadflow-lag")
    consumer = kafka_consumer(settings, client_id="leadflow-lag")
    try:
        await admin.start()
        await consumer.start()
        return {
            (group, topic): await _lags(
                admin, consumer, group_in_kafka(settings, group), topic_in_kafka(settings, topic)
            )
            for group, topic in reads
        }
    finally:
        # Both, also when the first never got as far as the second: what is not stopped says so when it is collected.
        await consumer.stop()
        await admin.close()


async def _lags(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topic: str) -> dict[int, int]:
    (described,) = await admin.describe_topics([topic])
    partitions = [TopicPartition(topic, partition["partition"]) for partition in described["partitions"]]
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.beginning_offsets(partitions)
    committed = await admin.list_consumer_group_offsets(group)
    lags = {}
    for partition in partitions:
        offset = committed[partition].offset if partition in committed else -1
        lags[partition.partition] = max(0, ends[partition] - max(offset, starts[partition]))
    return lags
