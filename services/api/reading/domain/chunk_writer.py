"""Validated rows become chunks: put in order of their phones, divided, and spooled as ready payloads."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from operator import add
from typing import Any, BinaryIO

from pydantic_core import to_json

from libs.fields.tags import TAGS_LIMIT
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.spool import write_chunk

_CHUNKS_IN_ORDER = 25
"""The rows of so many are put in order together: a page of an index beside a million contacts then has ten of them."""
_CHARS_IN_ORDER = 8_000_000
"""Characters of the rows that are put in order together: so many rows of a usual file have half of it."""

_ENVELOPE_ROOM = 2048
_ROOM_TO_SETTLE = 72
"""Bytes that a row gains at most when a later stage settles it: names of fields, outcome and reason (73 and a reason
of 15), less the codes of its phone (9); all other columns hold as much as the cells that come in their place."""
_ROOM_OF_A_TAG = 11
"""Bytes of a tag's id and its comma. A row of the tagger has brackets and a comma besides."""
_FITTING = 0.95
"""Of what would fit by the bytes of the rows before: the next ones may be a little longer."""


@dataclass(slots=True)
class RowBlock:
    """Some of a file's rows: live ones as the columns of ``LiveRows``, settled ones as objects."""

    live: dict[str, Sequence[Any]]
    settled: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.live["row"]) + len(self.settled)

    @classmethod
    def of(cls, blocks: Sequence["RowBlock"]) -> "RowBlock":
        """Return the rows of all blocks, the live ones in order of their phones."""
        together = {name: list(chain.from_iterable(block.live[name] for block in blocks)) for name in blocks[0].live}
        phones = list(map(add, together["country_code"], together["phone"]))
        order = sorted(range(len(phones)), key=phones.__getitem__)
        return cls(
            {name: list(map(values.__getitem__, order)) for name, values in together.items()},
            list(chain.from_iterable(block.settled for block in blocks)),
        )

    def part(self, first: int, last: int) -> "RowBlock":
        """Return the rows from ``first`` to before ``last``: every part has its share of live and of settled ones."""
        every = len(self)
        first_live, last_live = (len(self.live["row"]) * at // every for at in (first, last))
        return RowBlock(
            {name: values[first_live:last_live] for name, values in self.live.items()},
            self.settled[first - first_live : last - last_live],
        )


class ChunkWriter:
    """Divides rows into chunks that are small enough for every stage, and writes those to the spool.

    What a chunk looks up and inserts by its phones then stands close together in every index, not all over it: beside a
    million contacts the databases need a third less for a row (docs/decisions/0010).
    """

    def __init__(self, job: ReadingJob, spool: BinaryIO) -> None:
        self.count = 0
        self._job = job
        self._spool = spool
        self._blocks: list[RowBlock] = []
        self._rows = self._chars = 0
        self._wanted_rows = job.chunk_rows
        self._room_of_a_row = max(_ROOM_TO_SETTLE, 3 + _ROOM_OF_A_TAG * (TAGS_LIMIT + len(job.envelope["tag_ids"])))

    def add(self, rows: RowBlock, chars: int) -> None:
        """Take rows whose cells have so many characters."""
        self._blocks.append(rows)
        self._rows += len(rows)
        self._chars += chars
        if self._rows >= _CHUNKS_IN_ORDER * self._job.chunk_rows or self._chars >= _CHARS_IN_ORDER:
            self.flush()

    def flush(self) -> None:
        """Write the rows that were taken and not written yet."""
        if not self._blocks:
            return
        rows = RowBlock.of(self._blocks)
        self._blocks = []
        self._rows = self._chars = 0
        first = 0
        while first < len(rows):
            last = min(first + self._wanted_rows, len(rows))
            self._write(rows.part(first, last))
            first = last

    def _write(self, rows: RowBlock) -> None:
        """Write the rows as one chunk, or as several when a later stage could make one too large."""
        payload = to_json(
            {
                **self._job.envelope,
                "chunk_index": self.count,
                "row_count": len(rows),
                "live": rows.live,
                "settled": rows.settled,
            }
        )
        largest = len(payload) + len(rows) * self._room_of_a_row + _ENVELOPE_ROOM
        fitting = int(len(rows) * _FITTING * self._job.chunk_bytes / largest)
        if largest > self._job.chunk_bytes and len(rows) > 1:
            self._write(rows.part(0, len(rows) // 2))
            self._write(rows.part(len(rows) // 2, len(rows)))
        else:
            write_chunk(self._spool, len(rows), payload)
            self.count += 1
        self._wanted_rows = max(1, min(self._job.chunk_rows, fitting))
