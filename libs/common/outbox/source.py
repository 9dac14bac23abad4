"""What the relay publishes from, and what it publishes to."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy.ext.asyncio import AsyncConnection

LEASE_SECONDS = 30
"""How long a relay may take to publish what it claimed. Afterwards another one may claim it."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One claimed message, ready for the wire."""

    id: Any
    """The source's own name of it."""
    topic: str
    key: str
    headers: dict[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class Room:
    """How much may be claimed: so many messages, of so many bytes together. One message may be larger than that."""

    messages: int
    size: int


class Source(Protocol):
    """Messages in PostgreSQL that wait to be published, and that can be leased to one relay at a time.

    Every call is made in a transaction of the relay's.
    """

    kind: str
    """For metrics: a word for what it holds."""

    async def claim(self, connection: AsyncConnection, *, lease: uuid.UUID, room: Room) -> Sequence[Outgoing]:
        """Lease what is due and finds room, in the order in which it shall be published; skip what other relays hold.

        The first message is claimed whatever its size.
        """

    async def published(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Note that Kafka has these, unless their lease passed to another relay."""

    async def postponed(
        self, connection: AsyncConnection, messages: Sequence[tuple[Outgoing, float]], *, lease: uuid.UUID
    ) -> None:
        """Give these back, each to be claimed again in so many seconds, unless their lease passed to another relay."""

    async def waiting(self, connection: AsyncConnection, messages: Sequence[Outgoing]) -> set[Any]:
        """Return the ids of those that no relay has published yet."""


class MessageBroker(Protocol):
    """Kafka, as the relay uses it: ``libs.common.kafka.broker.Broker``."""

    def partition_of(self, topic: str, key: bytes) -> int | None:
        """Return where a message with this key goes, or None while the topic's partitions are not known yet."""

    async def publish(
        self, message: bytes, topic: str, *, key: bytes, headers: dict[str, str], partition: int | None
    ) -> Any:
        """Return when all replicas have it. Raises aiokafka's KafkaError."""
