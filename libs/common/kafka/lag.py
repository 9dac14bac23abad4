"""How many messages wait for a consumer group, as Kafka's group coordinator knows it."""

from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from libs.common.kafka.clients import group_in_kafka, kafka_admin, kafka_consumer, topic_in_kafka
from libs.common.settings import KafkaSettings
from libs.common.topics import Registry, topics_read_by


async def group_lags(settings: KafkaSettings, registries: Iterable[Registry], groups: Sequence[str]) -> dict[str, int]:
    """Return each group's number of messages that it has not committed, over all topics that it is a reader of."""
    admin = kafka_admin(settings, client_id="leadflow-lag")
    consumer = kafka_consumer(settings, client_id="leadflow-lag")
    declared = tuple(registries)
    topics = {group: [topic_in_kafka(settings, name) for name in topics_read_by(declared, group)] for group in groups}
    try:
        await admin.start()
        try:
            await consumer.start()
            return {
                group: await _group_lag(admin, consumer, group_in_kafka(settings, group), topics[group])
                for group in groups
            }
        finally:
            await consumer.stop()
    finally:
        await admin.close()


async def _group_lag(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str, topics: list[str]) -> int:
    described = await admin.describe_topics(topics)
    partitions = [
        TopicPartition(topic["topic"], partition["partition"])
        for topic in described
        for partition in topic["partitions"]
    ]
    ends = await consumer.end_offsets(partitions)
    starts = await consumer.beginning_offsets(partitions)
    committed = await admin.list_consumer_group_offsets(group)
    lag = 0
    for partition in partitions:
        offset = committed[partition].offset if partition in committed else -1
        lag += max(0, ends[partition] - max(offset, starts[partition]))
    return lag
