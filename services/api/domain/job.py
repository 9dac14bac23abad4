"""What a parsing job is told and what it answers: plain data that crosses the process border as JSON."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from libs.contracts.lead_import.internal.messages import MAX_CHUNK_BYTES
from services.api.domain.problems import Detail, Refused

CHUNK_ROWS = 2_000
"""Rows of a message, which costs as much as hundreds of them by itself (docs/decisions/0009)."""

BYTES_PER_ROW = 4096
"""A file may hold this many bytes for each row it may hold, packed and unpacked alike."""

SMALLEST_BYTE_LIMIT = 1 << 20
"""An empty XLSX unpacks to tens of kilobytes, so a limit of few rows still allows this many bytes."""

EXCEL_CELL_LIMIT = 32_767
"""Characters that Excel keeps in one cell ("Excel specifications and limits")."""


def default_max_bytes(max_rows: int) -> int:
    """Return how large a file of ``max_rows`` rows may be, in bytes."""
    return max(SMALLEST_BYTE_LIMIT, BYTES_PER_ROW * max_rows)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. ``max_bytes`` holds for the upload and, anew, for what it unpacks to."""

    max_rows: int = 5_000
    max_bytes: int = 0
    """0: as ``default_max_bytes`` of ``max_rows``."""
    max_cell_chars: int = EXCEL_CELL_LIMIT
    seconds: float = 30.0
    """Time for reading and validating one file."""

    def __post_init__(self) -> None:
        if not self.max_bytes:
            object.__setattr__(self, "max_bytes", default_max_bytes(self.max_rows))


@dataclass(frozen=True, slots=True)
class ParseJob:
    """One upload to read. Both paths are files of this machine; the spool file is made anew."""

    upload_path: str
    spool_path: str
    envelope: dict[str, Any]
    """``import_id, company_id, account_id, source_id, creator_id, tag_ids, accepted_at`` (ISO 8601 with zone)."""
    limits: Limits = field(default_factory=Limits)
    on_invalid_row: Literal["reject", "skip"] = "reject"
    chunk_rows: int = CHUNK_ROWS
    chunk_bytes: int = MAX_CHUNK_BYTES

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Read what ``to_json`` wrote."""
        plain = json.loads(line)
        return cls(**{**plain, "limits": Limits(**plain["limits"])})


@dataclass(frozen=True, slots=True)
class ParseResult:
    """What became of a job: either ``refusal`` says why nothing may be stored, or the spool holds the chunks."""

    total_rows: int = 0
    """Data rows: those without the header and without blank records."""
    chunk_count: int = 0
    existing: int = 0
    """Rows settled as ``existing``: their phone stands in an earlier row of the file."""
    invalid: int = 0
    """Rows settled as ``error`` (``on_invalid_row: skip``)."""
    sha256: str = ""
    """Of the upload's bytes, in hexadecimal."""
    refusal: Refused | None = None

    def to_plain(self) -> dict[str, Any]:
        """Return dicts, lists, strings and numbers."""
        return asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Self:
        """Read what ``to_plain`` gave."""
        if plain["refusal"] is not None:
            refusal = plain["refusal"]
            errors = [Detail(**each) for each in refusal["errors"]]
            plain = plain | {"refusal": Refused(**refusal | {"errors": errors})}
        return cls(**plain)
