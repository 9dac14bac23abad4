"""What an owner declares of its topics: each with its event, key, readers and retention, and where its dead letters go.

One event type a topic; the version is in the topic's name. Topics are created from these declarations, handlers
subscribe and publish through them, and documents and manifests are made from them.
"""

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from libs.common.messages import Message

EventT = TypeVar("EventT", bound=Message)

_NAMESPACE = uuid.UUID("6c1f8f2e-6f0e-5b6e-9a53-0a3d5a0c9f11")

DAY = 24
"""Hours."""


@dataclass(frozen=True, slots=True)
class Topic(Generic[EventT]):
    """One topic. ``identity`` is what makes a repeated message carry the same ``ce_id``."""

    name: str
    event: type[EventT]
    event_type: str
    key: Callable[[EventT], str]
    identity: Callable[[EventT], str]
    owner: str
    """The service whose event it is, and that publishes it."""
    readers: tuple[str, ...]
    """The services of the house that subscribe. The consumer group of each has its name; who only watches has none."""
    retention_hours: int
    public: bool = False
    """Other teams may subscribe: nothing personal, fields are only ever added."""
    also_sent_by: tuple[str, ...] = ()
    """Services whose relay empties the same outbox as the owner's: each publishes what the other has written."""

    def headers(self, identity: str, *, source: str, time: datetime) -> dict[str, str]:
        """Return the CloudEvents 1.0 headers of Kafka's binary mode; ``ce_id`` follows from ``identity``."""
        return {
            "ce_specversion": "1.0",
            "ce_id": str(uuid.uuid5(_NAMESPACE, f"{self.event_type}:{identity}")),
            "ce_type": self.event_type,
            "ce_source": f"/leadflow/{source}",
            "ce_subject": identity,
            "ce_time": time.isoformat(),
            "content-type": "application/json",
        }


Piece = tuple[int, ...]
"""The piece of work that a message is about, named by numbers that its owner chooses. It stands still when the message
is dead-lettered."""


def _no_piece(text: bytes | None) -> Piece | None:
    return None


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where the messages end that an owner's services cannot process, and how the owner knows them again.

    Each owner has a topic of its own. When a service cannot process an event of another owner, that is the failure of
    its own owner's work, and must not be settled as if the other's had failed. The topic holds raw bytes, with headers
    that say why.
    """

    topic: str
    readers: tuple[str, ...] = ()
    """The services that settle what is dead-lettered."""
    writers: tuple[str, ...] = ()
    """The consumers whose messages end here when they cannot process them."""
    retention_hours: int = 14 * DAY
    piece_of: Callable[[bytes | None], Piece | None] = _no_piece
    """Reads the piece of work from a message's ``ce_subject`` or key; None when they name no work of the owner's."""
    piece_header: str = "x-piece"
    """The dead letter's header that names the piece, its numbers joined by colons."""


@dataclass(frozen=True, slots=True)
class Registry:
    """All topics of one owner."""

    owner: str
    topics: tuple[Topic[Any], ...]
    dead_letters: DeadLetters | None = None
    lag_watchers: tuple[str, ...] = ()
    """The services that ask Kafka how far the owner's consumers are behind."""


def topics_read_by(registries: Iterable[Registry], service: str) -> list[str]:
    """Return the names of the topics that a service of the house subscribes to, dead letters left out."""
    return [topic.name for registry in registries for topic in registry.topics if service in topic.readers]
