"""Where a consumer group starts that never read its topic before.

Where a partition is read that the group has no offset for is a setting of the consumer (``auto_offset_reset``), and it
holds for ever: for new groups, and also for partitions that are added later and for offsets that Kafka forgot. There
"from now on" would lose messages, so every group is told "from the oldest". A group that shall begin now has an offset
placed at the end of every partition once, before its first member joins, and reads as any other from then on.
"""

import stamina
import structlog
from aiokafka import TopicPartition
from aiokafka.errors import IllegalGenerationError, KafkaError, UnknownMemberIdError
from aiokafka.structs import OffsetAndMetadata
from faststream.kafka import KafkaBroker

from libs.common.kafka.clients import kafka_admin, kafka_consumer
from libs.common.settings import KafkaSettings

SECONDS_FOR_OFFSETS = 30.0
"""How long a cluster may take that has yet to make its own topic of offsets."""

log = structlog.get_logger()


async def place_new_groups(broker: KafkaBroker, settings: KafkaSettings) -> None:
    """Place the offsets of the groups that begin now and have none yet. A second run finds them placed.

    A cluster that has never had a group makes its topic of offsets first, which takes a moment: that is waited for.
    Raises aiokafka's KafkaError when Kafka cannot be asked.
    """
    wanted = dict.fromkeys(
        (str(getattr(subscriber, "group_id", None)), topic)
        for subscriber in broker.subscribers
        if getattr(getattr(subscriber, "_listener", None), "begins_now", False)
        for topic in getattr(subscriber, "topic_names", [])
    )
    for group, topic in wanted:
        async for attempt in stamina.retry_context(
            on=_may_pass, attempts=None, timeout=SECONDS_FOR_OFFSETS, wait_max=1.0
        ):
            with attempt:
                await _begin_now(settings, group, topic)


def _may_pass(error: Exception) -> bool:
    return isinstance(error, KafkaError) and bool(error.retriable)


async def _begin_now(settings: KafkaSettings, group: str, topic: str) -> None:
    admin = kafka_admin(settings, client_id="leadflow-new-group")
    try:
        await admin.start()
        committed = await admin.list_consumer_group_offsets(group)
        if any(partition.topic == topic for partition in committed):
            return
        (described,) = await admin.describe_topics([topic])
    finally:
        await admin.close()
    partitions = [TopicPartition(topic, each["partition"]) for each in described["partitions"]]
    consumer = kafka_consumer(settings, client_id="leadflow-new-group", group_id=group, enable_auto_commit=False)
    try:
        await consumer.start()
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        await consumer.commit({partition: OffsetAndMetadata(end, "") for partition, end in ends.items()})
        log.info("a new group begins with what comes from now on", group=group, topic=topic)
    except (IllegalGenerationError, UnknownMemberIdError):
        # Another process of the service was first: its members read from the offsets that it placed.
        return
    finally:
        await consumer.stop()
