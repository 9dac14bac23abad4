"""The topic registry: every topic with its event, key, owner, readers and retention.

Topics are created from this table, handlers subscribe and publish through it, and ``docs/reference/events.md`` is
held to it by a test. One event type a topic; the version is in the topic's name.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from libs.common.events.chunk import (
    ID_LIMIT,
    Chunk,
    ChunkAccepted,
    ChunkCreated,
    ChunkDeduplicated,
    ChunkTagged,
    Message,
)
from libs.common.events.lead_import import ImportAccepted, ImportFinished

EventT = TypeVar("EventT", bound=Message)

_NAMESPACE = uuid.UUID("6c1f8f2e-6f0e-5b6e-9a53-0a3d5a0c9f11")


@dataclass(frozen=True, slots=True)
class Topic(Generic[EventT]):
    """One topic. ``identity`` is what makes a repeated message carry the same ``ce_id``."""

    name: str
    event: type[EventT]
    event_type: str
    key: Callable[[EventT], str]
    identity: Callable[[EventT], str]
    owner: str
    readers: tuple[str, ...]
    retention_hours: int
    public: bool = False
    """Other teams may subscribe: nothing personal, fields are only ever added."""

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


def _by_chunk(chunk: Chunk[Any]) -> str:
    return f"{chunk.import_id}:{chunk.chunk_index}"


def _by_import(event: Chunk[Any] | ImportAccepted | ImportFinished) -> str:
    return str(event.import_id)


DAY = 24

IMPORT_ACCEPTED = Topic(
    name="lead.import-accepted.v1",
    event=ImportAccepted,
    event_type="lead:import-accepted",
    key=_by_import,
    identity=_by_import,
    owner="api",
    readers=(),
    retention_hours=7 * DAY,
    public=True,
)
CHUNK_ACCEPTED = Topic(
    name="lead.import-chunk-accepted.v1",
    event=ChunkAccepted,
    event_type="lead:import-chunk-accepted",
    key=_by_chunk,
    identity=_by_chunk,
    owner="api",
    readers=("dedup",),
    retention_hours=DAY,
)
CHUNK_DEDUPLICATED = Topic(
    name="lead.import-chunk-deduplicated.v1",
    event=ChunkDeduplicated,
    event_type="lead:import-chunk-deduplicated",
    key=_by_chunk,
    identity=_by_chunk,
    owner="dedup",
    readers=("tagger",),
    retention_hours=DAY,
)
CHUNK_TAGGED = Topic(
    name="lead.import-chunk-tagged.v1",
    event=ChunkTagged,
    event_type="lead:import-chunk-tagged",
    key=_by_chunk,
    identity=_by_chunk,
    owner="tagger",
    readers=("creator",),
    retention_hours=DAY,
)
CHUNK_CREATED = Topic(
    name="lead.import-chunk-created.v1",
    event=ChunkCreated,
    event_type="lead:import-chunk-created",
    key=_by_import,
    identity=_by_chunk,
    owner="creator",
    readers=("finalizer", "api"),
    retention_hours=DAY,
)
IMPORT_FINISHED = Topic(
    name="lead.import-finished.v1",
    event=ImportFinished,
    event_type="lead:import-finished",
    key=_by_import,
    identity=lambda event: f"{event.import_id}:{event.revision}",
    owner="finalizer",
    readers=("api",),
    retention_hours=7 * DAY,
    public=True,
)

TOPICS: tuple[Topic[Any], ...] = (
    IMPORT_ACCEPTED,
    CHUNK_ACCEPTED,
    CHUNK_DEDUPLICATED,
    CHUNK_TAGGED,
    CHUNK_CREATED,
    IMPORT_FINISHED,
)

DEAD_LETTER = "lead.import-dead-letter.v1"
"""Raw bytes of messages that could not be processed, with headers that say why; keyed by the import's id."""

CHUNK_KEY_BYTES = 24

DEAD_LETTER_READERS = ("finalizer",)

DEAD_LETTER_RETENTION_HOURS = 14 * DAY


def chunk_of_key(key: bytes | None) -> tuple[int, int] | None:
    """Return (import id, chunk index) of a chunk message's key, or None when it is no such key."""
    import_id, colon, chunk_index = (key or b"").partition(b":")
    if colon and import_id.isdigit() and chunk_index.isdigit() and len(key or b"") <= CHUNK_KEY_BYTES:
        chunk = int(import_id), int(chunk_index)
        return chunk if max(chunk) <= ID_LIMIT else None
    return None
