"""What the relay publishes from: anything that can lease its messages to one relay at a time."""

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
    attempts: int = 1
    """How often it was claimed, this time included."""


class Source(Protocol):
    """Messages in PostgreSQL that wait to be published. Every call is made in a transaction of the relay's."""

    kind: str
    """For metrics: a word for what it holds."""

    async def claim(self, connection: AsyncConnection, *, lease: uuid.UUID) -> Sequence[Outgoing]:
        """Lease what is due, in the order in which it shall be published; skip what other relays hold."""

    async def published(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Note that Kafka has these, unless their lease passed to another relay."""

    async def failed(self, connection: AsyncConnection, messages: Sequence[Outgoing], *, lease: uuid.UUID) -> None:
        """Give these back, to be claimed again."""
