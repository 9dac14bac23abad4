"""What a preview shows of a file: its columns, and a page of its rows as they would be stored, beside as they stand."""

import json
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from libs.common.web.refusals import Detail, Refused
from libs.contracts.lead_import.internal.messages import Outcome
from libs.fields.custom_values import OwnField
from libs.fields.more_fields import custom_key
from libs.spreadsheets.columns import MOST_TOLD, header_told
from libs.spreadsheets.encodings import CODECS, has_few_accents
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.reader import Record, Spreadsheet
from libs.spreadsheets.seen_otherwise import seen_otherwise
from services.api.reading.domain.job import ReadingJob
from services.api.reading.domain.kept_cells import shown
from services.api.reading.domain.more_columns import MoreValues
from services.api.reading.domain.rows import Lead, Leads

ROWS_A_PAGE = 100
SAMPLES = 3
_ROWS_FOR_SAMPLES = 2_000
"""Samples are looked for in so many rows: a column that is blank in all of these has none."""
_ROW_CHARS = 1_000
"""Characters of a row's cells that are shown, and as many of its further fields as they would be stored: a hundred rows
are then half a megabyte, whatever stands in them, but for signs that take many bytes each."""
MOST_SHEETS_TOLD = 400
"""Sheets of a workbook that are told, the first ones."""
MOST_BYTES = 2 << 20
"""Of a preview. All of it goes through the process that answers everybody."""
CREATED = "created"
GUESSED_CODEC = "cp1252"
"""What a text is read in when it is no UTF: its words with accents tell."""

_CODEC_NAMES = {codec: name for name, codec in CODECS.items()} | {"utf-16-le": "utf-16", "utf-16-be": "utf-16"}


class Preview:
    """Collects what is shown while a file is read."""

    def __init__(self, spreadsheet: Spreadsheet, job: ReadingJob) -> None:
        self._spreadsheet = spreadsheet
        self._job = job
        columns = spreadsheet.columns
        self._first = (job.page - 1) * ROWS_A_PAGE
        self._total = 0
        self._shown = range(min(columns.own_width, MOST_TOLD))
        self._fields = {place: columns.field_of(place) for place in self._shown}
        self._samples: dict[int, list[str]] = {place: [] for place in self._shown}
        self._empty: Counter[int] = Counter()
        self._invalid: Counter[int] = Counter()
        self._reasons: Counter[str] = Counter()
        self._rows: list[dict[str, Any]] = []

    def add(
        self,
        raw: Sequence[Record],
        numbers: Sequence[int],
        leads: Leads,
        more: Sequence[MoreValues] | None,
        repeats: Sequence[bool],
        invalid: Mapping[int, list[Detail]],
    ) -> None:
        """Take a block: its rows as they stand; the numbers and leads of its valid ones, their values of further
        columns, which of them repeat a phone; and why the others are not valid.
        """
        self._count(raw, invalid)
        self._reasons["in_file"] += sum(repeats)
        self._reasons.update(faults[0].code for faults in invalid.values())
        first = max(0, self._first - self._total)
        page = raw[first : max(first, self._first + ROWS_A_PAGE - self._total)]
        if page:
            at_of = {number: at for at, number in enumerate(numbers)}
            self._rows += [self._row(record, at_of, leads, more, repeats, invalid) for record in page]
        self._total += len(raw)

    def add_unread(self, raw: Sequence[Record]) -> None:
        """Take a block of a file whose columns are not all known."""
        self._count(raw, {})
        self._total += len(raw)

    def _row(
        self,
        record: Record,
        at_of: Mapping[int, int],
        leads: Leads,
        more: Sequence[MoreValues] | None,
        repeats: Sequence[bool],
        invalid: Mapping[int, list[Detail]],
    ) -> dict[str, Any]:
        number, cells = record
        row: dict[str, Any] = {"row": number, "outcome": CREATED, "reason": None, "column": None, "stored": None}
        if number in invalid:
            first = invalid[number][0]
            row |= {"outcome": Outcome.ERROR, "reason": first.code, "column": first.column}
        else:
            at = at_of[number]
            fields = (name for name, _ in self._spreadsheet.columns.more)
            row["stored"] = _stored(leads.at(at))
            if more:
                row["stored"]["more"] = dict(zip(fields, _values_within(_ROW_CHARS, more[at]), strict=True))
            if repeats[at]:
                row |= {"outcome": Outcome.EXISTING, "reason": "in_file", "column": "phone"}
        return row | {"cells": _within(_ROW_CHARS, cells[: len(self._shown)])}

    def _count(self, raw: Sequence[Record], invalid: Mapping[int, list[Detail]]) -> None:
        # Every row has the header's cells, so that columns are as long as the block: counted so they cost a tenth of
        # what a look at each cell does.
        for place, column in zip(self._shown, zip(*(cells for _, cells in raw), strict=False), strict=False):
            empty = column.count("") + sum(map(str.isspace, column))
            self._empty[place] += empty
            if empty < len(column):
                self._look_for_samples(self._samples[place], column[: max(0, _ROWS_FOR_SAMPLES - self._total)])
        if not invalid:
            return
        cells_of = {number: cells for number, cells in raw if number in invalid}
        for number, faults in invalid.items():
            columns = {fault.column for fault in faults}
            cells = cells_of[number]
            for place, field in self._fields.items():
                if field and place < len(cells) and cells[place].strip() and columns & {field, None}:
                    self._invalid[place] += 1

    @property
    def _is_guessed(self) -> bool:
        return self._spreadsheet.source.codec == GUESSED_CODEC and self._job.file.encoding != "windows-1252"

    def _of_own(self, field: str | None, new: Collection[str]) -> dict[str, Any]:
        """Return of which type a field of the company's own is, and whether it is one of the new ones."""
        key = field and custom_key(field)
        return {"type": self._job.custom_types[key] if key else None, "is_new": key in new}

    def _look_for_samples(self, samples: list[str], column: Sequence[str]) -> None:
        for cell in dict.fromkeys(column):
            if len(samples) == SAMPLES:
                return
            text = shown(cell.strip())
            if text and text not in samples:
                samples.append(text)

    def write(self, errors: Sequence[Detail], total_errors: int, new_fields: Sequence[OwnField]) -> None:
        """Write all that was found as JSON to the job's ``preview_path``. The import would make ``new_fields``.

        Where that is more than a preview may have, rows are shown without what stands in them. Raises Refused where it
        is too much even so.
        """
        new = {field.key for field in new_fields}
        job = self._job
        source, headers = self._spreadsheet.source, self._spreadsheet.headers
        upload = Path(job.upload_path)
        plain: dict[str, Any] = {
            "file": {
                "format": source.format,
                "encoding": source.codec and _CODEC_NAMES.get(source.codec, source.codec),
                "delimiter": source.delimiter,
                "sheet": source.sheet,
                "sheets": _sheets_told(source),
            },
            "columns": [
                {
                    "index": place,
                    "header": header_told(headers[place]),
                    "field": field,
                    **self._of_own(field, new),
                    "samples": self._samples[place],
                    "valid": self._total - self._empty[place] - self._invalid[place],
                    "invalid": self._invalid[place],
                    "empty": self._empty[place],
                }
                for place, field in self._fields.items()
            ],
            "missing": self._spreadsheet.columns.missing,
            "has_more_columns": self._spreadsheet.columns.own_width > MOST_TOLD,
            "seen_otherwise": sorted(seen_otherwise(upload, source, job.limits)),
            "has_few_accents": self._is_guessed and has_few_accents(upload),
            "total_rows": self._total,
            "reasons": +self._reasons,
            "rows": self._rows,
            "errors": [asdict(detail) for detail in errors],
            "total_errors": total_errors,
        }
        written = _written(plain)
        if len(written) > MOST_BYTES:
            written = _written(plain | {"rows": [row | {"stored": None, "cells": []} for row in self._rows]})
        if len(written) > MOST_BYTES:
            raise Refused("file_too_large")
        Path(job.preview_path or "").write_bytes(written)


def _written(plain: dict[str, Any]) -> bytes:
    return json.dumps(plain, ensure_ascii=False).encode()


def _sheets_told(source: FileSource) -> list[str]:
    """Return the names of sheets that are told: the one that is read among them."""
    told = list(source.sheets[:MOST_SHEETS_TOLD])
    return told if source.sheet is None or source.sheet in told else [*told, source.sheet]


def _within(most: int, cells: Sequence[str]) -> list[str]:
    """Return the cells as they are shown, cut where they have more characters together."""
    short = []
    for cell in cells:
        short.append(shown(cell, most))
        most = max(0, most - len(short[-1]))
    return short


def _values_within(most: int, values: MoreValues) -> MoreValues:
    """Return a row's further values as they are shown: its texts are cut as cells are."""
    texts = iter(_within(most, [value for value in values if isinstance(value, str)]))
    return [next(texts) if isinstance(value, str) else value for value in values]


def _stored(lead: Lead) -> dict[str, Any]:
    return {
        "name": lead.name,
        "phone": lead.phone.national,
        "dial_code": lead.phone.dial_code,
        "country_code": lead.phone.country_code,
        "cpf": lead.cpf,
        "email": lead.email,
        "tags": list(lead.tags),
    }
