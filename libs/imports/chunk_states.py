"""What is known of a chunk, and how its rows ended: pure. From state to state it comes by ``chunk_life``."""

from collections.abc import Sequence
from dataclasses import dataclass

from libs.contracts.lead_import.internal.messages import SettledRow

Place = tuple[int, int]
"""Which chunk: (import id, chunk index)."""


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
    payload: bytes
    traceparent: str | None


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


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over the distinct chunks of an import, all of them settled."""

    created: int
    existing: int
    errors: int
    dead_lettered: int
