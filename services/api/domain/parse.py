"""One upload becomes chunks: records are read, validated, freed of repeats, and spooled as ready payloads."""

import hashlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from pydantic_core import to_json

from libs.common.events.chunk import Outcome
from services.api.domain.cells import kept
from services.api.domain.job import ParseJob, ParseResult
from services.api.domain.problems import SETTLED_REASONS, Detail, Refused
from services.api.domain.rows import Lead, validate_row
from services.api.domain.spool import write_chunk
from services.api.domain.spreadsheet import read_spreadsheet

LISTED_ERRORS = 100
"""Entries of ``errors`` in an answer; ``total_errors`` counts all."""

_ENVELOPE_ROOM = 2048
_ROW_ROOM = 192
"""Bytes that a row may gain on its way: ten tag ids (113), or field names, reason and detail when settled (150)."""


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

    def is_repeat(self, digits: int) -> bool:
        """Tell whether this phone was asked about before, and remember it."""
        slots, mask = self._slots, self._mask
        # Fibonacci hashing: phones of one office differ in their last digits only
        slot = (digits * 0x9E3779B97F4A7C15 >> 20) & mask
        while held := slots[slot]:
            if held == digits:
                return True
            slot = (slot + 1) & mask
        slots[slot] = digits
        return False


@dataclass(slots=True)
class _Rows:
    """Rows of a chunk that is being filled."""

    live: list[tuple[int, Lead, list[str]]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.live) + len(self.settled)

    def halves(self) -> "Iterator[_Rows]":
        live, settled = len(self.live) // 2, (len(self.settled) + 1) // 2
        yield _Rows(self.live[:live], self.settled[:settled])
        yield _Rows(self.live[live:], self.settled[settled:])

    def columns(self) -> dict[str, Any]:
        """Return the live rows as ``LiveRows`` writes them."""
        numbers, leads, cells = zip(*self.live, strict=True) if self.live else ((), (), ())
        names, phones, cpfs, emails, tags = zip(*leads, strict=True) if leads else ((),) * 5
        dial_codes, country_codes, nationals = zip(*phones, strict=True) if phones else ((),) * 3
        return {
            "row": numbers,
            "name": names,
            "dial_code": dial_codes,
            "country_code": country_codes,
            "phone": nationals,
            "cpf": cpfs,
            "email": emails,
            "tags": tags,
            "cells": cells,
        }


class _Parsing:
    def __init__(self, job: ParseJob, spool: BinaryIO, sha256: str) -> None:
        self._job = job
        self._spool = spool
        self._sha256 = sha256
        self._rejects = job.on_invalid_row == "reject"
        self._errors: list[Detail] = []
        self._total_errors = 0
        self._existing = self._invalid = 0
        self._chunk_count = 0

    def of(self, upload: Path) -> ParseResult:
        limits = self._job.limits
        seen = SeenPhones(limits.max_rows)
        total_rows = 0
        rows = _Rows()
        for number, cells in read_spreadsheet(upload, limits):
            total_rows += 1
            if total_rows > limits.max_rows:
                raise Refused("file_too_many_rows", f"A file may hold at most {limits.max_rows} rows below its header.")
            lead = validate_row(number, cells, limits.max_cell_chars)
            if not isinstance(lead, Lead):
                self._settle_invalid(rows, number, cells, lead)
            elif seen.is_repeat(int(lead.phone.dial_code + lead.phone.national)):
                self._existing += 1
                rows.settled.append(_settled(number, cells, Outcome.EXISTING, "in_file", SETTLED_REASONS["in_file"]))
            else:
                rows.live.append((number, lead, kept(cells)))
            if len(rows.live) + len(rows.settled) >= self._job.chunk_rows:
                self._close(rows)
                rows = _Rows()
        if not total_rows:
            raise Refused("file_no_rows")
        if self._total_errors and self._rejects:
            raise Refused("invalid_rows", errors=self._errors, total_errors=self._total_errors)
        self._close(rows)
        return ParseResult(
            total_rows=total_rows,
            chunk_count=self._chunk_count,
            existing=self._existing,
            invalid=self._invalid,
            sha256=self._sha256,
        )

    def _settle_invalid(self, rows: _Rows, number: int, cells: list[str], faults: list[Detail]) -> None:
        self._invalid += 1
        self._total_errors += len(faults)
        self._errors += faults[: LISTED_ERRORS - len(self._errors)]
        detail = " ".join(f"{fault.column}: {fault.message}" if fault.column else fault.message for fault in faults)
        rows.settled.append(_settled(number, cells, Outcome.ERROR, faults[0].code, detail))

    def _close(self, rows: _Rows) -> None:
        """Write the rows as one chunk, or as several when a later stage could make one too large."""
        if not len(rows) or (self._total_errors and self._rejects):
            return
        payload = to_json(
            {
                **self._job.envelope,
                "chunk_index": self._chunk_count,
                "row_count": len(rows),
                "live": rows.columns(),
                "settled": rows.settled,
            }
        )
        if len(payload) + len(rows) * _ROW_ROOM + _ENVELOPE_ROOM > self._job.chunk_bytes and len(rows) > 1:
            for half in rows.halves():
                self._close(half)
            return
        write_chunk(self._spool, len(rows), payload)
        self._chunk_count += 1


def _settled(row: int, cells: list[str], outcome: Outcome, reason: str, detail: str) -> dict[str, Any]:
    return {"row": row, "outcome": outcome, "reason": reason, "detail": detail, "cells": kept(cells)}
