"""The broker, with the settings that lose nothing, and the two verbs: ``subscribe`` and ``Publisher``."""

import asyncio
from collections.abc import Awaitable, Callable
from copy import copy
from datetime import UTC, datetime
from typing import Any, Generic

import structlog
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from prometheus_client import REGISTRY, CollectorRegistry
from pydantic import ValidationError

from libs.common.errors import BadMessage, describe
from libs.common.events.topics import EventT, Topic
from libs.common.kafka.delivery import Delivery, DeliveryMiddleware
from libs.common.kafka.partitions import SpreadChunks
from libs.common.kafka.rebalance import WaitForHandler
from libs.common.observability import kafka_middlewares
from libs.common.settings import KafkaSettings

MAX_POLL_INTERVAL_MS = 300_000
REBALANCE_TIMEOUT_MS = 60_000
GRACEFUL_SECONDS = 20.0
"""How long a stop waits for the message in hand."""
STOP_SECONDS = 25.0
"""How long a stop may take in all: below the 30 seconds after which orchestrators kill."""

log = structlog.get_logger()

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """Return the wall clock's time, for headers and logs; leases and quotas use the database's."""
    return datetime.now(UTC)


class Broker(KafkaBroker):
    """Starts its consumers at once.

    Each is started when it has its partitions. One after another, every member that joins a group would wait until
    the members before it notice at their next heartbeat: seconds, and a warning, a member.
    """

    async def start(self) -> None:
        await self.connect()
        await all_or_first_error(*(subscriber.start() for subscriber in self.subscribers))
        for publisher in self.publishers:
            await publisher.start()
        self.running = True


async def all_or_first_error(*starts: Awaitable[None]) -> None:
    """Wait for all; when one raises, cancel the others and raise that."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def create_broker(
    settings: KafkaSettings,
    *,
    service: str,
    delivery: Delivery | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> KafkaBroker:
    """Return a broker that acknowledges by all replicas, never creates topics, and dead-letters bad messages."""
    middlewares: list[Any] = kafka_middlewares(service, registry)
    if delivery is not None:
        # The last one is innermost: it must see the handler's error before anything reports it.
        middlewares.append(DeliveryMiddleware.with_policy(delivery))
    broker = Broker(
        settings.kafka_bootstrap.split(","),
        client_id=f"leadflow-{service}",
        enable_idempotence=True,
        acks="all",
        partitioner=SpreadChunks(),
        allow_auto_create_topics=False,
        compression_type="zstd",
        max_request_size=1024 * 1024,
        # FastStream logs exceptions with their values, which may be personal data; Delivery logs instead.
        logger=None,
        graceful_timeout=GRACEFUL_SECONDS,
        middlewares=middlewares,
    )
    if delivery is not None:
        delivery.connect(broker)
    return broker


async def stop_broker(broker: KafkaBroker) -> None:
    """Finish and commit the message in hand, leave the group. Kafka may be away: then leave without a word."""
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await broker.stop()
    except TimeoutError:
        log.warning("stopped without leaving the group: Kafka does not answer")


def subscribe(
    broker: KafkaBroker, topic: Topic[EventT], *, group: str, settings: KafkaSettings, consumers: int = 1
) -> Callable[[Callable[[EventT], Awaitable[None]]], None]:
    """Call the decorated function with each event of ``topic``; commit its offset when it returns.

    ``consumers`` members of the group share the process, each with its own partitions and one event at a time.
    Raises what the function raises to ``Delivery``: a ``BadMessage`` is dead-lettered, a ``BadDay`` waits
    and tries again.
    """

    async def decode(message: KafkaMessage) -> EventT:
        try:
            return topic.event.model_validate_json(message.body)
        except ValidationError as error:
            raise BadMessage(describe(error)) from None

    declared = [
        subscribe_raw(broker, topic.name, group=group, settings=settings, decoder=decode) for _ in range(consumers)
    ]

    def decorate(handler: Callable[[EventT], Awaitable[None]]) -> None:
        for subscriber in declared:
            subscriber(handler)

    return decorate


def subscribe_raw(
    broker: KafkaBroker,
    topic_name: str,
    *,
    group: str,
    settings: KafkaSettings,
    decoder: Callable[[KafkaMessage], Awaitable[Any]],
) -> Callable[[Callable[[Any], Awaitable[None]]], None]:
    """Subscribe with a decoder of the caller's own."""
    listener = WaitForHandler(REBALANCE_TIMEOUT_MS / 1000 - 10)
    subscriber = broker.subscriber(
        topic_name,
        group_id=group,
        ack_policy=AckPolicy.NACK_ON_ERROR,
        auto_offset_reset="earliest",
        session_timeout_ms=int(settings.kafka_session_timeout_seconds * 1000),
        heartbeat_interval_ms=int(settings.kafka_session_timeout_seconds * 1000 / 4),
        max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
        # A chunk that arrives on a partition that the fetch under way left out, because of what was not yet
        # read of it, waits for the end of that fetch.
        fetch_max_wait_ms=100,
        fetch_min_bytes=1,
        decoder=decoder,
        listener=listener,
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
        # FastStream keeps what a decoder returns in the message: one that holds itself would stay, with its
        # 40 KB of a chunk, until Python looks for cycles.
        return copy(message)

    subscriber = broker.subscriber(
        topic_name, group_id=None, ack_policy=AckPolicy.MANUAL, auto_offset_reset="latest", decoder=undecoded
    )

    def decorate(handler: Callable[[KafkaMessage], Awaitable[None]]) -> None:
        subscriber(handler)

    return decorate


class Publisher(Generic[EventT]):
    """Publishes one topic's events and returns when all replicas have them."""

    def __init__(self, broker: KafkaBroker, topic: Topic[EventT], *, source: str, clock: Clock = utc_now) -> None:
        self._topic = topic
        self._source = source
        self._clock = clock
        self._publisher = broker.publisher(topic.name, schema=topic.event)

    async def __call__(self, event: EventT) -> None:
        topic = self._topic
        await self._publisher.publish(
            event.model_dump_json().encode(),
            key=topic.key(event).encode(),
            headers=topic.headers(topic.identity(event), source=self._source, time=self._clock()),
        )
