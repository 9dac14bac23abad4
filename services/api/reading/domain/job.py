"""What the reading of a file is told and what it answers: plain data that crosses the process border as JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Self

from libs.common.web.refusals import Detail, Refused
from libs.contracts.lead_import.internal.messages import MAX_CHUNK_BYTES
from libs.fields.custom_values import FieldType, OwnField
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits


@dataclass(frozen=True, slots=True)
class ReadingJob:
    """One upload to read. Both paths are files of this machine; the spool file is made anew."""

    upload_path: str
    spool_path: str
    envelope: dict[str, Any]
    """``import_id, company_id, account_id, source_id, creator_id, tag_ids, accepted_at`` (ISO 8601 with zone)."""
    limits: Limits = field(default_factory=Limits)
    on_invalid_row: Literal["reject", "skip"] = "reject"
    file: FileOptions = field(default_factory=FileOptions)
    corrections: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """What stands in cells instead of what the file says: by row number, as the spreadsheet shows it, and field."""
    custom_types: Mapping[str, FieldType] = field(default_factory=dict)
    """Of the company's own fields that the mapping names, by key."""
    own_fields: Sequence[OwnField] | None = None
    """All fields that the company has of its own: columns that are no known field become such ones. None: they are left
    out."""
    preview_path: str | None = None
    """Where to write what a preview shows (``Preview`` as JSON); None: the file is to be imported."""
    page: int = 1
    """Which hundred rows a preview shows."""
    chunk_rows: int = field(kw_only=True)
    """Rows of a chunk at most; one of long rows is closed earlier, by ``chunk_bytes``."""
    chunk_bytes: int = field(default=MAX_CHUNK_BYTES, kw_only=True)

    def to_json(self) -> str:
        """Return one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str | bytes) -> Self:
        """Read what ``to_json`` wrote."""
        plain = json.loads(line)
        own = plain["own_fields"]
        read = {
            "limits": Limits(**plain["limits"]),
            "file": FileOptions(**plain["file"]),
            "own_fields": own and [OwnField(**each) for each in own],
        }
        return cls(**{**plain, **read})


@dataclass(frozen=True, slots=True)
class ReadingResult:
    """What became of a job: either ``refusal`` says why nothing may be stored, or the spool holds the chunks."""

    total_rows: int = 0
    """Data rows: those without the header and without blank records."""
    chunk_count: int = 0
    existing: int = 0
    """Rows settled as ``existing``: their phone stands in an earlier row of the file."""
    invalid: int = 0
    """Rows settled as ``error`` (``on_invalid_row: skip``)."""
    headers: list[str] = field(default_factory=list)
    """The header's cells as they are told (``header_told``), at most 100; without our report's."""
    separator: str | None = None
    """What stands between the cells of a CSV; None for a workbook."""
    places: list[int | None] | None = None
    """Of each of the five fields, and then of ``more``, its column in the file, counted from 0; None: they are the
    file's five, in order."""
    more: list[str] = field(default_factory=list)
    """Further fields of the file, in its order."""
    titles: list[str] = field(default_factory=list)
    """Of each of ``places`` its column's header as it is told; empty where there is no column. None without these."""
    new_fields: list[OwnField] = field(default_factory=list)
    """Fields that the company lacks, and that its file fills."""
    left_out: list[str] = field(default_factory=list)
    """Headers of columns that hold no field, as ``headers``."""
    reported: list[dict[str, Any]] = field(default_factory=list)
    """Of a report of ours the first rows as they say of themselves: ``row, outcome, cells``."""
    refusal: Refused | None = None

    @property
    def kept_of_file(self) -> dict[str, Any]:
        """What an import keeps of its file, beside its rows: by it ``ReportForm`` writes their report."""
        kept: dict[str, Any] = {"headers": self.headers, "separator": self.separator, "marks_cuts": True}
        if self.places is not None:
            kept |= {"places": self.places, "titles": self.titles}
        if self.more:
            kept["more"] = self.more
        return kept

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
        return cls(**plain | {"new_fields": [OwnField(**each) for each in plain["new_fields"]]})
