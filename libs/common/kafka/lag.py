"""How many messages wait in the pipeline, as Kafka's group coordinator knows it."""

from collections.abc import Sequence

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from libs.common.events.topics import TOPICS
from libs.common.settings import KafkaSettings

PIPELINE = ("dedup", "tagger", "creator", "finalizer")
"""Consumer groups whose lag explains why a chunk is unsettled; each is named as its service."""


async def pipeline_lag(settings: KafkaSettings) -> int:
    """Return the number of messages that the pipeline's groups have not committed, over all their topics."""
    return sum((await group_lags(settings, PIPELINE)).values())


async def group_lags(settings: KafkaSettings, groups: Sequence[str]) -> dict[str, int]:
    """Return each group's number of messages that it has not committed, over all its topics."""
    bootstrap = settings.kafka_bootstrap.split(",")
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, client_id="leadflow-lag")
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, client_id="leadflow-lag")
    try:
        await admin.start()
        try:
            await consumer.start()
            return {group: await _group_lag(admin, consumer, group) for group in groups}
        finally:
            await consumer.stop()
    finally:
        await admin.close()


async def _group_lag(admin: AIOKafkaAdminClient, consumer: AIOKafkaConsumer, group: str) -> int:
    names = [topic.name for topic in TOPICS if group in topic.readers]
    described = await admin.describe_topics(names)
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
