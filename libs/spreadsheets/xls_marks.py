"""Where the cells of an XLS' sheet stand among its records ([MS-XLS] 2.4), and in which way their values are written.

The records may stand in any order. So they are marked first, in eight bytes a cell, however many there are.
"""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from itertools import islice
from operator import lt
from typing import NamedTuple

from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_records import CONTINUE, records

SEVERAL_NUMBERS = 0x00BD
"""Several cells that stand side by side: row and first column, style and number of each, last column."""
BEHIND_SEVERAL = 2
_BEFORE_SEVERAL, _BYTES_OF_SEVERAL = 4, 6
_BOOLEAN_OR_ERROR = 0x0205
_FORMULAS = {0x0006, 0x0206, 0x0406}
"""The record of BIFF 8 and 5, and those of older versions."""
_TEXT_OF_FORMULA = 0x0207
_ARRAY_FORMULAS = {0x0021, 0x0221}
"""One formula that gives the values of several cells, each of which has a formula that refers to it."""
_BETWEEN_FORMULA_AND_TEXT = {0x0021, 0x0221, 0x0036, 0x0236, 0x04BC, CONTINUE}
"""Arrays, tables and shared formulas, and what is too long for one record."""

(
    AS_SHARED_TEXT,
    AS_NUMBER,
    AS_SHORT_NUMBER,
    AS_TEXT,
    AS_TEXT_OF_FORMULA,
    AS_BOOLEAN,
    AS_ERROR,
    AS_BLANK,
    AS_MISSING,
    AS_ZERO_OF_FORMULA,
) = range(10)
"""``AS_MISSING``: a formula whose value was never stored. ``AS_BLANK``: one that gave none. ``AS_ZERO_OF_FORMULA``: a
number; what stands for it may be the zeros of a writer that knows no value."""
_OF_KIND = {
    0x00FD: (AS_SHARED_TEXT, 10),
    0x0203: (AS_NUMBER, 14),
    0x027E: (AS_SHORT_NUMBER, 10),
    0x0204: (AS_TEXT, 8),
    0x00D6: (AS_TEXT, 8),
    _BOOLEAN_OR_ERROR: (AS_BOOLEAN, 8),
    SEVERAL_NUMBERS: (AS_SHORT_NUMBER, 12),
} | dict.fromkeys(_FORMULAS, (AS_NUMBER, 18))
"""In which way a record's value is written, and how many bytes it has at least. The second kind of text is partly
bold."""
CELLS = frozenset(_OF_KIND)
"""Records of cells that are not blank."""

BEFORE_VALUE = 6
"""Bytes of a cell's row, column and style."""
_RESULT_IS_SPECIAL = 0xFFFF
_SPECIAL = {0: (AS_TEXT_OF_FORMULA, 0), 1: (AS_BOOLEAN, 2), 2: (AS_ERROR, 2), 3: (AS_BLANK, 0)}
"""What a formula's result may be besides a number, and how many bytes further on it stands than without a formula."""
_CALCULATE_WHEN_LOADED = 0x0002
_ZERO = struct.pack("<dI", 0.0, 0)
_NO_RESULTS = {_ZERO, struct.pack("<dI", 4.0, 0xFCE00000)}
"""What writers that do not calculate put for want of a value, and before the formula: Apache POI, JExcelApi. A blank is
the value of those that do, as Apache POI and PhpSpreadsheet, which ask for each formula to be calculated again."""

_AREA = struct.Struct("<HHBB")
"""What an array's formula begins with: first and last row, first and last column."""

_ROW_AT, _COLUMN_AT, _RECORD_AT = 48, 40, 8
_LAST_COLUMN = _COLUMN_MASK = 0xFF
_RECORD_MASK, _WAY_MASK = 0xFFFFFFFF, 0xFF
"""Of a mark, from its highest bit on: the row, the column, where the record stands in the stream, the way. Marks in
order are cells in order."""


class _Area(NamedTuple):
    """Cells that an array's formula gives; all counted from 0."""

    first_row: int
    last_row: int
    first_column: int
    last_column: int

    @property
    def cells(self) -> int:
        rows, columns = self.last_row - self.first_row + 1, self.last_column - self.first_column + 1
        return max(0, rows) * max(0, columns)


def divided(mark: int) -> tuple[int, int, int, int]:
    """Return row and column, both counted from 0, where in the stream the record's content begins, and the way.

    Of a text of a formula it is the text's record; of another result so many bytes further that the value stands where
    it is in a cell without a formula, and of one of several numbers, too.
    """
    return (
        mark >> _ROW_AT,
        mark >> _COLUMN_AT & _COLUMN_MASK,
        mark >> _RECORD_AT & _RECORD_MASK,
        mark & _WAY_MASK,
    )


def marks_of(stream: bytes, start: int) -> "array[int]":
    """Return the marks of a sheet's cells that are not blank, in order. Raises Unreadable, struct.error.

    ``start`` is where in the stream the sheet begins.
    """
    marks = array("Q")
    add, place_of = marks.append, struct.Struct("<HH").unpack_from
    of_formula: int | None = None  # the place of one whose text must follow
    arrays: list[_Area] = []
    for kind, at, end in records(stream, start):
        if of_formula is not None and kind not in _BETWEEN_FORMULA_AND_TEXT:
            way = AS_TEXT_OF_FORMULA if kind == _TEXT_OF_FORMULA else AS_MISSING
            add(of_formula | at << _RECORD_AT | way)
            of_formula = None
        elif kind == _TEXT_OF_FORMULA:
            # Excel passes over it, others put it into the last formula's cell.
            raise Unreadable("file_broken", "The workbook holds a text of no cell; open it in Excel and save it.")
        if kind in _ARRAY_FORMULAS and end - at >= _AREA.size:
            arrays.append(_Area(*_AREA.unpack_from(stream, at)))
        if kind in CELLS:
            row, column = place_of(stream, at)
            if column > _LAST_COLUMN:
                raise Unreadable("file_broken", "The workbook is damaged.")
            place = row << _ROW_AT | column << _COLUMN_AT
            way, further = _way(stream, kind, at, end)
            if kind == SEVERAL_NUMBERS:
                marks.extend(_several(stream, place, column, at, end))
            elif way == AS_TEXT_OF_FORMULA:
                of_formula = place
            else:
                add(place | at + further << _RECORD_AT | way)
    if not all(map(lt, marks, islice(marks, 1, None))):
        marks = array("Q", sorted(marks))
    _tell_of_zeros(marks, arrays)
    return marks


def _tell_of_zeros(marks: "array[int]", arrays: list[_Area]) -> None:
    """Mark the cells of arrays as missing that hold nothing but zeros: Apache POI writes them so, and does not say that
    they are to be calculated, as it does of other formulas.
    """
    left = len(marks)
    for area in arrays:
        left -= area.cells
        if left < 0:  # arrays of sound files share no cells
            return
        if all(mark & _WAY_MASK == AS_ZERO_OF_FORMULA for _, mark in _within(marks, area)):
            for place, mark in _within(marks, area):
                marks[place] = mark & ~_WAY_MASK | AS_MISSING


def _within(marks: "array[int]", area: _Area) -> Iterator[tuple[int, int]]:
    """Yield the marks of an area's cells that are not blank, each with its place among all."""
    for row in range(area.first_row, area.last_row + 1):
        first, last = (row << _ROW_AT | c << _COLUMN_AT for c in (area.first_column, area.last_column + 1))
        for place in range(bisect_left(marks, first), bisect_left(marks, last)):
            yield place, marks[place]


def _way(stream: bytes, kind: int, at: int, end: int) -> tuple[int, int]:
    """Return in which way the value of a record of a cell is written, and how many bytes further on it stands."""
    way, least = _OF_KIND[kind]
    if end - at < least:
        raise Unreadable("file_broken", "The workbook is damaged.")
    if kind in _FORMULAS:
        return _result(stream, at)
    if kind == _BOOLEAN_OR_ERROR and stream[at + BEFORE_VALUE + 1]:
        way = AS_ERROR
    return way, 0


def _several(stream: bytes, place: int, column: int, at: int, end: int) -> Iterator[int]:
    """Yield the marks of numbers that stand in one record, the first of which is at ``place``."""
    count, more = divmod(end - at - _BEFORE_SEVERAL - BEHIND_SEVERAL, _BYTES_OF_SEVERAL)
    (last,) = struct.unpack_from("<H", stream, end - BEHIND_SEVERAL)
    if more or last - column + 1 != count or last > _LAST_COLUMN:
        raise Unreadable("file_broken", "The workbook is damaged.")
    for several in range(count):
        yield place + (several << _COLUMN_AT) | at + several * _BYTES_OF_SEVERAL << _RECORD_AT | AS_SHORT_NUMBER


def _result(stream: bytes, at: int) -> tuple[int, int]:
    """Return in which way a formula's value is written, and how many bytes further on than that of another cell."""
    what, special, options = struct.unpack_from("<6xB5xHH", stream, at)
    way, further = _SPECIAL.get(what, (None, 0)) if special == _RESULT_IS_SPECIAL else (AS_NUMBER, 0)
    if way is None:
        raise Unreadable("file_broken", "The workbook is damaged.")
    if way == AS_NUMBER and (no_result := _value_and_more(stream, at)) in _NO_RESULTS:
        if options & _CALCULATE_WHEN_LOADED:
            way = AS_MISSING
        elif no_result == _ZERO:
            way = AS_ZERO_OF_FORMULA
    return way, further


def _value_and_more(stream: bytes, at: int) -> bytes:
    return stream[at + 6 : at + 14] + stream[at + 16 : at + 20]
