"""Reads an XLS (BIFF 8, BIFF 5 in OLE2) cell by cell.

No program does it for us: those that are quick take what errors and formulas show for blank, read texts by half where
they go on in another record, or look at each formula's expression, which costs the square of its length.
"""

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from libs.spreadsheets import xls_marks as marks
from libs.spreadsheets.cell_faults import ERROR_TEXTS, UNKNOWN_ERROR, CellFault, Faults
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.numbers import number_text, short_number
from libs.spreadsheets.sheet_names import place_of_sheet
from libs.spreadsheets.sheet_signs import HIDDEN_ROWS, MERGED_CELLS, Sign, lose_a_value
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_records import HEAD, records
from libs.spreadsheets.xls_stream import xls_damage_refused
from libs.spreadsheets.xls_workbook import XlsWorkbook, xls_workbook

_ROW, _ROW_FLAGS, _ROW_IS_HIDDEN = 0x0208, 12, 0x20
_MERGED, _BEFORE_AREAS, _AREA = 0x00E5, 2, 8
"""Cells that are merged: how many there are, and of each its first and last row and its first and last column."""
_NUMBER = struct.Struct("<4xHd").unpack_from
_SHORT_NUMBER = struct.Struct("<4xH4s").unpack_from
_SHARED_TEXT = struct.Struct("<6xI").unpack_from
_STYLE = struct.Struct("<4xH").unpack_from
"""What stands in records of cells: style and number, or the number of a text."""

Row = tuple[int, list[str]]


def xls_rows(path: Path, limits: Limits, wanted: str | None, source: FileSource, faults: Faults) -> Iterator[Row]:
    """Yield ``(row number, cells as text)`` of a visible sheet; note in ``faults`` which hold no value, row by row.

    ``wanted`` is the sheet's name; None: the first one. Raises Unreadable.
    """
    with xls_damage_refused():
        workbook = xls_workbook(path, limits)
        shown = [sheet for sheet in workbook.sheets() if sheet.is_shown]
        names = tuple(sheet.name for sheet in shown)
        sheet = shown[place_of_sheet(names, wanted)]
        source.sheet, source.sheets = sheet.name, names
        yield from _XlsSheet(workbook, faults).rows(marks.marks_of(workbook.stream, sheet.start))


def xls_signs(path: Path, place: int, header_row: int, limits: Limits) -> Iterator[Sign]:
    """Yield what is seen otherwise of the worksheet at this place among those that are shown. Raises Unreadable."""
    with xls_damage_refused():
        workbook = xls_workbook(path, limits)
        sheet = [sheet for sheet in workbook.sheets() if sheet.is_shown][place]
        for kind, at, end in records(workbook.stream, sheet.start):
            if kind == _ROW and workbook.stream[at + _ROW_FLAGS] & _ROW_IS_HIDDEN:
                yield HIDDEN_ROWS
            elif kind == _MERGED and _has_lost_values(workbook.stream, at, end, header_row):
                yield MERGED_CELLS


def _has_lost_values(stream: bytes, at: int, end: int, header_row: int) -> bool:
    areas = range(at + _BEFORE_AREAS, end - _AREA + 1, _AREA)
    rows = (struct.unpack_from("<HH", stream, area) for area in areas)
    return any(lose_a_value(first + 1, last + 1, header_row) for first, last in rows)


class _XlsSheet:
    """Reads cells, by their marks, with what is the workbook's."""

    def __init__(self, workbook: XlsWorkbook, faults: Faults) -> None:
        self._stream = workbook.stream
        self._texts = workbook.texts
        self._shared = workbook.shared_texts()
        self._formats = workbook.formats()
        self._special = frozenset(map(int, (*self._formats.dates, *self._formats.phones)))
        self._faults = faults
        self._row = -1
        self._cells: list[str] = []

    def rows(self, cells: Iterable[int]) -> Iterator[Row]:
        """Yield the rows of the cells with these marks."""
        readers = {
            marks.AS_SHARED_TEXT: self._shared_text,
            marks.AS_NUMBER: self._number,
            marks.AS_SHORT_NUMBER: self._short_number,
            marks.AS_TEXT: self._own_text,
            marks.AS_TEXT_OF_FORMULA: self._text_of_formula,
            marks.AS_BOOLEAN: self._boolean,
            marks.AS_ERROR: self._error,
            marks.AS_BLANK: lambda _: "",
            marks.AS_MISSING: self._missing,
            marks.AS_ZERO_OF_FORMULA: self._number,
        }
        for mark in cells:
            row, column, at, way = marks.divided(mark)
            if row != self._row:
                if self._cells:
                    yield self._row + 1, self._cells
                self._row, self._cells = row, []
            if column < len(self._cells):
                # Which of the two is shown depends on who reads them.
                raise Unreadable("file_broken", f"Row {row + 1} of the workbook holds a cell twice.")
            if column > len(self._cells):
                self._cells.extend([""] * (column - len(self._cells)))
            self._cells.append(readers[way](at))
        if self._cells:
            yield self._row + 1, self._cells

    def _shared_text(self, at: int) -> str:
        number: int
        (number,) = _SHARED_TEXT(self._stream, at)
        if number >= len(self._shared):
            raise Unreadable(
                "file_broken", f"Row {self._row + 1} of the workbook names a text that is not in the file."
            )
        return self._of_style(self._shared[number], at)

    def _number(self, at: int) -> str:
        style, number = _NUMBER(self._stream, at)
        return self._shown(number, style)

    def _short_number(self, at: int) -> str:
        style, written = _SHORT_NUMBER(self._stream, at)
        return self._shown(short_number(written), style)

    def _shown(self, number: float, style: int) -> str:
        return self._formats.text(number, str(style)) if style in self._special else number_text(number)

    def _own_text(self, at: int) -> str:
        return self._of_style(self._texts.text(at + marks.BEFORE_VALUE, self._end(at)), at)

    def _of_style(self, text: str, at: int) -> str:
        """Return a text as the style of the cell whose record stands there shows it."""
        if not self._formats.before_texts:
            return text
        (style,) = _STYLE(self._stream, at)
        return self._formats.of_text(text, str(style))

    def _text_of_formula(self, at: int) -> str:
        return self._texts.text(at, self._end(at))

    def _end(self, at: int) -> int:
        """Return where a record's content ends that begins there."""
        _, length = HEAD.unpack_from(self._stream, at - HEAD.size)
        return at + int(length)

    def _boolean(self, at: int) -> str:
        return "TRUE" if self._stream[at + marks.BEFORE_VALUE] else "FALSE"

    def _error(self, at: int) -> str:
        self._note("cell_error")
        return ERROR_TEXTS.get(self._stream[at + marks.BEFORE_VALUE], UNKNOWN_ERROR)

    def _missing(self, _: int) -> str:
        self._note("cell_not_calculated")
        return "="

    def _note(self, fault: CellFault) -> None:
        """Note what is wrong with the cell that comes next in the row."""
        self._faults.setdefault(self._row + 1, {})[len(self._cells)] = fault
