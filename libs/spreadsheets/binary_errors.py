"""Which cells of an XLS or XLSB show an error, which calamine reads as blank, and how far the cells spread.

Both formats are sequences of records, each with a number for its kind and a length ([MS-XLS] 2.1.4, [MS-XLSB] 2.1.4).
Only the records of cells are looked at.
"""

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import olefile

from libs.spreadsheets.cell_faults import ERROR_TEXTS, UNKNOWN_ERROR, CellFault, Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_parts import Parts, damage_refused, relationships, too_wide

_WORKSHEET = 0
_VISIBLE = 0

_XLS_BOUNDSHEET, _XLS_EOF, _XLS_BOOLERR, _XLS_BOF = 0x0085, 0x000A, 0x0205, 0x0809
_XLS_FORMULAS = {0x0006, 0x0206, 0x0406}
"""The record of BIFF 8 and 5, and those of older versions."""
_XLS_VALUES = {*_XLS_FORMULAS, _XLS_BOOLERR, 0x00BD, 0x00D6, 0x00FD, 0x027E, 0x0203, 0x0204}
"""Cells that are not blank: formulas, booleans and errors, numbers, texts."""
_RESULT_IS_SPECIAL = 0xFFFF
_SPECIAL_ERROR, _SPECIAL_BLANK = 2, 3
_CALCULATE_WHEN_LOADED = 0x0002

_XLSB_SHEET, _XLSB_ROW, _XLSB_CELL_ERROR, _XLSB_FORMULA_ERROR = 156, 0, 3, 11
_XLSB_VALUES = range(2, 12)
"""Cells that are not blank: numbers, errors, booleans, texts, and the same four as the values of formulas."""
_MORE_FOLLOWS = 0x80
_LONGEST_LENGTH = 21
"""Bits by which the last of four bytes of a length is shifted."""


@dataclass(slots=True)
class SheetErrors:
    """What stands in the cells of the first visible worksheet that hold no value."""

    limits: Limits
    index: int | None = None
    """The sheet's place in the workbook."""
    faults: Faults = field(default_factory=dict)
    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    """What the cell shows, by row number and column, as ``Faults``."""

    rows: int = 0
    columns: int = 0
    """How far the cells that are not blank spread."""

    def reach(self, row: int, column: int) -> None:
        """Note that there is a cell; row and column are counted from 0. Raises Unreadable when they spread too far."""
        if row >= self.rows or column >= self.columns:
            self.rows, self.columns = max(self.rows, row + 1), max(self.columns, column + 1)
            if self.rows * self.columns > self.limits.rectangle:
                raise too_wide(self.rows, self.columns)

    def add(self, row: int, column: int, fault: CellFault, text: str) -> None:
        """Note a cell; row and column are counted from 0."""
        self.faults.setdefault(row + 1, {})[column] = fault
        self.texts.setdefault(row + 1, {})[column] = text


def errors_of_xls(path: Path, limits: Limits) -> SheetErrors:
    """Return the errors of an XLS. Raises Unreadable where its records cannot be followed, or its cells spread far."""
    try:
        with olefile.OleFileIO(str(path)) as ole:
            name = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
            if name is None:
                raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
            stream = ole.openstream(name).read()
        return _xls_errors(stream, limits)
    except (OSError, struct.error, ValueError, IndexError, TypeError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


def _xls_errors(stream: bytes, limits: Limits) -> SheetErrors:
    errors = SheetErrors(limits)
    start = None
    for index, (offset, is_shown) in enumerate(_xls_sheets(stream)):
        if is_shown:
            errors.index, start = index, offset
            break
    if start is None:
        return errors
    for kind, body in _xls_sheet_records(stream, start):
        if kind in _XLS_VALUES:
            errors.reach(*struct.unpack_from("<HH", body))
        if kind == _XLS_BOOLERR:
            row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
            if is_error:
                errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))
        elif kind in _XLS_FORMULAS:
            _note_formula(errors, body)
    return errors


def _xls_sheet_records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a sheet. A chart within it has a beginning and an end of its own."""
    depth = 0
    for kind, body in _xls_records(stream, start):
        depth += (kind == _XLS_BOF) - (kind == _XLS_EOF)
        if not depth:
            return
        yield kind, body


def _note_formula(errors: SheetErrors, body: bytes) -> None:
    row, column, _, what, _, value, _, _, special, options = struct.unpack_from("<HHHBBBBHHH", body)
    if special != _RESULT_IS_SPECIAL:
        return
    if what == _SPECIAL_ERROR:
        errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))
    elif what == _SPECIAL_BLANK and options & _CALCULATE_WHEN_LOADED:
        errors.add(row, column, "cell_not_calculated", "=")


def _xls_sheets(stream: bytes) -> Iterator[tuple[int, bool]]:
    """Yield of each sheet where its records begin, and whether it is a worksheet that is shown."""
    for kind, body in _xls_records(stream, 0):
        if kind == _XLS_EOF:
            return
        if kind == _XLS_BOUNDSHEET:
            offset, state, what = struct.unpack_from("<IBB", body)
            yield offset, state & 3 == _VISIBLE and what == _WORKSHEET


def _xls_records(stream: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        yield kind, stream[at + 4 : at + 4 + length]
        at += 4 + length


def errors_of_xlsb(path: Path, limits: Limits) -> SheetErrors:
    """Return the errors of an XLSB. Raises Unreadable where its records cannot be followed, or its cells spread far."""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        parts = Parts(archive, limits.max_bytes)
        errors, part = _xlsb_sheet(parts, limits)
        if part is not None:
            _note_xlsb_errors(errors, b"".join(parts.blocks(part)))
        return errors


def _xlsb_sheet(parts: Parts, limits: Limits) -> tuple[SheetErrors, str | None]:
    related = relationships(parts, "xl/workbook.bin")
    index = -1
    for kind, body in _xlsb_records(b"".join(parts.blocks("xl/workbook.bin"))):
        if kind == _XLSB_SHEET:
            index += 1
            state, _, length = struct.unpack_from("<III", body)
            name = body[12 : 12 + 2 * length].decode("utf-16-le")
            what, part = related.get(name, ("", ""))
            if state == _VISIBLE and what == "worksheet":
                return SheetErrors(limits, index), part
    return SheetErrors(limits), None


def _note_xlsb_errors(errors: SheetErrors, content: bytes) -> None:
    row = 0
    for count, (kind, body) in enumerate(_xlsb_records(content)):
        if count > errors.limits.rectangle:
            # A record may have two bytes, and a small archive millions of them.
            raise Unreadable("file_too_large", "The workbook holds too many cells.")
        if kind == _XLSB_ROW:
            (row,) = struct.unpack_from("<I", body)
        elif kind in _XLSB_VALUES:
            column, _ = struct.unpack_from("<II", body)
            errors.reach(row, column)
            if kind in {_XLSB_CELL_ERROR, _XLSB_FORMULA_ERROR}:
                errors.add(row, column, "cell_error", ERROR_TEXTS.get(body[8], UNKNOWN_ERROR))


def _xlsb_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield records. Raises IndexError when the last one is not complete."""
    at = 0
    while at < len(content):
        kind = content[at]
        at += 1
        if kind & _MORE_FOLLOWS:
            kind = kind & ~_MORE_FOLLOWS | (content[at] & ~_MORE_FOLLOWS) << 7
            at += 1
        length = content[at]
        at += 1
        if length & _MORE_FOLLOWS:
            length, shift, byte = length & ~_MORE_FOLLOWS, 7, _MORE_FOLLOWS
            while byte & _MORE_FOLLOWS and shift <= _LONGEST_LENGTH:
                byte = content[at]
                at += 1
                length |= (byte & ~_MORE_FOLLOWS) << shift
                shift += 7
        yield kind, content[at : at + length]
        at += length
