"""What a broker keeps of a message that was sent compressed: for public topics nothing that needs a codec."""

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords

from libs.common.kafka.admin import ensure_topics
from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.clients import kafka_consumer
from libs.common.kafka.publishing import Publisher
from libs.common.topics import Registry, Topic
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from tests.support.imports import import_accepted
from tests.support.kafka import Kafka, unique
from tests.support.waiting import eventually

CODECS = {0: "none", 1: "gzip", 2: "snappy", 3: "lz4", 4: "zstd"}
"""The lowest three bits of a batch's attributes."""


async def codecs_kept(kafka: Kafka, topic: str) -> list[str]:
    """Return the codec of each batch of the topic's only partition, as a consumer is given it."""
    consumer = kafka_consumer(kafka.settings, topic, client_id="test")
    await consumer.start()
    try:
        (partition,) = consumer.assignment()
        leader = consumer._client.cluster.leader_for_partition(partition)
        asked = FetchRequest(500, 1, 2**20, 0, [(topic, [(partition.partition, 0, 2**20)])])
        answer = await consumer._client.send(leader, asked)
    finally:
        await consumer.stop()
    ((_, ((*_, raw),)),) = answer.topics
    records, found = MemoryRecords(raw), []
    while records.has_next():
        found.append(CODECS[records.next_batch().compression_type])
    return found


@pytest.mark.parametrize(("public", "kept"), [(True, "none"), (False, "zstd")])
async def test_brokers_keep_public_events_uncompressed_and_the_rest_as_it_was_sent(
    kafka: Kafka, public: bool, kept: str
) -> None:
    topic: Topic[Any] = replace(IMPORT_ACCEPTED, name=unique(IMPORT_ACCEPTED.name), public=public)
    await ensure_topics(kafka.settings.model_copy(update={"topic_partitions": 1}), [Registry("test", (topic,))])
    broker = create_broker(kafka.settings, service="test")
    publish = Publisher(broker, topic, source="test")
    await broker.start()
    try:
        await publish(import_accepted(1))
    finally:
        await stop_broker(broker)
    assert await eventually(partial(codecs_kept, kafka, topic.name), what="the message") == [kept]
