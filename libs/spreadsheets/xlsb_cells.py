"""Reads an XLSB, a sequence of records, each with a number for its kind and a length ([MS-XLSB] 2.1.4), cell by cell.

No program does it for us: calamine skips the cells that are written short, without their column, as SheetJS writes all
but the first of a row, and a text that is partly bold.
"""

import struct
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from libs.spreadsheets.cell_faults import ERROR_TEXTS, NOT_CALCULATED, UNKNOWN_ERROR, Faults
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.number_formats import NumberFormats
from libs.spreadsheets.numbers import short_number
from libs.spreadsheets.sheet_names import LONGEST_SHEET_NAME, place_of_sheet, sheet_name
from libs.spreadsheets.sheet_signs import HIDDEN_ROWS, MERGED_CELLS, Sign, lose_a_value
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_parts import Parts, damage_refused, related_part, relationships, too_wide

_WORKBOOK = "xl/workbook.bin"
_SHEET, _WORKBOOK_PROPERTIES, _CALCULATION = 156, 153, 157
_FORMAT, _STYLE, _BEGIN_STYLES, _END_STYLES = 44, 47, 617, 618
_TEXT = 19
"""A text that cells share. Of the same kind as the cell of a partly bold text: a byte of flags stands before it."""
_ROW, _BLANK, _SHORT_BLANK, _RICH_TEXT = 0, 1, 12, 62
_NUMBER_IN_SHORT, _ERROR, _BOOLEAN, _NUMBER, _OWN_TEXT, _SHARED_TEXT = range(2, 8)
_NUMBER_OF_FORMULA = 9
_OF_FORMULA = {8: _OWN_TEXT, _NUMBER_OF_FORMULA: _NUMBER, 10: _BOOLEAN, 11: _ERROR}
"""Cells with a formula, by what its value is."""
_SHORT = dict(zip(range(13, 19), range(2, 8), strict=True))
"""Cells that stand right of the one before them and so name no column, by what they are."""
_VALUES = {kind: kind for kind in range(2, 8)} | _OF_FORMULA | _SHORT | {_RICH_TEXT: _RICH_TEXT}
_BEHIND_PLACE, _BEHIND_STYLE, _BEHIND_NUMBER = 8, 4, 16
_STYLE_BITS = 0xFFFFFF

_VISIBLE = 0
_ROW_FLAGS, _ROW_IS_HIDDEN = 11, 0x10
"""Where in a row's record, and which bit of that byte ([MS-XLSB] 2.4.741, fDyZero)."""
_MERGED = 176
"""Cells that are merged: their first and last row, their first and last column."""
_BEGINS_1904 = 1
_CALCULATION_FLAGS, _ON_LOAD = 24, 1
"""Where in the record of how formulas are calculated, and which bit of that byte (BrtCalcProp, fFullCalcOnLoad)."""
_MOST_BYTES = 4
"""Of a character: of a text that is too long by characters enough is kept to see it."""
_MORE_FOLLOWS = 0x80
_LONGEST_LENGTH = 21
"""Bits by which the last of four bytes of a length is shifted."""

Row = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class _Workbook:
    """What is said of all sheets, as ``XlsxWorkbook`` says it."""

    shown: list[tuple[str, str]]
    begins_1904: bool
    recalculates: bool

    @classmethod
    def read(cls, parts: Parts, limits: Limits) -> Self:
        """Read the part that lists the sheets. Raises LookupError, struct.error, Unreadable."""
        related = relationships(parts, _WORKBOOK)
        shown = []
        begins_1904 = recalculates = False
        for kind, body in _records(_content(parts, _WORKBOOK), limits):
            if kind == _SHEET:
                state, _, length = struct.unpack_from("<III", body)
                what, part = related.get(_wide(body, 8), ("", ""))
                if state == _VISIBLE and what == "worksheet":
                    shown.append((sheet_name(_wide(body, 12 + 2 * length, LONGEST_SHEET_NAME)), part))
            elif kind == _WORKBOOK_PROPERTIES:
                begins_1904 = bool(struct.unpack_from("<I", body)[0] & _BEGINS_1904)
            elif kind == _CALCULATION:
                recalculates = bool(body[_CALCULATION_FLAGS] & _ON_LOAD)
        return cls(shown, begins_1904, recalculates)


def xlsb_rows(path: Path, limits: Limits, wanted: str | None, source: FileSource, faults: Faults) -> Iterator[Row]:
    """Yield ``(row number, cells as text)`` of a visible sheet; note in ``faults`` which show an error, row by row.

    ``wanted`` is the sheet's name; None: the first one. Raises Unreadable.
    """
    with damage_refused(), zipfile.ZipFile(path) as archive:
        parts = Parts(archive, limits.max_bytes)
        workbook = _Workbook.read(parts, limits)
        names = [name for name, _ in workbook.shown]
        name, part = workbook.shown[place_of_sheet(names, wanted)]
        source.sheet, source.sheets = name, tuple(names)
        texts, formats = _texts(parts, limits), _formats(parts, limits, begins_1904=workbook.begins_1904)
        reading = _XlsbSheet(texts, formats, limits, faults, zeros_are_none=workbook.recalculates)
        yield from reading.rows(_content(parts, part))


def xlsb_signs(path: Path, place: int, header_row: int, limits: Limits) -> Iterator[Sign]:
    """Yield what is seen otherwise of the worksheet at this place among those that are shown. Raises Unreadable."""
    with damage_refused(), zipfile.ZipFile(path) as archive:
        parts = Parts(archive, limits.max_bytes)
        _, part = _Workbook.read(parts, limits).shown[place]
        for kind, body in _records(_content(parts, part), limits):
            if kind == _ROW and body[_ROW_FLAGS] & _ROW_IS_HIDDEN:
                yield HIDDEN_ROWS
            elif kind == _MERGED:
                first, last = struct.unpack_from("<II", body)
                if lose_a_value(first + 1, last + 1, header_row):
                    yield MERGED_CELLS


def _content(parts: Parts, name: str) -> bytes:
    return b"".join(parts.blocks(name))


def _records(content: bytes, limits: Limits) -> Iterator[tuple[int, bytes]]:
    """Yield records. Raises LookupError when the last one is cut short, Unreadable when there are too many.

    A record may have two bytes, and a small archive millions of them.
    """
    at, left, end = 0, limits.rectangle, len(content)
    while at < end:
        left -= 1
        if left < 0:
            raise Unreadable("file_too_large", "The workbook holds too many cells.")
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
        if at + length > end:
            raise LookupError("a record that is cut short")
        yield kind, content[at : at + length]
        at += length


def _wide(body: bytes, at: int, most: int | None = None) -> str:
    """Return the text whose length stands at ``at``: no more than ``most`` characters of it. Raises LookupError."""
    (length,) = struct.unpack_from("<I", body, at)
    begin, end = at + 4, at + 4 + 2 * length
    if end > len(body):
        raise LookupError("a text that is cut short")
    return body[begin : end if most is None else min(end, begin + _MOST_BYTES * most)].decode("utf-16-le", "replace")


def _texts(parts: Parts, limits: Limits) -> list[str]:
    """Return the texts that cells name by their numbers; of one that is too long, enough to see that it is."""
    part = related_part(parts, _WORKBOOK, "sharedStrings")
    if part is None:
        return []
    records = _records(_content(parts, part), limits)
    return [_wide(body, 1, limits.max_cell_chars + 1) for kind, body in records if kind == _TEXT]


def _formats(parts: Parts, limits: Limits, *, begins_1904: bool) -> NumberFormats:
    formats: dict[str, str] = {}
    shown: list[str] = []
    part = related_part(parts, _WORKBOOK, "styles")
    is_of_cells = False
    for kind, body in _records(_content(parts, part), limits) if part is not None else ():
        if kind in {_BEGIN_STYLES, _END_STYLES}:
            is_of_cells = kind == _BEGIN_STYLES
        elif kind == _FORMAT:
            formats[str(struct.unpack_from("<H", body)[0])] = _wide(body, 2)
        elif kind == _STYLE and is_of_cells:
            shown.append(str(struct.unpack_from("<HH", body)[1]))
    return NumberFormats.of(formats, shown, begins_1904=begins_1904)


class _XlsbSheet:
    """Follows the records of a sheet."""

    def __init__(
        self, texts: list[str], formats: NumberFormats, limits: Limits, faults: Faults, *, zeros_are_none: bool
    ) -> None:
        self._zeros_are_none = zeros_are_none
        self._texts = texts
        self._formats = formats
        self._limits = limits
        self._faults = faults
        self._row = self._column = -1
        self._rows = self._columns = 0
        self._cells: dict[int, str] = {}

    def rows(self, content: bytes) -> Iterator[Row]:
        for kind, body in _records(content, self._limits):
            if kind == _ROW:
                yield from self._ended()
                self._begin(body)
            elif kind in _VALUES:
                self._add(kind, body)
            elif kind == _BLANK:
                (self._column,) = struct.unpack_from("<I", body)
            elif kind == _SHORT_BLANK:
                self._column += 1
        yield from self._ended()

    def _begin(self, body: bytes) -> None:
        (row,) = struct.unpack_from("<I", body)
        if row <= self._row:  # of two rows of one number one would be lost
            raise Unreadable("file_broken", f"Row {row + 1} of the workbook stands below row {self._row + 1}.")
        self._row, self._column = row, -1

    def _ended(self) -> Iterator[Row]:
        if self._cells:
            width = max(self._cells) + 1
            yield self._row + 1, [self._cells.get(column, "") for column in range(width)]
            self._cells = {}

    def _add(self, kind: int, body: bytes) -> None:
        if kind in _SHORT:
            self._column, at = self._column + 1, 0
        else:
            (self._column,) = struct.unpack_from("<I", body)
            at = _BEHIND_STYLE
        if self._row < 0:
            raise Unreadable("file_broken", "The workbook holds a cell of no row.")
        self._reach()
        if kind == _NUMBER_OF_FORMULA and self._zeros_are_none and not any(body[_BEHIND_PLACE:_BEHIND_NUMBER]):
            self._faults.setdefault(self._row + 1, {})[self._column] = "cell_not_calculated"
            text = NOT_CALCULATED
        else:
            text = self._text(_VALUES[kind], body, at)
        if text and self._column in self._cells:
            raise Unreadable("file_broken", f"Row {self._row + 1} of the workbook holds a cell twice.")
        if text:
            self._cells[self._column] = text

    def _reach(self) -> None:
        """Raise Unreadable when the cells spread over more places than may be read: each is one of a row's list."""
        if self._row >= self._rows or self._column >= self._columns:
            self._rows, self._columns = self._row + 1, max(self._columns, self._column + 1)
            if self._rows * self._columns > self._limits.rectangle:
                raise too_wide(self._rows, self._columns)

    def _text(self, kind: int, body: bytes, at: int) -> str:
        """Return what the cell shows; its style stands at ``at``, and its value behind that."""
        value = at + _BEHIND_STYLE
        if kind == _OWN_TEXT:
            return self._of_style(_wide(body, value, self._limits.max_cell_chars + 1), body, at)
        if kind == _RICH_TEXT:
            return self._of_style(_wide(body, value + 1, self._limits.max_cell_chars + 1), body, at)
        if kind == _SHARED_TEXT:
            (named,) = struct.unpack_from("<I", body, value)
            if named >= len(self._texts):
                raise Unreadable(
                    "file_broken", f"Row {self._row + 1} of the workbook names a text that is not in the file."
                )
            return self._of_style(self._texts[named], body, at)
        if kind == _ERROR:
            self._faults.setdefault(self._row + 1, {})[self._column] = "cell_error"
            return ERROR_TEXTS.get(body[value], UNKNOWN_ERROR)
        if kind == _BOOLEAN:
            return "TRUE" if body[value] else "FALSE"
        number: float
        if kind == _NUMBER_IN_SHORT:
            number = short_number(body[value : value + 4])
        else:
            (number,) = struct.unpack_from("<d", body, value)
        return self._formats.text(number, _style(body, at))

    def _of_style(self, text: str, body: bytes, at: int) -> str:
        """Return a text as the style that stands there shows it."""
        return self._formats.of_text(text, _style(body, at)) if self._formats.before_texts else text


def _style(body: bytes, at: int) -> str:
    """Return the number of a cell's style."""
    return str(struct.unpack_from("<I", body, at)[0] & _STYLE_BITS)
