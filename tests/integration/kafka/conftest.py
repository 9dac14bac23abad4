"""Kafka of the local stack, with the registry's topics."""

from collections.abc import AsyncIterator

import pytest_asyncio

from libs.common.kafka.admin import ensure_topics
from libs.common.settings import KafkaSettings
from tests.support.kafka import Kafka, kafka_of
from tests.support.stack import Addresses


@pytest_asyncio.fixture(scope="session")
async def kafka(servers: Addresses) -> AsyncIterator[Kafka]:
    settings = KafkaSettings(
        kafka_bootstrap=servers.kafka_bootstrap,
        topic_partitions=2,
        backoff_max_seconds=0.4,
        bad_messages_in_a_row=4,
        stuck_after_seconds=30,
    )
    await ensure_topics(settings)
    async with kafka_of(settings) as kafka:
        yield kafka
