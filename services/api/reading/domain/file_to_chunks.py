"""One upload becomes chunks: records are read, validated, freed of repeats, and handed on to be spooled."""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import compress, islice
from operator import itemgetter, not_
from pathlib import Path
from typing import Any

from libs.common.web.refusals import Detail, Refused
from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT, unspelled_cells, unspelled_more
from libs.contracts.lead_import.internal.messages import Outcome
from libs.fields.custom_values import OwnField
from libs.spreadsheets.cell_faults import CellFault, Faults, with_errors_shown
from libs.spreadsheets.columns import header_told
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.reader import Record, Spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from services.api.reading.domain.chunk_writer import MORE_CELLS, ChunkWriter, RowBlock, more_column
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.domain.kept_cells import CELLS_KEPT, LONGEST_KEPT, all_kept, kept, kept_headers
from services.api.reading.domain.kept_columns import with_kept_columns
from services.api.reading.domain.message_room import most_bytes
from services.api.reading.domain.more_columns import MoreColumns, MoreValues
from services.api.reading.domain.new_fields import NewFields
from services.api.reading.domain.preview import Preview
from services.api.reading.domain.previewed_chunk import PreviewedChunks
from services.api.reading.domain.report_sent_again import read_upload
from services.api.reading.domain.rows import NO_FAULTS, Lead, Leads, validate_row, validate_rows
from services.api.reading.domain.seen_phones import SeenPhones
from services.api.reading.domain.wanted_cells import WantedCells, check_columns
from services.api.reasons import SETTLED_REASONS

LISTED_ERRORS = 100
"""Entries of ``errors`` in an answer; ``total_errors`` counts all."""

_BLOCK_ROWS = 500
"""Rows that are validated together at most: of more, what the first step has read has left the processor's caches when
the next one asks for it. And one row that is not valid has its block validated row by row."""
_BLOCK_CHARS = 4_000_000
"""Characters of cells that are held at once, whatever a file is made of: a cell may have 32,767, so that the rows of
one chunk could have 330 million. Usual rows fill a message with a tenth of this bound."""


def file_to_chunks(job: ReadingJob) -> ReadingResult:
    """Read the upload, write its chunks to the spool file, and say what was found; for a preview write that, too.

    A preview's spool gets what its rows are looked up by (``PreviewedChunks``); messages, which nobody would send, are
    made only where they might have more bytes than a file may have.

    In mode "reject" one invalid row refuses the file, and what the spool then holds means nothing. Never raises
    Refused or Unreadable: a refusal is part of the result. Raises OSError when a file cannot be read or written.
    """
    try:
        job, lacking = _with_its_fields(job)
        return _read(job, lacking, makes_messages=True) if job.preview_path is None else _previewed(job, lacking)
    except Unreadable as unreadable:
        return ReadingResult(refusal=Refused(unreadable.code, unreadable.detail))
    except Refused as refused:
        return ReadingResult(refusal=refused)


def _with_its_fields(job: ReadingJob) -> tuple[ReadingJob, list[OwnField]]:
    """Return the job with a field for each column where such are wanted, and those of them that the company lacks."""
    if job.own_fields is None:
        return job, []
    return with_kept_columns(job, read_upload(job))


def _previewed(job: ReadingJob, lacking: Sequence[OwnField]) -> ReadingResult:
    try:
        return _read(job, lacking, makes_messages=False)
    except _MightBeTooLarge:
        return _read(job, lacking, makes_messages=True)


def _read(job: ReadingJob, lacking: Sequence[OwnField], *, makes_messages: bool) -> ReadingResult:
    with Path(job.spool_path).open("wb") as spool, Path(os.devnull).open("wb") as nowhere:
        chunks = ChunkWriter(job, nowhere if job.preview_path else spool) if makes_messages else None
        looks = PreviewedChunks(job.envelope, spool) if job.preview_path else None
        reading = _Reading(job, lacking, chunks, looks)
        return reading.of(read_upload(job))


class _MightBeTooLarge(Exception):
    """Only the messages themselves can tell whether they have more bytes than a file may have."""


class _Reading:
    """One upload on its way. An import needs ``chunks``, a preview ``looks``."""

    def __init__(
        self,
        job: ReadingJob,
        lacking: Sequence[OwnField],
        chunks: ChunkWriter | None,
        looks: PreviewedChunks | None,
    ) -> None:
        self._job = job
        self._lacking = lacking
        self._new = NewFields((), ())
        self._chunks = chunks
        self._looks = looks
        self._most_bytes = 0
        self._rejects = job.on_invalid_row == "reject"
        self._seen = SeenPhones(job.limits.max_rows)
        self._errors: list[Detail] = []
        self._total_errors = 0
        self._existing = self._invalid = 0
        self._faults: Faults = {}
        self._wanted_cells = WantedCells()
        self._more: MoreColumns | None = None
        self._preview: Preview | None = None

    def of(self, spreadsheet: Spreadsheet) -> ReadingResult:
        limits = self._job.limits
        self._faults = spreadsheet.faults
        check_columns(self._job.file, spreadsheet.columns)
        self._wanted_cells = WantedCells(spreadsheet.columns, self._faults, self._job.corrections)
        if spreadsheet.columns.more:
            fields = [name for name, _ in spreadsheet.columns.more]
            self._more = MoreColumns(fields, self._job.custom_types, max_cell_chars=limits.max_cell_chars)
            self._new = NewFields(self._lacking, fields)
        if self._job.preview_path:
            self._preview = Preview(spreadsheet, self._job)
        if spreadsheet.columns.missing:
            return self._without_columns(spreadsheet)
        # One row too many is enough to refuse a file; what stands below it is not read.
        records = islice(spreadsheet.rows, limits.max_rows + 1)
        total_rows = 0
        for raw, chars, has_long in _record_blocks(records, min(_BLOCK_ROWS, self._job.chunk_rows)):
            total_rows += len(raw)
            if total_rows > limits.max_rows:
                raise Refused("file_too_many_rows", f"A file may hold at most {limits.max_rows} rows below its header.")
            self._take(self._wanted_cells.of(raw, has_long=has_long), raw, chars)
        if not total_rows:
            raise Refused("file_no_rows")
        self._wanted_cells.check_all_corrected()
        self._new.check_room(len(self._job.own_fields or ()))
        if self._total_errors and self._rejects:
            raise Refused(
                "invalid_rows",
                f"{self._invalid} of {total_rows} rows are not valid.",
                errors=self._errors,
                total_errors=self._total_errors,
                facts={"invalid_rows": self._invalid, "total_rows": total_rows},
            )
        self._write_the_rest()
        return self._result(spreadsheet, total_rows)

    def _result(self, spreadsheet: Spreadsheet, total_rows: int) -> ReadingResult:
        columns, headers = spreadsheet.columns, spreadsheet.headers
        own = columns.are_the_five
        places = [] if own else [*columns.places, *(place for _, place in columns.more)]
        return ReadingResult(
            total_rows=total_rows,
            chunk_count=self._chunks.count if self._chunks else 0,
            existing=self._existing,
            invalid=self._invalid,
            headers=kept_headers(headers[: columns.own_width]),
            places=None if own else places,
            titles=["" if place is None else header_told(headers[place]) for place in places],
            more=[name for name, _ in columns.more],
            new_fields=self._new.filled(),
            left_out=kept_headers(columns.left_out(headers)),
            reported=self._wanted_cells.reported,
            separator=spreadsheet.separator,
        )

    def _write_the_rest(self) -> None:
        if self._chunks:
            self._chunks.flush()
        if self._looks:
            self._looks.flush()
        if self._preview:
            self._preview.write(self._errors, self._total_errors, self._new.filled())

    def _without_columns(self, spreadsheet: Spreadsheet) -> ReadingResult:
        """Refuse a file that lacks a column; a preview shows what there is, so that somebody can say which it is."""
        missing = spreadsheet.columns.missing
        if not self._preview:
            raise Refused("columns_missing", f"No column for: {', '.join(missing)}.", facts={"missing": missing})
        limits = self._job.limits
        total_rows = 0
        for block, _, _ in _record_blocks(islice(spreadsheet.rows, limits.max_rows + 1), self._job.chunk_rows):
            total_rows += len(block)
            self._preview.add_unread(block)
        if total_rows > limits.max_rows:
            raise Refused("file_too_many_rows", f"A file may hold at most {limits.max_rows} rows below its header.")
        if not total_rows:
            raise Refused("file_no_rows")
        self._preview.write([], 0, self._lacking)
        return ReadingResult(total_rows=total_rows)

    def _take(self, block: list[Record], raw: list[Record], chars: int) -> None:
        """Validate a block; hand its rows on, invalid ones settled, and those whose phone an earlier valid row has."""
        settled: list[dict[str, Any]] = []
        invalid: dict[int, list[Detail]] = {}
        leads, more = None, None
        if not (self._faults and any(number in self._faults for number, _ in block)):
            leads, more = self._at_once([cells for _, cells in block])
        valid = block
        if leads is None:
            valid, leads, more = self._one_by_one(block, settled, invalid)
        repeats = self._seen.repeats(leads.phone)
        self._existing += sum(repeats)
        if more:
            self._new.add(compress(more, map(not_, repeats)))
        if self._preview and self._looks:
            numbers = [number for number, _ in valid]
            self._preview.add(raw, numbers, leads, more, repeats, invalid)
            fresh = [not repeat for repeat in repeats]
            self._looks.add(list(compress(numbers, fresh)), leads.where(fresh) if any(repeats) else leads)
        if self._chunks is None:
            self._check_room(block, invalid)
        elif not (self._total_errors and self._rejects):
            self._chunks.add(self._as_sent(valid, leads, more, repeats, settled), chars)

    def _check_room(self, block: list[Record], invalid: Mapping[int, list[Detail]]) -> None:
        self._most_bytes += most_bytes(block, invalid, len(self._more.fields) if self._more else 0)
        if self._most_bytes > self._job.limits.max_bytes:
            raise _MightBeTooLarge

    def _as_sent(
        self,
        block: list[Record],
        leads: Leads,
        more: list[MoreValues] | None,
        repeats: list[bool],
        settled: list[dict[str, Any]],
    ) -> RowBlock:
        """Return the valid rows of a block beside the settled ones, those that repeat a phone among these."""
        if any(repeats):
            reason = SETTLED_REASONS["in_file"]
            repeated = compress(block, repeats)
            settled += [_settled(*row, Outcome.EXISTING, "in_file", reason, self._kept) for row in repeated]
            settled.sort(key=itemgetter("row"))
            fresh = [not repeat for repeat in repeats]
            block, leads = list(compress(block, fresh)), leads.where(fresh)
            more = more and list(compress(more, fresh))
        if self._more is None or more is None:
            return RowBlock(_live_columns(block, leads), settled)
        fives = [(number, cells[: len(FILE_COLUMNS)]) for number, cells in block]
        rest = [kept(cells[len(FILE_COLUMNS) :], self._kept) for _, cells in block]
        return RowBlock(_live_columns(fives, leads) | _more_columns(self._more.fields, rest, more), settled)

    @property
    def _kept(self) -> int:
        """How many cells are kept of a row, also of one that has too many."""
        return CELLS_KEPT + (len(self._more.fields) if self._more else 0)

    def _at_once(self, rows: list[list[str]]) -> tuple[Leads | None, list[MoreValues] | None]:
        """Return leads, and their values of further columns; none of either when not all rows are valid."""
        most = self._job.limits.max_cell_chars
        if self._more is None:
            return validate_rows(rows, most), None
        if set(map(len, rows)) != {self._more.width}:
            return None, None
        leads = validate_rows([cells[: len(FILE_COLUMNS)] for cells in rows], most)
        more = leads and self._more.of_rows(rows)
        return (leads, more) if more else (None, None)

    def _one_by_one(
        self, block: list[Record], settled: list[dict[str, Any]], invalid: dict[int, list[Detail]]
    ) -> tuple[list[Record], Leads, list[MoreValues] | None]:
        """Settle the invalid rows of the block, and say why by number; return the others and their leads."""
        valid: list[Record] = []
        leads: list[Lead] = []
        more: list[MoreValues] = []
        for number, cells in block:
            faults = self._faults.get(number, NO_FAULTS)
            if self._more and len(cells) == self._more.width:
                lead, values = self._both(self._more, number, cells, faults)
            else:
                lead, values = validate_row(number, cells, self._job.limits.max_cell_chars, faults), []
            if isinstance(lead, Lead):
                valid.append((number, cells))
                leads.append(lead)
                more.append(values)
            else:
                invalid[number] = lead
                settled.append(self._settled_invalid(number, cells, lead))
        return valid, Leads.of(leads), more if self._more else None

    def _both(
        self, more: MoreColumns, number: int, cells: list[str], faults: Mapping[int, CellFault]
    ) -> tuple[Lead | list[Detail], MoreValues]:
        """Return a row's lead and its further values, or all rules that the one or the others break."""
        fives = {place: fault for place, fault in faults.items() if place < len(FILE_COLUMNS)}
        lead = validate_row(number, cells[: len(FILE_COLUMNS)], self._job.limits.max_cell_chars, fives)
        found = more.of_row(number, cells, faults)
        broken = [each for each in found if isinstance(each, Detail)]
        values = [each for each in found if not isinstance(each, Detail)]
        if isinstance(lead, Lead):
            return broken or lead, values
        return lead + broken, values

    def _settled_invalid(self, number: int, cells: list[str], faults: list[Detail]) -> dict[str, Any]:
        self._invalid += 1
        self._total_errors += len(faults)
        self._errors += faults[: LISTED_ERRORS - len(self._errors)]
        if number in self._faults:
            cells = with_errors_shown(cells, self._faults[number])
        detail = " ".join(f"{fault.column}: {fault.message}" if fault.column else fault.message for fault in faults)
        return _settled(number, cells, Outcome.ERROR, faults[0].code, detail, self._kept)


def _record_blocks(records: Iterable[Record], rows: int) -> Iterator[tuple[list[Record], int, bool]]:
    """Yield blocks of records, each with the number of characters in its cells, and whether one of its records has more
    than ``CELL_LIMIT``.

    A block has ``rows`` records, or fewer when it reaches ``_BLOCK_CHARS``.
    """
    block: list[Record] = []
    chars, has_long = 0, False
    for record in records:
        block.append(record)
        of_record = len("".join(record[1]))
        chars += of_record
        if of_record > CELL_LIMIT:
            has_long = True
        if len(block) == rows or chars > _BLOCK_CHARS:
            yield block, chars, has_long
            block, chars, has_long = [], 0, False
    if block:
        yield block, chars, has_long


def _live_columns(rows: list[Record], leads: Leads) -> dict[str, Sequence[Any]]:
    """Return live rows as ``LiveRows`` writes them."""
    national = [phone.national for phone in leads.phone]
    cells = all_kept([cells for _, cells in rows])
    return {
        "row": [number for number, _ in rows],
        "name": leads.name,
        "dial_code": [phone.dial_code for phone in leads.phone],
        "country_code": [phone.country_code for phone in leads.phone],
        "phone": national,
        "cpf": leads.cpf,
        "email": leads.email,
        "tags": leads.tags,
        "cells": list(map(unspelled_cells, cells, leads.name, national, leads.cpf, leads.email, leads.tags)),
    }


def _more_columns(fields: Sequence[str], cells: list[list[str]], values: list[MoreValues]) -> dict[str, Sequence[Any]]:
    """Return further columns of live rows, each beside the others, so that rows are put in order as all are."""
    columns: dict[str, Sequence[Any]] = {
        more_column(field): [of_row[place] for of_row in values] for place, field in enumerate(fields)
    }
    return columns | {MORE_CELLS: list(map(unspelled_more, cells, values))}


def _settled(row: int, cells: list[str], outcome: Outcome, reason: str, detail: str, most: int) -> dict[str, Any]:
    return {
        "row": row,
        "outcome": outcome,
        "reason": reason,
        "detail": detail,
        "cells": kept(cells, most, LONGEST_KEPT),
    }
