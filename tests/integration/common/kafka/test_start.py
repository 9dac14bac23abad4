"""The consumers of a process join their group together."""

import logging

import pytest
from faststream.kafka import KafkaBroker

from libs.common.kafka.subscribing import subscribe
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from tests.support.kafka import Kafka, consuming


async def test_three_consumers_of_a_group_start_without_a_rebalance(
    kafka: Kafka, caplog: pytest.LogCaptureFixture
) -> None:
    topic = await kafka.chunk_topic(partitions=3)

    def declare(broker: KafkaBroker, group: str) -> None:
        @subscribe(broker, topic, group=group, begins="beginning", settings=kafka.settings, consumers=3)
        async def handle(chunk: ChunkAccepted) -> None:
            return None

    with caplog.at_level(logging.WARNING, logger="aiokafka"):
        async with consuming(kafka, topic, declare=declare) as running:
            assigned = [len(each.consumer.assignment()) for each in running.broker.subscribers]  # type: ignore[attr-defined]
    assert assigned == [1, 1, 1]
    assert [record.message for record in caplog.records if "rebalancing" in record.message] == []
