"""What a preview keeps of a file's live rows: what they are looked up by, and their tags.

No message is made of them, for nobody would send it: making the messages took a fourth of a preview's reading.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from pydantic_core import from_json, to_json

from services.api.reading.domain.rows import Leads
from services.api.reading.domain.spool import write_chunk

_ENVELOPE = ("import_id", "company_id", "account_id", "accepted_at")

ROWS_A_LOOK = 10_000
"""Rows that are looked up by one question to each store: all of a file within usual limits. None of it is sent through
Kafka, so that they may be more than a chunk of an import has."""


@dataclass(frozen=True, slots=True)
class PreviewedRows:
    """Columns of live rows, as ``LiveRows`` has them."""

    row: list[int]
    country_code: list[str]
    phone: list[str]

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, slots=True)
class PreviewedChunk:
    """Live rows that are looked up together; the others have ended already."""

    import_id: int
    company_id: int
    account_id: int
    accepted_at: datetime
    live: PreviewedRows
    tags: Mapping[str, Sequence[int]]
    """Names of tags, each with the indexes of its rows."""


def of_payload(payload: bytes) -> PreviewedChunk:
    """Read what ``PreviewedChunks`` wrote."""
    plain = from_json(payload)
    accepted_at = datetime.fromisoformat(plain.pop("accepted_at"))
    return PreviewedChunk(**plain | {"accepted_at": accepted_at, "live": PreviewedRows(**plain["live"])})


class PreviewedChunks:
    """Writes what is kept of live rows to the spool, ``ROWS_A_LOOK`` together, give or take a block."""

    def __init__(self, envelope: Mapping[str, Any], spool: BinaryIO) -> None:
        self._envelope = {name: envelope[name] for name in _ENVELOPE}
        self._spool = spool
        self._begin()

    def _begin(self) -> None:
        self._rows = PreviewedRows([], [], [])
        self._tags: dict[str, list[int]] = {}

    def add(self, numbers: Sequence[int], leads: Leads) -> None:
        """Take the live rows of a block: their numbers and what they are."""
        rows = self._rows
        for index, names in enumerate(leads.tags, start=len(rows)):
            for name in names:
                self._tags.setdefault(name, []).append(index)
        rows.row.extend(numbers)
        rows.country_code.extend([phone.country_code for phone in leads.phone])
        rows.phone.extend([phone.national for phone in leads.phone])
        if len(rows) >= ROWS_A_LOOK:
            self.flush()

    def flush(self) -> None:
        """Write the rows that were taken and not written yet."""
        rows = self._rows
        if len(rows):
            columns = {name: getattr(rows, name) for name in PreviewedRows.__slots__}
            write_chunk(self._spool, len(rows), to_json(self._envelope | {"live": columns, "tags": self._tags}))
            self._begin()
