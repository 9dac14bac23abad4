"""A started broker, and a topic of chunks that no service reads."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import Broker, create_broker, stop_broker
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED
from tests.support.kafka import Kafka


@pytest_asyncio.fixture
async def broker(kafka: Kafka) -> AsyncIterator[Broker]:
    broker = create_broker(kafka.settings, service="test", registry=CollectorRegistry())
    await broker.start()
    yield broker
    await stop_broker(broker)


@pytest_asyncio.fixture
async def chunk_topic(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> str:
    """The topic of chunks is the test's own: services that run beside it must not take them."""
    topic = await kafka.topic(CHUNK_ACCEPTED)
    monkeypatch.setattr("libs.imports.chunk_outbox.CHUNK_ACCEPTED", topic)
    return topic.name
