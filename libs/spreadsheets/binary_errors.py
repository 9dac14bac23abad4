"""Which cells of an XLS or XLSB hold no value: errors, which calamine shows as blank cells.

Both formats are sequences of records, each with a number for its kind and a length ([MS-XLS] 2.1.4, [MS-XLSB] 2.1.4).
Only the records of errors and formulas are looked at.
"""

import io
import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import olefile

from libs.spreadsheets.cell_faults import ERROR_TEXTS, UNKNOWN_ERROR, CellFault, Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_parts import ZIP_ERRORS, Parts, relationships

_WORKSHEET = 0
_VISIBLE = 0

_XLS_BOUNDSHEET, _XLS_EOF, _XLS_BOOLERR, _XLS_BOF = 0x0085, 0x000A, 0x0205, 0x0809
_XLS_ROW = 0x0208
_ROW_IS_HIDDEN = 0x20
_XLS_FORMULAS = {0x0006, 0x0206, 0x0406}
"""The record of BIFF 8 and 5, and those of older versions."""
_RESULT_IS_SPECIAL = 0xFFFF
_SPECIAL_ERROR, _SPECIAL_BLANK = 2, 3
_CALCULATE_WHEN_LOADED = 0x0002

_XLSB_SHEET, _XLSB_ROW, _XLSB_CELL_ERROR, _XLSB_FORMULA_ERROR = 156, 0, 3, 11


@dataclass(slots=True)
class SheetErrors:
    """What stands in the cells of a worksheet that hold no value: the one at ``wanted``, or the first visible one."""

    index: int | None = None
    """The sheet's place in the workbook."""
    wanted: int | None = None
    """The same where a sheet was asked for, and not the first visible one."""
    faults: Faults = field(default_factory=dict)
    texts: dict[int, dict[int, str]] = field(default_factory=dict)
    """What the cell shows, by row number and column, as ``Faults``."""

    def add(self, row: int, column: int, fault: CellFault, text: str) -> None:
        """Note a cell; row and column are counted from 0."""
        self.faults.setdefault(row + 1, {})[column] = fault
        self.texts.setdefault(row + 1, {})[column] = text


def errors_of_xls(path: Path, wanted: int | None = None) -> SheetErrors:
    """Return the errors of an XLS. Raises Unreadable where its records cannot be followed."""
    try:
        with olefile.OleFileIO(str(path)) as ole:
            name = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
            if name is None:
                raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
            stream = ole.openstream(name).read()
        return _xls_errors(stream, wanted)
    except (OSError, struct.error, ValueError, IndexError, TypeError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


def _xls_errors(stream: bytes, wanted: int | None) -> SheetErrors:
    errors = SheetErrors(wanted=wanted)
    start = None
    for index, (offset, is_shown) in enumerate(_xls_sheets(stream)):
        if is_shown and wanted in {index, None}:
            errors.index, start = index, offset
            break
    if start is None:
        return errors
    for kind, body in _xls_sheet_records(stream, start):
        if kind == _XLS_BOOLERR:
            row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
            if is_error:
                errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))
        elif kind in _XLS_FORMULAS:
            _note_formula(errors, body)
    return errors


def xls_has_hidden_rows(path: Path, sheet: str | None) -> bool:
    """Tell whether the worksheet of an XLS has a row that is not shown. Raises OSError, struct.error."""
    with olefile.OleFileIO(str(path)) as ole:
        name = next((name for name in ("Workbook", "Book") if ole.exists(name)), None)
        stream = ole.openstream(name).read() if name else b""
    for kind, body in _xls_records(stream, 0):
        if kind == _XLS_EOF:
            return False
        if kind == _XLS_BOUNDSHEET and _sheet_name(body) == sheet:
            (offset,) = struct.unpack_from("<I", body)
            rows = (body for kind, body in _xls_sheet_records(stream, offset) if kind == _XLS_ROW)
            return any(struct.unpack_from("<H", body, 12)[0] & _ROW_IS_HIDDEN for body in rows)
    return False


def _sheet_name(body: bytes) -> str:
    """Return the name in a record of a sheet ([MS-XLS] 2.4.28, 2.5.240)."""
    length, is_wide = body[6], body[7] & 1
    return body[8 : 8 + length * (1 + is_wide)].decode("utf-16-le" if is_wide else "latin-1")


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


def errors_of_xlsb(path: Path, limits: Limits, wanted: int | None = None) -> SheetErrors:
    """Return the errors of an XLSB. Raises Unreadable where its records cannot be followed."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = Parts(archive, limits.max_bytes)
            errors, part = _xlsb_sheet(parts, wanted)
            if part is not None:
                _note_xlsb_errors(errors, b"".join(parts.blocks(part)))
            return errors
    except (*ZIP_ERRORS, struct.error, IndexError, UnicodeDecodeError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


def _xlsb_sheet(parts: Parts, wanted: int | None) -> tuple[SheetErrors, str | None]:
    related = relationships(parts, "xl/workbook.bin")
    index = -1
    for kind, body in _xlsb_records(b"".join(parts.blocks("xl/workbook.bin"))):
        if kind == _XLSB_SHEET:
            index += 1
            state, _, length = struct.unpack_from("<III", body)
            name = body[12 : 12 + 2 * length].decode("utf-16-le")
            what, part = related.get(name, ("", ""))
            if state == _VISIBLE and what == "worksheet" and wanted in {index, None}:
                return SheetErrors(index, wanted), part
    return SheetErrors(wanted=wanted), None


def _note_xlsb_errors(errors: SheetErrors, content: bytes) -> None:
    row = 0
    for kind, body in _xlsb_records(content):
        if kind == _XLSB_ROW:
            (row,) = struct.unpack_from("<I", body)
        elif kind in {_XLSB_CELL_ERROR, _XLSB_FORMULA_ERROR}:
            column, _, value = struct.unpack_from("<IIB", body)
            errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))


def _xlsb_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    source = io.BytesIO(content)
    while first := source.read(1):
        kind = first[0]
        if kind & 0x80:
            kind = (kind & 0x7F) | (source.read(1)[0] & 0x7F) << 7
        length = shift = 0
        while True:
            (byte,) = source.read(1)
            length |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80 or shift > 21:  # noqa: PLR2004 - four bytes at most
                break
        yield kind, source.read(length)
