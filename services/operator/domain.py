"""What the people on call see of an import and of a dead letter: pure. Never a personal datum."""

import heapq
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from libs.common.topics import Piece
from libs.imports.chunk_states import NamedChunk, Place, named_chunk


class ChunkPlace(StrEnum):
    """Where a chunk is."""

    WAITING = "waiting"
    """In the outbox: its import's window is full, or the relay has not come by."""
    IN_FLIGHT = "in flight"
    """Sent to Kafka, not settled yet."""
    SETTLED = "settled"
    DEAD = "dead-lettered"


@dataclass(frozen=True, slots=True)
class ChunkLine:
    """A chunk as the database holds it."""

    chunk_index: int
    row_count: int
    sent_at: datetime | None
    sent_count: int
    settled_at: datetime | None
    dead_lettered: bool

    @property
    def place(self) -> ChunkPlace:
        if self.settled_at is not None:
            return ChunkPlace.DEAD if self.dead_lettered else ChunkPlace.SETTLED
        return ChunkPlace.IN_FLIGHT if self.sent_at is not None else ChunkPlace.WAITING


@dataclass(frozen=True, slots=True)
class ImportLine:
    """An import as the database holds it, its chunks counted by their place. Seconds are the database's."""

    import_id: int
    company_id: int
    account_id: int
    status: str
    row_count: int
    waiting: int
    in_flight: int
    settled: int
    dead_lettered: int
    age_seconds: float
    still_seconds: float
    """Since a chunk of it was sent for the first time or settled, or it was accepted, replayed or ended."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter with its place in the topic, ``partition:offset``."""

    position: str
    time: datetime
    size: int
    """Bytes of the message itself."""
    piece: Piece | None
    """What of its owner's work it is about: for the import (import id, chunk index). None: a stranger."""
    original_topic: str
    service: str
    attempts: int
    why: str


def places(chunks: Sequence[ChunkLine]) -> dict[ChunkPlace, tuple[int, int]]:
    """Return (chunks, rows) by place."""
    chunk_counts = Counter(chunk.place for chunk in chunks)
    row_counts: Counter[ChunkPlace] = Counter()
    for chunk in chunks:
        row_counts[chunk.place] += chunk.row_count
    return {place: (chunk_counts[place], row_counts[place]) for place in ChunkPlace}


def place_now(chunk: NamedChunk, stored: Mapping[Place, tuple[datetime, ChunkLine | None]]) -> str:
    """Return where a letter's chunk is now, in words. ``stored``: when its import was accepted, and the chunk."""
    found = stored.get((chunk.import_id, chunk.chunk_index))
    if found is None:
        return "no such import"
    accepted_at, line = found
    if chunk.accepted_at not in {None, accepted_at}:
        return "its import is gone: another was given the id"
    return line.place.value if line else "no such chunk"


async def newest(letters: AsyncIterator[Letter], most: int) -> tuple[list[Letter], int]:
    """Return so many of the newest letters, oldest first, and how many there are; no more than those are kept."""
    kept: list[tuple[datetime, int, Letter]] = []
    count = 0
    async for letter in letters:
        count += 1
        keep = heapq.heappush if len(kept) < most else heapq.heappushpop
        keep(kept, (letter.time, count, letter))
    return [letter for _, _, letter in sorted(kept)], count


def chunks_and_others(letters: Sequence[tuple[str, Piece | None]]) -> tuple[list[NamedChunk], list[str]]:
    """Return the distinct chunks that letters, (position, piece), are about, and the positions of all others."""
    pieces = sorted({piece for _, piece in letters if piece})
    named = [chunk for piece in pieces if (chunk := named_chunk(piece)) is not None]
    return named, [position for position, piece in letters if piece is None]


def duration(seconds: float) -> str:
    """Return a time in its two largest units: ``45s``, ``3m05s``, ``2h14m``, ``3d04h``. A clock that jumped: ``0s``."""
    whole = max(0, int(seconds))
    minutes, hours, days = whole // 60, whole // 3600, whole // 86_400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m{whole % 60:02}s" if minutes else f"{whole}s"
