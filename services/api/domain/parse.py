"""One upload becomes chunks: records are read, validated, freed of repeats, and spooled as ready payloads."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, islice
from operator import itemgetter
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import to_json

from libs.common.events.cells import unspelled_cells
from libs.common.events.chunk import Outcome
from services.api.domain.cells import kept
from services.api.domain.fields import TAGS_LIMIT
from services.api.domain.job import ParseJob, ParseResult
from services.api.domain.phones import Phone
from services.api.domain.problems import SETTLED_REASONS, Detail, Refused
from services.api.domain.rows import Lead, Leads, validate_row, validate_rows
from services.api.domain.spool import write_chunk
from services.api.domain.spreadsheet import read_spreadsheet

LISTED_ERRORS = 100
"""Entries of ``errors`` in an answer; ``total_errors`` counts all."""

Record = tuple[int, list[str]]
"""A row's number, as the spreadsheet shows it, and its cells."""

_BLOCK_CHARS = 4_000_000
"""Characters of cells held at once: rows that fill a message have a tenth of it, cells may have 32,767 each."""
_ENVELOPE_ROOM = 2048
_ROOM_TO_SETTLE = 72
"""Bytes that a row gains at most when a later stage settles it: names of fields, outcome and reason (73 and a reason
of 15), less the codes of its phone (9); all other columns hold as much as the cells that come in their place."""
_ROOM_OF_A_TAG = 11
"""Bytes of a tag's id and its comma. A row of the tagger has brackets and a comma besides."""
_FITTING = 0.95
"""Of what would fit by the bytes of the rows before: the next ones may be a little longer."""


def parse_file(job: ParseJob) -> ParseResult:
    """Read the upload, write its chunks to the spool file, and say what was found. Never raises Refused.

    In mode "reject" one invalid row refuses the file, and what the spool then holds means nothing.
    """
    upload = Path(job.upload_path)
    with upload.open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    try:
        with Path(job.spool_path).open("wb") as spool:
            return _Parsing(job, spool, sha256).of(upload)
    except Refused as refused:
        return ParseResult(sha256=sha256, refusal=refused)


class SeenPhones:
    """The phones of one file: a table of 64-bit integers, 16 to 32 bytes a row, all taken at once.

    A set takes 80 bytes a row, and more while it grows (measured at a million rows); this one is half as fast
    and stays flat. E.164 allows 15 digits, so a phone with its dial code fits, and 0 is no phone.
    """

    def __init__(self, rows: int) -> None:
        size = 1 << (2 * rows).bit_length()
        self._mask = size - 1
        self._slots = array("Q", [0]) * size

    def repeats(self, phones: Iterable[Phone]) -> list[bool]:
        """Tell of each phone whether it was asked about before, and remember it."""
        slots, mask = self._slots, self._mask
        repeats = []
        for phone in phones:
            digits = int(phone.dial_code + phone.national)
            # Fibonacci hashing: phones of one office differ in their last digits only
            slot = (digits * 0x9E3779B97F4A7C15 >> 20) & mask
            while (held := slots[slot]) and held != digits:
                slot = (slot + 1) & mask
            repeats.append(held == digits)
            slots[slot] = digits
        return repeats


@dataclass(slots=True)
class _Rows:
    """Rows of one chunk: live ones as the columns of ``LiveRows``, settled ones as objects."""

    live: dict[str, Sequence[Any]]
    settled: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.live["row"]) + len(self.settled)

    def halves(self) -> "Iterator[_Rows]":
        live, settled = len(self.live["row"]) // 2, (len(self.settled) + 1) // 2
        yield _Rows({name: values[:live] for name, values in self.live.items()}, self.settled[:settled])
        yield _Rows({name: values[live:] for name, values in self.live.items()}, self.settled[settled:])


class _Parsing:
    def __init__(self, job: ParseJob, spool: BinaryIO, sha256: str) -> None:
        self._job = job
        self._spool = spool
        self._sha256 = sha256
        self._rejects = job.on_invalid_row == "reject"
        self._seen = SeenPhones(job.limits.max_rows)
        self._errors: list[Detail] = []
        self._total_errors = 0
        self._existing = self._invalid = 0
        self._chunk_count = 0
        self._wanted_rows = job.chunk_rows
        self._room_of_a_row = max(_ROOM_TO_SETTLE, 3 + _ROOM_OF_A_TAG * (TAGS_LIMIT + len(job.envelope["tag_ids"])))

    def of(self, upload: Path) -> ParseResult:
        limits = self._job.limits
        records = read_spreadsheet(upload, limits)
        total_rows = 0
        # One row too many is enough to refuse a file; what stands below it is not read.
        while block := _block(records, min(self._wanted_rows, limits.max_rows + 1 - total_rows)):
            total_rows += len(block)
            if total_rows > limits.max_rows:
                raise Refused("file_too_many_rows", f"A file may hold at most {limits.max_rows} rows below its header.")
            self._close(self._validated(block))
        if not total_rows:
            raise Refused("file_no_rows")
        if self._total_errors and self._rejects:
            raise Refused("invalid_rows", errors=self._errors, total_errors=self._total_errors)
        return ParseResult(
            total_rows=total_rows,
            chunk_count=self._chunk_count,
            existing=self._existing,
            invalid=self._invalid,
            sha256=self._sha256,
        )

    def _validated(self, block: list[Record]) -> _Rows:
        """Return the rows of a chunk: invalid ones settled, and those whose phone stands in an earlier valid row."""
        settled: list[dict[str, Any]] = []
        leads = validate_rows([cells for _, cells in block], self._job.limits.max_cell_chars)
        if leads is None:
            block, leads = self._one_by_one(block, settled)
        repeats = self._seen.repeats(leads.phone)
        if any(repeats):
            self._existing += sum(repeats)
            reason = SETTLED_REASONS["in_file"]
            settled += [_settled(*row, Outcome.EXISTING, "in_file", reason) for row in compress(block, repeats)]
            settled.sort(key=itemgetter("row"))
            fresh = [not repeat for repeat in repeats]
            block, leads = list(compress(block, fresh)), leads.where(fresh)
        return _Rows(_columns(block, leads), settled)

    def _one_by_one(self, block: list[Record], settled: list[dict[str, Any]]) -> tuple[list[Record], Leads]:
        """Settle the invalid rows of the block; return the others and their leads."""
        valid: list[Record] = []
        leads: list[Lead] = []
        for number, cells in block:
            lead = validate_row(number, cells, self._job.limits.max_cell_chars)
            if isinstance(lead, Lead):
                valid.append((number, cells))
                leads.append(lead)
            else:
                settled.append(self._settled_invalid(number, cells, lead))
        return valid, Leads.of(leads)

    def _settled_invalid(self, number: int, cells: list[str], faults: list[Detail]) -> dict[str, Any]:
        self._invalid += 1
        self._total_errors += len(faults)
        self._errors += faults[: LISTED_ERRORS - len(self._errors)]
        detail = " ".join(f"{fault.column}: {fault.message}" if fault.column else fault.message for fault in faults)
        return _settled(number, cells, Outcome.ERROR, faults[0].code, detail)

    def _close(self, rows: _Rows) -> None:
        """Write the rows as one chunk, or as several when a later stage could make one too large."""
        if not len(rows) or (self._total_errors and self._rejects):
            return
        payload = to_json(
            {
                **self._job.envelope,
                "chunk_index": self._chunk_count,
                "row_count": len(rows),
                "live": rows.live,
                "settled": rows.settled,
            }
        )
        largest = len(payload) + len(rows) * self._room_of_a_row + _ENVELOPE_ROOM
        fitting = int(len(rows) * _FITTING * self._job.chunk_bytes / largest)
        if largest > self._job.chunk_bytes and len(rows) > 1:
            for half in rows.halves():
                self._close(half)
        else:
            write_chunk(self._spool, len(rows), payload)
            self._chunk_count += 1
        self._wanted_rows = max(1, min(self._job.chunk_rows, fitting))


def _block(records: Iterator[Record], rows: int) -> list[Record]:
    """Return the next records: so many rows, fewer when their cells are so long that they would fill the memory."""
    block = []
    room = _BLOCK_CHARS
    for record in islice(records, rows):
        block.append(record)
        room -= sum(map(len, record[1]))
        if room < 0:
            break
    return block


def _columns(rows: list[Record], leads: Leads) -> dict[str, Sequence[Any]]:
    """Return live rows as ``LiveRows`` writes them."""
    national = [phone.national for phone in leads.phone]
    cells = (kept(cells) for _, cells in rows)
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


def _settled(row: int, cells: list[str], outcome: Outcome, reason: str, detail: str) -> dict[str, Any]:
    return {"row": row, "outcome": outcome, "reason": reason, "detail": detail, "cells": kept(cells)}
