"""The broker, with the settings that lose nothing."""

import asyncio
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.partitioner import DefaultPartitioner
from faststream.kafka import KafkaBroker
from faststream.kafka.opentelemetry import KafkaTelemetryMiddleware
from faststream.kafka.prometheus import KafkaPrometheusMiddleware
from faststream.kafka.response import KafkaPublishCommand
from faststream.response.publish_type import PublishType
from prometheus_client import REGISTRY, CollectorRegistry

from libs.common.kafka.clients import broker_options, topic_in_kafka
from libs.common.kafka.delivery import Delivery, DeliveryMiddleware
from libs.common.settings import KafkaSettings
from libs.common.together import all_ended_then_first_error, all_or_first_error

PUBLISH_SECONDS = 10.0
"""How long a partition may take to take a message. Afterwards the publication fails, as a bad day, and nothing of it
stays behind in the producer. A request that is on its way by then may take as long again."""
BATCH_BYTES = 128 * 1024
"""Of one partition's messages that travel together. What does not fit waits until the others are there: by the client's
own 16 KB, a thousand small events at once would go to each partition six times and be waited for each time."""
CONSUMER_REQUEST_MS = 40_000
"""aiokafka's own default."""
HANDLER_GRACE_SECONDS = 20.0
"""How long a stop waits for the message in hand."""
STOP_SECONDS = 25.0
"""How long stopping the broker may take in all: the message in hand, the commit, leaving the group. Orchestrators kill
after 30 seconds unless they are told otherwise."""

Partitioner = Callable[[bytes | None, list[int], list[int]], int]
"""Chooses from (key, all partitions, those with a leader)."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ReadyMessage:
    """A message with its own key and headers."""

    key: bytes
    value: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Sending:
    """What FastStream's middlewares call in the place of a producer's ``publish_batch``."""

    producer: AIOKafkaProducer
    messages: Sequence[ReadyMessage]

    async def publish_batch(self, cmd: KafkaPublishCommand) -> None:
        # By its baggage a message would say that it is a batch: of these each is one by itself.
        common = [(name, value.encode()) for name, value in cmd.headers_to_publish().items() if name != "baggage"]
        # One that fails leaves no other behind of which nobody knows how it ended.
        async with all_ended_then_first_error() as on_their_way:
            for message in self.messages:
                own = [(name, value.encode()) for name, value in message.headers.items()]
                sent = self.producer.send(cmd.destination, message.value, message.key, headers=[*own, *common])
                on_their_way.append(await sent)


class Broker(KafkaBroker):
    """Starts its consumers at once, and is told topics by our own names: only here they get the prefix.

    Each is started when it has its partitions. One after another, every member that joins a group would wait until
    the members before it notice at their next heartbeat: seconds, and a warning, a member.
    """

    def __init__(self, settings: KafkaSettings, *, partitioner: Partitioner, **options: Any) -> None:
        super().__init__(partitioner=partitioner, **options)
        self._settings = settings
        self._partitioner = partitioner
        # For the topics of subscribers and publishers. What is published without a publisher FastStream leaves alone.
        self.config.broker_config.prefix = topic_in_kafka(settings, "")

    async def publish(self, message: Any, topic: str = "", **options: Any) -> Any:
        return await super().publish(message, topic_in_kafka(self._settings, topic), **options)

    async def publish_all(self, topic: str, messages: Sequence[ReadyMessage]) -> None:
        """Publish messages, each with its key and headers, and return when all replicas have all of them.

        They are measured and traced as one publication. FastStream's own batches share their headers, and each of its
        single messages costs two spans, a span of time and several times what its sending takes.

        Raises the first error, when the others have ended too: what was sent of them stays sent.
        """
        if not messages:
            return
        values = [message.value for message in messages]
        command = KafkaPublishCommand(
            *values,
            topic=topic_in_kafka(self._settings, topic),
            correlation_id=str(uuid.uuid4()),
            _publish_type=PublishType.PUBLISH,
        )
        await self._basic_publish_batch(command, producer=cast("Any", _Sending(self._sender, messages)))

    @property
    def _sender(self) -> AIOKafkaProducer:
        # FastStream has no name for the client beneath its producer.
        producer: AIOKafkaProducer = self.config.producer._producer.producer  # type: ignore[attr-defined]  # noqa: SLF001
        return producer

    def partition_of(self, topic: str, key: bytes) -> int | None:
        """Return where a message with this key goes, or None while the topic's partitions are not known yet."""
        found = self._sender.client.cluster.partitions_for_topic(topic_in_kafka(self._settings, topic))
        partitions = sorted(found or ())
        return self._partitioner(key, partitions, partitions) if partitions else None

    async def start(self) -> None:
        await self.connect()
        # FastStream gives consumers the producer's time for a request. That is too short for one that joins a group,
        # which is answered only when the other members have finished their message in hand.
        connected = self.config.broker_config
        connected.builder = partial(connected.builder, request_timeout_ms=CONSUMER_REQUEST_MS)
        await all_or_first_error(*(subscriber.start() for subscriber in self.subscribers))
        for publisher in self.publishers:
            await publisher.start()
        self.running = True


def create_broker(
    settings: KafkaSettings,
    *,
    service: str,
    delivery: Delivery | None = None,
    partitioner: Partitioner | None = None,
    registry: CollectorRegistry = REGISTRY,
) -> Broker:
    """Return a broker that publishes to all replicas in time or fails, never creates topics, dead-letters bad messages.

    Without a ``partitioner`` keys are hashed, as Kafka's own clients do.
    """
    middlewares: list[Any] = [
        KafkaPrometheusMiddleware(registry=registry, app_name=service, metrics_prefix="leadflow_kafka"),
        KafkaTelemetryMiddleware(),
    ]
    if delivery is not None:
        # The last one of the list stands next to the handler. Delivery must: it decides about an error before metrics
        # and traces count the message as failed.
        middlewares.append(DeliveryMiddleware.with_policy(delivery))
    broker = Broker(
        settings,
        **broker_options(settings, client_id=f"leadflow-{service}"),
        # Not enable_idempotence: every handler may run twice, so a repeat costs nothing, and such a producer cannot be
        # used any more after a batch that failed (decision 14).
        acks="all",
        request_timeout_ms=int(PUBLISH_SECONDS * 1000),
        partitioner=partitioner or DefaultPartitioner(),
        allow_auto_create_topics=False,
        max_request_size=1024 * 1024,
        max_batch_size=BATCH_BYTES,
        # FastStream logs exceptions with their values, which may be personal data; Delivery logs instead.
        logger=None,
        graceful_timeout=HANDLER_GRACE_SECONDS,
        middlewares=middlewares,
    )
    if delivery is not None:
        delivery.connect(broker)
    return broker


async def stop_broker(broker: KafkaBroker) -> None:
    """Finish and commit the message in hand, and leave the group.

    When Kafka does not answer, give up after ``STOP_SECONDS``: the group then learns of it when the session times out.
    """
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await broker.stop()
    except TimeoutError:
        log.warning("stopped without leaving the group: Kafka does not answer")
