"""Validated rows become chunks: put in order of their phones, divided, and spooled as ready payloads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import add
from typing import Any, BinaryIO

from pydantic_core import to_json

from libs.common.web.refusals import Refused
from libs.fields.tags import TAGS_LIMIT
from libs.spreadsheets.header import FILE_COLUMNS
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.spool import write_chunk

_CHUNKS_IN_ORDER = 25
"""The rows of so many chunks are put in order together: 50,000 of them by default. Among a million contacts every
twentieth entry of an index is then looked up, so that about ten of the rows share each page that is read."""
_CHARS_IN_ORDER = 8_000_000
"""The same as a bound on memory: fewer rows are put in order together when their cells have more characters than
this. 50,000 rows of a usual file have half of it."""

# A chunk is written once, here, but every stage passes it on, and some make it larger. So it is closed while the
# largest form that a later stage can give it is still below the limit of a message.
_ENVELOPE_ROOM = 2048
"""Bytes for what stands once in a message, beside its rows."""
_ROOM_TO_SETTLE = 72
"""Bytes that a row gains at most when a later stage settles it. The names of a settled row's fields, its outcome and a
reason of 15 letters come in; the columns of the live row go. Those of its phone's dial code and country code go without
anything in their place, the others make room for the original cells, which they spell. It comes to 66 at most; the rest
is reserve. The tests settle every row of the widest chunks and hold the message against its limit."""
_ROOM_OF_A_MORE = 3
"""Bytes that a row gains at most for each further column when a later stage settles it: a value goes, and the cell that
it spells comes in quotes."""
_ROOM_OF_A_TAG = 11
"""Bytes that a row gains for each of its tags when the tagger adds their ids: ten digits and a comma. Its list of ids
takes three more, two brackets and a comma."""
_FITTING = 0.95
"""How full the next chunk is planned, by the bytes of the rows before. Its own rows may be a little longer, and a chunk
that turns out too large is cut in half, which makes two messages of what nearly fitted into one."""


MORE_CELLS = "more_cells"
_MORE = "more:"


def more_column(field: str) -> str:
    """Return what a further field's column is called beside the columns of ``LiveRows``."""
    return _MORE + field


def _as_sent(columns: Mapping[str, Sequence[Any]]) -> Mapping[str, Any]:
    """Return live rows as ``LiveRows`` writes them: further columns together, under ``more``."""
    if MORE_CELLS not in columns:
        return columns
    more = [
        {"field": name.removeprefix(_MORE), "values": held} for name, held in columns.items() if name.startswith(_MORE)
    ]
    return {name: held for name, held in columns.items() if not name.startswith(_MORE)} | {"more": more}


@dataclass(slots=True)
class RowBlock:
    """Some of a file's rows: live ones as the columns of ``LiveRows`` and ``more_column``, settled ones as objects."""

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
            {name: [values[place] for place in order] for name, values in together.items()},
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

    The rows are put in order of their phones first. What a chunk looks up and inserts by its phones then stands close
    together in every index, not all over it: beside a million contacts the databases need a third less for a row
    (docs/decisions/0010).
    """

    def __init__(self, job: ReadingJob, spool: BinaryIO) -> None:
        self.count = 0
        self._job = job
        self._spool = spool
        self._blocks: list[RowBlock] = []
        self._rows = self._chars = 0
        self._spooled = 0
        self._wanted_rows = job.chunk_rows
        # A row is tagged or settled, never both in one message.
        more = _ROOM_OF_A_MORE * sum(field not in (None, *FILE_COLUMNS) for field in job.file.mapping.values())
        tagged = 3 + _ROOM_OF_A_TAG * (TAGS_LIMIT + len(job.envelope["tag_ids"]))
        self._room_of_a_row = max(_ROOM_TO_SETTLE + more, tagged)

    def add(self, rows: RowBlock, chars: int) -> None:
        """Take rows whose cells have so many characters."""
        self._blocks.append(rows)
        self._rows += len(rows)
        self._chars += chars
        if self._rows >= _CHUNKS_IN_ORDER * self._job.chunk_rows or self._chars >= _CHARS_IN_ORDER:
            self.flush()

    def flush(self) -> None:
        """Write the rows that were taken and not written yet.

        Raises Refused when all chunks together have more bytes than the file may have: a workbook says a long cell once
        and names it in every row, so that little of it can become much.
        """
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
                "live": _as_sent(rows.live),
                "settled": rows.settled,
            }
        )
        largest = len(payload) + len(rows) * self._room_of_a_row + _ENVELOPE_ROOM
        fitting = int(len(rows) * _FITTING * self._job.chunk_bytes / largest)
        if largest > self._job.chunk_bytes and len(rows) > 1:
            self._write(rows.part(0, len(rows) // 2))
            self._write(rows.part(len(rows) // 2, len(rows)))
        else:
            self._spooled += len(payload)
            if self._spooled > self._job.limits.max_bytes:
                raise Refused("file_too_large", f"Its rows have more than {self._job.limits.max_bytes} bytes.")
            write_chunk(self._spool, len(rows), payload)
            self.count += 1
        self._wanted_rows = max(1, min(self._job.chunk_rows, fitting))
