"""What is known of a chunk, and how its rows ended: pure. From state to state it comes by ``chunk_life``."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from libs.common.topics import Piece
from libs.contracts.lead_import.acceptance import accepted_at_of
from libs.contracts.lead_import.internal.messages import Chunk, Outcome, SettledRow, Verdict

Place = tuple[int, int]
"""Which chunk: (import id, chunk index)."""

NO_SUCH_IMPORT = "no import has this id, company and time of acceptance: the message is of one that is gone"
NO_SUCH_CHUNK = "no import of this id, company and time of acceptance has such a chunk"

CANCELED = "canceled"
"""Why rows are no leads, and why their import failed, when somebody canceled it."""
ERASED = "erased"
"""Why a row became no lead when its person was erased before a replay."""
CANCELED_ROW = Verdict(outcome=Outcome.ERROR, reason=CANCELED)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The import that a message speaks of. It is believed only about the row that has all of this.

    An id alone may be another import's: a database that was restored gives ids again, and Kafka still holds messages of
    those that had them before.
    """

    import_id: int
    accepted_at: datetime
    company_id: int | None
    """None: a dead letter's headers do not say it."""

    @classmethod
    def of(cls, chunk: Chunk[Any]) -> Self:
        return cls(chunk.import_id, chunk.accepted_at, chunk.company_id)


@dataclass(frozen=True, slots=True)
class NamedChunk:
    """A chunk that a dead letter or a person names; ``accepted_at`` None: whichever import has the id now."""

    import_id: int
    chunk_index: int
    accepted_at: datetime | None = None


def named_chunk(piece: Piece | None) -> NamedChunk | None:
    """Return the chunk that a dead letter is about, or None when it is about none."""
    match piece:
        case (import_id, chunk_index):
            # Its message came without a subject, or of a version whose subjects did not say the time.
            return NamedChunk(import_id, chunk_index)
        case (import_id, chunk_index, number):
            return NamedChunk(import_id, chunk_index, accepted_at_of(number))
    return None


@dataclass(frozen=True, slots=True)
class Window:
    """Chunks of one import in flight at most: ``alone`` while no other import waits, else ``shared``."""

    alone: int
    shared: int


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """One leased chunk: the ready JSON bytes of a ``ChunkAccepted``, and the trace of its upload."""

    import_id: int
    chunk_index: int
    accepted_at: datetime
    payload: bytes
    traceparent: str | None


@dataclass(frozen=True, slots=True)
class HeldImport:
    """An import whose row is locked. ``canceled``: somebody asked for its end."""

    import_id: int
    canceled: bool


@dataclass(frozen=True, slots=True)
class HeldChunk:
    """A chunk that nobody settles meanwhile. ``canceled``: no more leads shall be made of its import."""

    settled: bool
    canceled: bool


@dataclass(frozen=True, slots=True)
class OpenChunk:
    """A chunk that has not ended, with the ready JSON bytes of its ``ChunkAccepted``."""

    chunk_index: int
    row_count: int
    payload: bytes | None


@dataclass(frozen=True, slots=True)
class ChunkState:
    """A chunk as the database holds it, beneath the lock of its import."""

    row_count: int
    settled: bool
    dead_lettered: bool
    total_created: int


@dataclass(frozen=True, slots=True)
class ChunkOutcome:
    """How a chunk's rows ended: ``created + existing + errors`` is its number of rows.

    ``rows`` are those that did not become leads.
    """

    created: int
    existing: int
    errors: int
    rows: Sequence[SettledRow]
    dead_lettered: bool = False

    @property
    def reasons(self) -> str:
        """How many rows ended so for each reason, as JSON."""
        return json.dumps(Counter(row.reason for row in self.rows))


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the distinct chunks of an import, all of them settled."""

    created: int
    existing: int
    errors: int
    dead_lettered: int
    canceled: int = 0
    """How many of the errors are rows that were canceled."""
    reasons_of_chunks: Sequence[Mapping[str, int]] | None = None
    """None where a chunk was settled before they were counted."""

    @property
    def reasons(self) -> str | None:
        """How many rows did not become leads for each reason, as JSON."""
        return None if self.reasons_of_chunks is None else json.dumps(added_up(self.reasons_of_chunks))


def added_up(reasons: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Return the reasons of several chunks as those of all."""
    together: dict[str, int] = {}
    for of_a_chunk in reasons:
        for reason, rows in of_a_chunk.items():
            together[reason] = together.get(reason, 0) + rows
    return together


def place_columns(chunks: Sequence[Place]) -> dict[str, list[int]]:
    """Return the chunks as the two columns that statements take."""
    return {"imports": [chunk[0] for chunk in chunks], "indexes": [chunk[1] for chunk in chunks]}
