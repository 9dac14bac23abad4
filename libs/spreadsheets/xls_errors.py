"""Which cells of an XLS show an error, which calamine reads as blank, and how far the cells of its sheets spread.

The format is a sequence of records, each with a number for its kind and a length ([MS-XLS] 2.1.4). Only the records of
cells are looked at.
"""

import struct
from array import array
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import islice, pairwise, takewhile
from operator import lt
from pathlib import Path

from libs.spreadsheets.cell_faults import ERROR_TEXTS, UNKNOWN_ERROR, CellFault, Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_numbers import numbers_of
from libs.spreadsheets.xls_stream import UTF_16, xls_damage_refused, xls_stream
from libs.spreadsheets.xlsx_parts import too_wide

_WORKSHEET = 0
_VISIBLE = 0

_XLS_BOUNDSHEET, _XLS_EOF, _XLS_BOOLERR, _XLS_BOF = 0x0085, 0x000A, 0x0205, 0x0809
_XLS_ROW = 0x0208
_XLS_SIZE, _SIZE_IN_BIFF_8, _MOST_ROWS, _MOST_COLUMNS = 0x0200, 14, 65_536, 256
_ROW_IS_HIDDEN = 0x20
_XLS_PASSWORD = 0x002F
_XLS_FORMULAS = {0x0006, 0x0206, 0x0406}
"""The record of BIFF 8 and 5, and those of older versions."""
_XLS_NUMBERS = 0x00BD
"""Several cells that stand side by side."""
_XLS_VALUES = {*_XLS_FORMULAS, _XLS_BOOLERR, _XLS_NUMBERS, 0x00D6, 0x00FD, 0x027E, 0x0203, 0x0204}
"""Cells that are not blank: formulas, booleans and errors, numbers, texts."""
_HEAD, _NUMBER_IN_SEVERAL, _BITS_OF_COLUMN = 4, 6, 20
"""Bytes before a record's content, and of each of several numbers; bits that no column's number fills."""
_READ_SO_OFTEN = 2
"""Sheets may share records, a chart's or those behind a missing end, but are not all made of the same ones."""
_XLS_TEXT_OF_FORMULA, _XLS_CODE_PAGE, _XLS_TEXTS, _XLS_TEXT = 0x0207, 0x0042, 0x00FC, 0x00FD
_XLS_BETWEEN_FORMULA_AND_TEXT = {0x0021, 0x0221, 0x0036, 0x0236, 0x04BC}
"""Arrays, tables and shared formulas."""
_RESULT_IS_SPECIAL = 0xFFFF
_SPECIAL_TEXT, _SPECIAL_ERROR, _SPECIAL_BLANK = 0, 2, 3
_CALCULATE_WHEN_LOADED = 0x0002
_NO_RESULTS = {struct.pack("<dI", 0.0, 0), struct.pack("<dI", 4.0, 0xFCE00000)}
"""What writers that do not calculate put for want of a value, and before the formula: Apache POI, JExcelApi."""
_BIFF_8 = 0x0600


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
    beyond_texts: dict[int, list[int]] = field(default_factory=dict)
    """Columns by row number of an XLS' cells whose text, by its number, is none of those that the file counts. Where
    nothing is read of such a cell, it is lost; some writers count wrongly."""
    numbers: Callable[[], Mapping[tuple[int, int], float]] = dict
    """Those in its cells, by row and column, both counted from 0; looked for when they are asked for."""
    code_page_at: int | None = None
    """Of an XLS that names a code page though its texts are UTF-16: where the number stands in its stream, in bytes."""

    def add(self, row: int, column: int, fault: CellFault, text: str) -> None:
        """Note a cell; row and column are counted from 0."""
        self.faults.setdefault(row + 1, {})[column] = fault
        self.texts.setdefault(row + 1, {})[column] = text


def errors_of_xls(stream: bytes, limits: Limits, place_of: Callable[[], int | None] = lambda: None) -> SheetErrors:
    """Return the errors of an XLS. Raises Unreadable where its records cannot be followed, or its cells spread far.

    ``stream`` is what holds the workbook. ``place_of`` tells which sheet is wanted; it may let calamine open the file,
    and is asked once that is safe.
    """
    with xls_damage_refused():
        if any(kind == _XLS_PASSWORD for kind, _ in _xls_globals(stream)):
            raise Unreadable("file_encrypted")
        _refuse_sizes(stream, limits)
        return _xls_errors(stream, place_of())


def _refuse_sizes(stream: bytes, limits: Limits) -> None:
    """Raise Unreadable where a sheet says that it is larger than any can be ([MS-XLS] 2.4.90), or all are too large.

    calamine makes a rectangle of each sheet, also of those that nobody wants, as large as its cells spread, and asks
    beforehand for as much memory as the sheet says that it needs.
    """
    places, left = 0, _READ_SO_OFTEN * len(stream)
    for offset, _ in _xls_sheets(stream):
        rows = columns = declared = 0
        for kind, body in _xls_sheet_records(stream, offset):
            left -= len(body) + _HEAD
            if kind == _XLS_SIZE:
                declared = max(declared, _declared_places(body))
            elif kind in _XLS_VALUES:
                row, column, _ = _place(kind, body)
                rows, columns = max(rows, row + 1), max(columns, column + 1)
            if left < 0:
                raise Unreadable("file_broken", "The sheets of the workbook stand within each other.")
        if rows * columns > limits.rectangle:
            raise too_wide(rows, columns)
        places += max(declared, rows * columns)
        if places > limits.rectangle:
            raise Unreadable(
                "file_too_large", f"The sheets of the workbook spread over {places} cells, hidden ones, too."
            )


def _declared_places(body: bytes) -> int:
    """Return how many cells a sheet says that it spreads over."""
    row, end, column, right = struct.unpack_from("<IIHH" if len(body) >= _SIZE_IN_BIFF_8 else "<HHHH", body)
    if max(row, end) > _MOST_ROWS or max(column, right) > _MOST_COLUMNS or row > end > 0:
        raise Unreadable("file_broken", "The workbook is damaged.")
    return int((end - row) * max(0, right - column)) if end else 0


def _place(kind: int, body: bytes) -> tuple[int, int, int]:
    """Return the row and the last column of a record of one cell or several, counted from 0, and how many they are."""
    row, column = struct.unpack_from("<HH", body)
    count = (len(body) - _HEAD - 2) // _NUMBER_IN_SEVERAL if kind == _XLS_NUMBERS else 1
    return row, column + max(1, count) - 1, max(1, count)


def _xls_errors(stream: bytes, wanted: int | None) -> SheetErrors:
    for index, (offset, is_shown) in enumerate(_xls_sheets(stream)):
        if is_shown and wanted in {index, None}:
            errors = SheetErrors(index, wanted, code_page_at=_wrong_code_page_at(stream))
            _note_cells(errors, stream, offset)
            errors.numbers = cache(partial(_numbers, stream, offset))
            return errors
    return SheetErrors(wanted=wanted, code_page_at=_wrong_code_page_at(stream))


def _numbers(stream: bytes, start: int) -> dict[tuple[int, int], float]:
    with xls_damage_refused():
        return numbers_of(_xls_sheet_records(stream, start))


def _note_cells(errors: SheetErrors, stream: bytes, start: int) -> None:
    texts = _count_of_texts(stream)
    text_of: tuple[int, int] | None = None
    places = array("Q")
    for kind, body in _xls_sheet_records(stream, start):
        if kind in _XLS_VALUES:
            row, column, count = _place(kind, body)
            places.extend((row << _BITS_OF_COLUMN) + at for at in range(column - count + 1, column + 1))
        if text_of is not None and kind not in _XLS_BETWEEN_FORMULA_AND_TEXT:
            if kind != _XLS_TEXT_OF_FORMULA:
                errors.add(*text_of, "cell_not_calculated", "=")
            text_of = None
        elif kind == _XLS_TEXT_OF_FORMULA:
            # Excel passes over it, calamine puts it into the last formula's cell.
            raise Unreadable("file_broken", "The workbook holds a text of no cell; open it in Excel and save it.")
        if kind == _XLS_TEXT:
            _note_text(errors, body, texts)
        elif kind == _XLS_BOOLERR:
            _note_error(errors, body)
        elif kind in _XLS_FORMULAS:
            text_of = _note_formula(errors, body)
    if text_of is not None:
        errors.add(*text_of, "cell_not_calculated", "=")
    _refuse_twice(places)


def _refuse_twice(places: "array[int]") -> None:
    """Raise Unreadable where a cell has two values: which of them is shown depends on who reads it."""
    if all(map(lt, places, islice(places, 1, None))):
        return
    ordered = sorted(places)
    twice = next((place for place, next_one in pairwise(ordered) if place == next_one), None)
    if twice is not None:
        row = (twice >> _BITS_OF_COLUMN) + 1
        raise Unreadable("file_broken", f"Row {row} of the workbook holds a cell twice.")


def xls_has_hidden_rows(path: Path, sheet: str | None) -> bool:
    """Tell whether the worksheet of an XLS has a row that is not shown. Raises Unreadable, struct.error."""
    stream = xls_stream(path).records
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


def _note_text(errors: SheetErrors, body: bytes, texts: int) -> None:
    row, column, _, at = struct.unpack_from("<HHHI", body)
    if at >= texts:
        errors.beyond_texts.setdefault(row + 1, []).append(column)


def _note_error(errors: SheetErrors, body: bytes) -> None:
    row, column, _, value, is_error = struct.unpack_from("<HHHBB", body)
    if is_error:
        errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))


def _count_of_texts(stream: bytes) -> int:
    """Return how many texts a workbook says that its cells share."""
    found = next((body for kind, body in _xls_records(stream, 0) if kind in {_XLS_TEXTS, _XLS_EOF}), b"")
    return int(struct.unpack_from("<I", found, 4)[0]) if found else 0


def _wrong_code_page_at(stream: bytes) -> int | None:
    """Return where a code page is named that is none, in bytes: since Excel 97 all texts are UTF-16.

    JExcelApi of Java and Spreadsheet::WriteExcel of Perl name Windows-1252 all the same, and calamine believes it.
    """
    at = 0
    for kind, body in _xls_records(stream, 0):
        if kind == _XLS_EOF or (kind == _XLS_BOF and struct.unpack_from("<H", body) != (_BIFF_8,)):
            return None
        if kind == _XLS_CODE_PAGE:
            return None if struct.unpack_from("<H", body) == (UTF_16,) else at + _HEAD
        at += _HEAD + len(body)
    return None


def _xls_globals(stream: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the records before those of the first sheet."""
    return takewhile(lambda record: record[0] != _XLS_EOF, _xls_records(stream, 0))


def _xls_sheet_records(stream: bytes, start: int) -> Iterator[tuple[int, bytes]]:
    """Yield the records of a sheet. A chart within it has a beginning and an end of its own.

    Raises Unreadable where there is no beginning: calamine reads on all the same, whatever follows.
    """
    depth = 0
    for kind, body in _xls_records(stream, start):
        if not depth and kind != _XLS_BOF:
            raise Unreadable("file_broken", "The workbook holds a sheet without its beginning.")
        depth += (kind == _XLS_BOF) - (kind == _XLS_EOF)
        if not depth:
            return
        yield kind, body


def _note_formula(errors: SheetErrors, body: bytes) -> tuple[int, int] | None:
    """Note a formula that has no value; return the cell of one whose value is a text, which must follow."""
    row, column, _, what, _, value, _, _, special, options = struct.unpack_from("<HHHBBBBHHH", body)
    if special != _RESULT_IS_SPECIAL:
        if options & _CALCULATE_WHEN_LOADED and body[6:14] + body[16:20] in _NO_RESULTS:
            errors.add(row, column, "cell_not_calculated", "=")
    elif what == _SPECIAL_ERROR:
        errors.add(row, column, "cell_error", ERROR_TEXTS.get(value, UNKNOWN_ERROR))
    elif what == _SPECIAL_BLANK and options & _CALCULATE_WHEN_LOADED:
        errors.add(row, column, "cell_not_calculated", "=")
    elif what == _SPECIAL_TEXT:
        return row, column
    return None


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
