"""A service does not start with a subscriber that could lose messages."""

from functools import partial
from typing import Any

import pytest
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from prometheus_client import CollectorRegistry

from libs.common.kafka.broker import create_broker
from libs.common.kafka.startup_checks import UnsafeSubscriber, check_subscribers
from libs.common.kafka.subscribing import broadcast, subscribe
from libs.common.settings import KafkaSettings
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED

SETTINGS = KafkaSettings()
SAFE: dict[str, Any] = {"group_id": "g", "ack_policy": AckPolicy.NACK_ON_ERROR, "auto_offset_reset": "earliest"}


@pytest.fixture
def broker() -> KafkaBroker:
    return create_broker(SETTINGS, service="test", registry=CollectorRegistry())


def test_a_subscriber_that_is_declared_by_subscribe_is_safe(broker: KafkaBroker) -> None:
    async def handle(chunk: ChunkAccepted) -> None:
        return None

    subscribe(broker, CHUNK_ACCEPTED, group="g", begins="beginning", settings=SETTINGS)(handle)
    broker.subscriber("other", **SAFE)
    check_subscribers(broker)


def test_what_is_no_function_is_refused_as_a_handler_at_once(broker: KafkaBroker) -> None:
    """FastStream would read another signature, and every message would seem to be bad."""

    async def handle(chunk: ChunkAccepted, *, store: str) -> None:
        return None

    declare = subscribe(broker, CHUNK_ACCEPTED, group="g", begins="beginning", settings=SETTINGS)
    with pytest.raises(TypeError, match=f"a function handles events of {CHUNK_ACCEPTED.name}, not partial"):
        declare(partial(handle, store="s"))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ack_policy": AckPolicy.ACK}, "NACK_ON_ERROR"),
        ({"ack_policy": AckPolicy.ACK_FIRST}, "NACK_ON_ERROR"),
        ({"ack_policy": AckPolicy.MANUAL}, "NACK_ON_ERROR"),
        ({"group_id": None}, "no group_id"),
        ({"auto_offset_reset": "latest"}, "earliest"),
    ],
    ids=str,
)
def test_a_subscriber_that_could_lose_messages_is_refused(
    broker: KafkaBroker, change: dict[str, Any], why: str
) -> None:
    broker.subscriber("safe", **SAFE)
    broker.subscriber("careless", **SAFE | change)
    with pytest.raises(UnsafeSubscriber, match=f"careless: .*{why}"):
        check_subscribers(broker)


def test_fast_streams_defaults_are_refused(broker: KafkaBroker) -> None:
    broker.subscriber("careless")
    with pytest.raises(UnsafeSubscriber):
        check_subscribers(broker)


def test_a_broadcast_is_no_way_to_consume_in_a_service(broker: KafkaBroker) -> None:
    broadcast(broker, "lead.import-finished.v1")
    with pytest.raises(UnsafeSubscriber):
        check_subscribers(broker)
