"""The ways to read a topic: as a group that loses nothing, or as one of many who only watch."""

from collections.abc import Awaitable, Callable
from copy import copy
from types import FunctionType, MethodType
from typing import Any, Literal

from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from pydantic import ValidationError

from libs.common.errors import BadMessage, describe
from libs.common.kafka.clients import group_in_kafka
from libs.common.kafka.rebalance import WaitForHandler
from libs.common.settings import KafkaSettings
from libs.common.topics import EventT, Topic

MAX_POLL_INTERVAL_MS = 300_000
REBALANCE_TIMEOUT_MS = 60_000

Begins = Literal["beginning", "now"]
"""Where a group that never read the topic starts.

``beginning``: with the oldest message that the topic still holds; for a service whose work would else stay undone.
``now``: with what comes from now on; for one that reacts to news, and must not react to the past day's again.
"""


def subscribe(
    broker: KafkaBroker,
    topic: Topic[EventT],
    *,
    group: str,
    begins: Begins,
    settings: KafkaSettings,
    consumers: int = 1,
) -> Callable[[Callable[[EventT], Awaitable[None]]], None]:
    """Call the decorated function with each event of ``topic``; commit its offset when it returns.

    ``consumers`` members of the group share the process, each with its own partitions and one event at a time.
    Raises what the function raises to ``Delivery``: a ``BadMessage`` is dead-lettered, a ``BadDay`` waits
    and tries again. Decorating anything but a function is a TypeError.
    """

    async def decode(message: KafkaMessage) -> EventT:
        try:
            return topic.event.model_validate_json(message.body)
        except ValidationError as error:
            raise BadMessage(describe(error)) from None

    declared = [
        subscribe_raw(
            broker,
            topic.name,
            group=group,
            begins=begins,
            settings=settings,
            decoder=decode,
            # The members of a group read the same: FastStream warns of a document that says it more than once.
            described=number == 0,
        )
        for number in range(consumers)
    ]

    def decorate(handler: Callable[[EventT], Awaitable[None]]) -> None:
        if not isinstance(handler, FunctionType | MethodType):
            # FastStream reads the event's place from a function's signature. Of anything else, such as
            # functools.partial, it reads another one, and every message would seem to be bad.
            raise TypeError(f"a function handles events of {topic.name}, not {type(handler).__name__}")
        for subscriber in declared:
            subscriber(handler)

    return decorate


def subscribe_raw(
    broker: KafkaBroker,
    topic_name: str,
    *,
    group: str,
    begins: Begins,
    settings: KafkaSettings,
    decoder: Callable[[KafkaMessage], Awaitable[Any]],
    described: bool = True,
) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
    """Subscribe with a decoder of the caller's own. ``described``: it stands in the service's AsyncAPI document."""
    # Ten seconds are left for joining again: a member that is later than the timeout is put out of the group.
    listener = WaitForHandler(REBALANCE_TIMEOUT_MS / 1000 - 10, begins_now=begins == "now")
    subscriber = broker.subscriber(
        topic_name,
        group_id=group_in_kafka(settings, group),
        ack_policy=AckPolicy.NACK_ON_ERROR,
        # Also for a group that begins now: this setting decides, too, for partitions that are added later and for
        # offsets that Kafka forgot, where "latest" would lose messages. Such a group has had its offsets placed at the
        # end before it joins (``new_groups.py``).
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.kafka_session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.kafka_session_timeout_seconds * 1000 / 4),
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        # aiokafka leaves a partition out of a fetch while messages of it lie fetched and unread. One that arrives there
        # meanwhile waits until that fetch is over, which takes as long as this when nothing else arrives.
        fetch_max_wait_ms=100,
        fetch_min_bytes=1,
        decoder=decoder,
        listener=listener,
        include_in_schema=described,
    )
    listener.attach(subscriber)

    def decorate(handler: Callable[[Any], Awaitable[None]]) -> None:
        subscriber(handler)

    return decorate


def broadcast(broker: KafkaBroker, topic_name: str) -> Callable[[Callable[[KafkaMessage], Awaitable[None]]], None]:
    """Call the decorated function with each record from now on, in every replica: for live views and caches.

    Nothing is committed, retried or dead-lettered: who misses one asks the database.
    """

    async def undecoded(message: KafkaMessage) -> KafkaMessage:
        # FastStream keeps what a decoder returns in the message. A message that held itself would stay in memory, with
        # all that it carries, until Python looks for such cycles, which it does rarely (``garbage.py``).
        return copy(message)

    subscriber = broker.subscriber(
        topic_name, group_id=None, ack_policy=AckPolicy.MANUAL, auto_offset_reset="latest", decoder=undecoded
    )

    def decorate(handler: Callable[[KafkaMessage], Awaitable[None]]) -> None:
        subscriber(handler)

    return decorate
