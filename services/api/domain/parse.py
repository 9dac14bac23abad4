"""One upload becomes chunks: records are read, validated, freed of repeats, and spooled as ready payloads."""

import hashlib
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from pydantic_core import to_json

from libs.common.events.chunk import COLUMNS, Outcome
from services.api.domain.cells import TRIMMED, InvalidCell, kept
from services.api.domain.fields import parse_cpf, parse_email, parse_name, parse_tags
from services.api.domain.job import ParseJob, ParseResult
from services.api.domain.phones import Phone, parse_phone
from services.api.domain.problems import ROW_ERRORS, SETTLED_REASONS, Detail, Refused
from services.api.domain.spool import write_chunk
from services.api.domain.spreadsheet import read_spreadsheet

LISTED_ERRORS = 100
"""Entries of ``errors`` in an answer; ``total_errors`` counts all (design, section 4)."""

_ENVELOPE_ROOM = 4096
_ROW_ROOM = 384
"""Bytes that a row may gain on its way: ten tag ids, or the names, reason and detail of a settled row."""


@dataclass(frozen=True, slots=True)
class Lead:
    """A valid row, as stored."""

    name: str
    phone: Phone
    cpf: str | None
    email: str | None
    tags: list[str]


def parse_file(job: ParseJob) -> ParseResult:
    """Read the upload, write its chunks to the spool file, and say what was found. Never raises Refused."""
    with open(job.upload_path, "rb") as upload:
        sha256 = hashlib.file_digest(upload, "sha256").hexdigest()
    try:
        with open(job.spool_path, "wb") as spool:
            return _Parser(job, spool, sha256).run()
    except Refused as refused:
        return ParseResult(sha256=sha256, refusal=refused)


def validated(row: int, cells: list[str], max_cell_chars: int) -> Lead | list[Detail]:
    """Return the lead that a row's cells make, or every rule that they break."""
    codes: list[tuple[str | None, str]] = []
    if len(cells) > len(COLUMNS):
        return [_detail(row, None, "cells_too_many")]
    name = phone = cpf = email = tags = None
    for index, cell in enumerate(cells):
        if len(cell) > max_cell_chars:
            codes.append((COLUMNS[index], "cell_too_long"))
    if codes:
        return [_detail(row, column, code) for column, code in codes]
    try:
        name = parse_name(cells[0])
    except InvalidCell as invalid:
        codes.append(("name", invalid.code))
    try:
        phone = _required_phone(cells[1])
    except InvalidCell as invalid:
        codes.append(("phone", invalid.code))
    try:
        cpf = parse_cpf(cells[2])
    except InvalidCell as invalid:
        codes.append(("cpf", invalid.code))
    try:
        email = parse_email(cells[3])
    except InvalidCell as invalid:
        codes.append(("email", invalid.code))
    try:
        tags = parse_tags(cells[4])
    except InvalidCell as invalid:
        codes.append(("tags", invalid.code))
    if name is None or phone is None or tags is None or codes:
        return [_detail(row, column, code) for column, code in codes]
    return Lead(name, phone, cpf, email, tags)


def _required_phone(cell: str) -> Phone:
    text = cell.strip(TRIMMED)
    if not text:
        raise InvalidCell("phone_missing")
    return parse_phone(text)


def _detail(row: int, column: str | None, code: str) -> Detail:
    return Detail(code=code, message=ROW_ERRORS[code], row=row, column=column)


class SeenPhones:
    """The phones of one file: a table of 64-bit integers, 16 to 32 bytes a row however many rows (a set: 80).

    E.164 allows 15 digits, so a phone with its dial code fits 64 bits, and 0 is no phone.
    """

    def __init__(self, rows: int) -> None:
        self._mask = (1 << (2 * rows).bit_length()) - 1
        self._slots = array("Q", bytes(8 * (self._mask + 1)))

    def is_repeat(self, digits: int) -> bool:
        """Tell whether this phone was asked about before, and remember it."""
        slots, mask = self._slots, self._mask
        slot = (digits * 0x9E3779B97F4A7C15 >> 20) & mask
        while held := slots[slot]:
            if held == digits:
                return True
            slot = (slot + 1) & mask
        slots[slot] = digits
        return False


@dataclass(slots=True)
class _Rows:
    """Rows of the chunk that is being filled."""

    live: list[tuple[int, Lead, list[str]]] = field(default_factory=list)
    settled: list[dict[str, Any]] = field(default_factory=list)


class _Parser:
    def __init__(self, job: ParseJob, spool: BinaryIO, sha256: str) -> None:
        self._job = job
        self._spool = spool
        self._sha256 = sha256
        self._seen = SeenPhones(job.limits.max_rows)
        self._errors: list[Detail] = []
        self._total_errors = 0
        self._chunk_count = 0

    def run(self) -> ParseResult:
        limits = self._job.limits
        total_rows = existing = invalid = 0
        rows = _Rows()
        for number, cells in read_spreadsheet(self._job.upload_path, limits):
            total_rows += 1
            if total_rows > limits.max_rows:
                raise Refused("file_too_many_rows", f"At most {limits.max_rows} rows a file.")
            lead = validated(number, cells, limits.max_cell_chars)
            originals = [kept(cell) for cell in cells]
            if isinstance(lead, list):
                invalid += 1
                self._note(lead)
                rows.settled.append(_settled(number, Outcome.ERROR, lead[0].code, _said(lead), originals))
            elif self._seen.is_repeat(int(lead.phone.dial_code + lead.phone.national)):
                existing += 1
                rows.settled.append(
                    _settled(number, Outcome.EXISTING, "in_file", SETTLED_REASONS["in_file"], originals)
                )
            else:
                rows.live.append((number, lead, originals))
            if len(rows.live) + len(rows.settled) >= self._job.chunk_rows:
                self._close(rows)
                rows = _Rows()
        if not total_rows:
            raise Refused("file_no_rows")
        if self._total_errors and self._job.on_invalid_row == "reject":
            raise Refused("invalid_rows", errors=self._errors, total_errors=self._total_errors)
        if rows.live or rows.settled:
            self._close(rows)
        return ParseResult(
            total_rows=total_rows,
            chunk_count=self._chunk_count,
            existing=existing,
            invalid=invalid,
            sha256=self._sha256,
        )

    def _note(self, details: list[Detail]) -> None:
        self._total_errors += len(details)
        self._errors.extend(details[: LISTED_ERRORS - len(self._errors)])

    def _close(self, rows: _Rows) -> None:
        count = len(rows.live) + len(rows.settled)
        payload = to_json(
            {
                **self._job.envelope,
                "chunk_index": self._chunk_count,
                "row_count": count,
                "live": _columns(rows.live),
                "settled": rows.settled,
            }
        )
        if len(payload) + count * _ROW_ROOM + _ENVELOPE_ROOM > self._job.chunk_bytes and count > 1:
            for half in _halves(rows):
                self._close(half)
            return
        write_chunk(self._spool, count, payload)
        self._chunk_count += 1


def _halves(rows: _Rows) -> Iterable[_Rows]:
    live, settled = len(rows.live) // 2, (len(rows.settled) + 1) // 2
    yield _Rows(rows.live[:live], rows.settled[:settled])
    yield _Rows(rows.live[live:], rows.settled[settled:])


def _columns(live: list[tuple[int, Lead, list[str]]]) -> dict[str, list[Any]]:
    return {
        "row": [row for row, _, _ in live],
        "name": [lead.name for _, lead, _ in live],
        "dial_code": [lead.phone.dial_code for _, lead, _ in live],
        "country_code": [lead.phone.country_code for _, lead, _ in live],
        "phone": [lead.phone.national for _, lead, _ in live],
        "cpf": [lead.cpf for _, lead, _ in live],
        "email": [lead.email for _, lead, _ in live],
        "tags": [lead.tags for _, lead, _ in live],
        "cells": [cells for _, _, cells in live],
    }


def _settled(row: int, outcome: Outcome, reason: str, detail: str, cells: list[str]) -> dict[str, Any]:
    return {"row": row, "outcome": outcome, "reason": reason, "detail": detail, "cells": cells}


def _said(details: list[Detail]) -> str:
    return " ".join(f"{detail.column}: {detail.message}" for detail in details)
