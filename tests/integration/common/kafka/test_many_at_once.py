"""Many events that are published at once: each is as if it had been published by itself."""

from dataclasses import replace

import pytest
from aiokafka.errors import MessageSizeTooLargeError
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import create_broker, stop_broker
from libs.common.kafka.publishing import Publisher
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkDeduplicated, Outcome, SettledRow
from libs.contracts.lead_import.internal.topics import CHUNK_DEDUPLICATED
from tests.support.chunks import accepted, phones
from tests.support.imports import deduplicated
from tests.support.kafka import Kafka, unique

IMPORT = 2_000_000_003


def event(index: int) -> ChunkDeduplicated:
    chunk: ChunkAccepted = accepted(phones(2)).model_copy(update={"import_id": IMPORT, "chunk_index": index})
    return deduplicated(chunk)


async def test_each_of_many_has_its_own_key_headers_and_json(kafka: Kafka) -> None:
    alone, together = [await kafka.topic(CHUNK_DEDUPLICATED, partitions=3) for _ in range(2)]
    events = [event(index) for index in range(300)]
    registry = CollectorRegistry()
    broker = create_broker(kafka.settings, service="test", registry=registry)
    one_by_one, at_once = (Publisher(broker, topic, source="test") for topic in (alone, together))
    await broker.start()
    try:
        for each in events[:20]:
            await one_by_one(each)
        await at_once.all(events)
        await at_once.all([])
    finally:
        await stop_broker(broker)
    single = {record.key: record for record in await kafka.records(alone.name)}
    many = {record.key: record for record in await kafka.records(together.name)}
    assert len(many) == 300
    for key, record in single.items():
        other = many[key]
        assert (other.value, other.partition) == (record.value, record.partition)
        names = [name for name, _ in other.headers]
        assert sorted(names) == sorted(name for name, _ in record.headers)
        assert len(names) == len(set(names)), "a header twice"
        said, said_of_many = dict(record.headers), dict(other.headers)
        for header in ("ce_id", "ce_type", "ce_source", "ce_subject"):
            assert said_of_many[header] == said[header]
    published = {"app_name": "test", "broker": "kafka", "destination": together.name, "status": "success"}
    assert registry.get_sample_value("leadflow_kafka_published_messages_total", published) == 300


async def test_one_of_many_that_is_refused_fails_the_publication(kafka: Kafka) -> None:
    """And the others have ended by then: nothing is on its way any more when the message comes again."""
    topic = await kafka.topic(replace(CHUNK_DEDUPLICATED, key=lambda chunk: str(chunk.chunk_index)))
    settled = SettledRow(row=2, outcome=Outcome.ERROR, reason="phone", detail="x" * 2_000_000, cells=[])
    too_large = event(2).model_copy(update={"settled": [settled]})
    broker = create_broker(kafka.settings, service=unique("test"), registry=CollectorRegistry())
    publish = Publisher(broker, topic, source="test")
    await broker.start()
    try:
        with pytest.raises(MessageSizeTooLargeError):
            await publish.all([event(0), event(1), too_large])
        assert sorted(record.key or b"" for record in await kafka.records(topic.name)) == [b"0", b"1"]
    finally:
        await stop_broker(broker)
