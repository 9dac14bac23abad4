"""Reads an XLSX cell by cell, as XML: the sheets that calamine would read with blanks or zeros, or not at all.

It is several times slower than calamine, and sees what that leaves out: errors, formulas whose value was never stored,
and texts by numbers that are none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from libs.spreadsheets.cell_faults import UNKNOWN_ERROR, CellFault, Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.number_formats import NumberFormats, formats_of
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_parts import Elements, Parts, parse, related_part, too_wide
from libs.spreadsheets.xlsx_workbook import XlsxWorkbook

_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")
_AREA = re.compile(r"\$?([A-Z]{1,3})\$?[0-9]{1,7}:\$?([A-Z]{1,3})\$?([0-9]{1,7})")
"""Columns of an array of formulas, and its last row."""
_INDEX = re.compile(r"\s*[0-9]{1,9}\s*", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?", re.ASCII)
_ZERO = re.compile(r"\s*[+-]?(?:0+\.?0*|\.0+)\s*", re.ASCII)
_OF_FORMULA = frozenset({"n", "", "str"})
"""Kinds of cells in which a zero stands for a value of a formula that a program did not calculate."""
_NO_VALUE = {"n": "0.0", "str": "formula"}
"""What programs that do not calculate put for a formula's value, though they ask nobody to calculate it, by kinds of
cells: Apache POI where it writes as a stream, and SimpleXLSXGen. Excel and LibreOffice write 0 for a zero; Google
Sheets, which calculates, writes 0.0, and no kind."""
_ESCAPED = re.compile(r"_x00([0-9A-Fa-f]{2})_")
"""A character that XML cannot keep, as Office Open XML writes it (ECMA-376, ST_Xstring): _x000D_ is a carriage return.
Others stay as they are written: XML could have kept them."""
_BLANKS = " \t\r\n"
"""What XML takes for blank."""
_BLANKS_KEPT = "xml:space"
"""The attribute by which blanks around a text are part of it; Excel takes them off where its writer does not say so. He
may say so of whatever the text stands in: caxlsx does of all of a sheet."""
_FIRST_STYLE = "0"
"""Of a cell that names none (ECMA-376, 18.3.1.4)."""
_HOLDS = {"v": "v", "is": "t"}
"""Elements of a cell that hold its value, each by the element that the value stands in: a cell has one."""
_COLUMNS_OF_EXCEL = 16_384
_ROWS_OF_EXCEL = 1_048_576
_CELLS = 500_000
_CELLS_PER_ROW = 128
"""So many cells a sheet that is read here may have, and these more for each row that the limits allow: one error is
enough for an export of a CRM to be, or a day beside a time, of 5,000 rows and two hundred columns with borders."""
_ELEMENTS, _ELEMENTS_PER_ROW = 1_500_000, 48
"""Of XML, likewise: blank cells are one each, and all others two at least."""
_ELEMENTS_OF_STYLES = 500_000
"""Excel keeps 65,490 formats of cells ("Excel specifications and limits"), of some elements each."""
_LONGEST_FORMULA = 1_000
"""Characters of a formula that are kept, to show its owner which one was never calculated."""


def most_cells(limits: Limits) -> int:
    """Return how many cells may be read here: reading takes two microseconds each."""
    return min(_CELLS + _CELLS_PER_ROW * limits.max_rows, limits.rectangle)


def _elements(limits: Limits) -> Elements:
    return Elements(_ELEMENTS + _ELEMENTS_PER_ROW * limits.max_rows)


def sheet_rows(
    parts: Parts, workbook: XlsxWorkbook, sheet: str, limits: Limits, faults: Faults
) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(row number, cells as text)`` of the part ``sheet``; note in ``faults`` which hold no value, row by row.

    Raises Unreadable; ExpatError where the XML is damaged.
    """
    strings, styles = (related_part(parts, workbook.part, kind) for kind in ("sharedStrings", "styles"))
    texts = _shared_strings(parts, strings, limits) if strings else []
    formats = formats_of(parts, styles, _ELEMENTS_OF_STYLES, begins_1904=workbook.begins_1904)
    reading = _XlsxSheet(texts, formats, limits, faults, zeros_are_none=workbook.recalculates)
    for _ in parse(parts.blocks(sheet), reading.start, reading.end, reading.text):
        yield from reading.rows
        reading.rows.clear()
    yield from reading.rows


def _shared_strings(parts: Parts, part: str, limits: Limits) -> list[str]:
    reading = _Strings(_elements(limits))
    for _ in parse(parts.blocks(part), reading.start, reading.end, reading.text):
        pass
    return reading.strings


class _Strings:
    """Follows the events of the shared strings' XML."""

    def __init__(self, elements: Elements) -> None:
        self.strings: list[str] = []
        self._elements = elements
        self._blanks_kept = [False]
        self._pieces: list[str] = []
        self._begin = 0
        self._is_text = self._is_phonetic = self._keeps_blanks = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements.count()
        kept = self._blanks_kept
        kept.append(attributes[_BLANKS_KEPT] == "preserve" if _BLANKS_KEPT in attributes else kept[-1])
        if name == "si":
            self._pieces = []
        elif name == "rPh":
            self._is_phonetic = True
        elif name == "t" and not self._is_phonetic and not self._is_text:
            self._is_text, self._keeps_blanks, self._begin = True, kept[-1], len(self._pieces)

    def text(self, data: str) -> None:
        if self._is_text:
            self._pieces.append(data)

    def end(self, name: str) -> None:
        self._blanks_kept.pop()
        if name == "t" and self._is_text:
            self._is_text = False
            if not self._keeps_blanks:
                self._pieces[self._begin :] = ["".join(self._pieces[self._begin :]).strip(_BLANKS)]
        elif name == "rPh":
            self._is_phonetic = False
        elif name == "si":
            self.strings.append(unescaped("".join(self._pieces)))


@dataclass(slots=True)
class _Cell:
    """What stands between the tags of one cell."""

    kind: str
    style: str
    texts: dict[str, str] = field(default_factory=dict)
    """By element: v, the value; t, an inline string; f, a formula."""
    fills: range = range(0)
    """Columns of the array that its formula gives."""


class _XlsxSheet:
    """Follows the events of a sheet's XML; ``rows`` are those that have ended."""

    def __init__(
        self, strings: list[str], formats: NumberFormats, limits: Limits, faults: Faults, *, zeros_are_none: bool
    ) -> None:
        self.rows: list[tuple[int, list[str]]] = []
        self._strings = strings
        self._formats = formats
        self._faults = faults
        self._zeros_are_none = zeros_are_none
        self._cells_left = self._most = most_cells(limits)
        self._places_left = limits.rectangle
        self._longest = {"v": limits.max_cell_chars, "t": limits.max_cell_chars, "f": _LONGEST_FORMULA}
        self._elements = _elements(limits)
        self._blanks_kept = [False]
        self._row = 0
        self._column = -1
        self._is_in_row = False
        self._cells: dict[int, str] = {}
        self._arrays: dict[int, int] = {}
        """By column, the last row of the array of formulas that began there last."""
        self._waiting: dict[int, int] = {}
        """Of those, arrays whose formula has no value: nor have the cells that it fills, whether the file has them or
        leaves them out, as nearly all programs do that do not calculate."""
        self._cell: _Cell | None = None
        self._inside = ""
        self._pieces: list[str] = []
        self._chars = 0
        self._keeps_blanks = True
        self._is_phonetic = False

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self._elements.count()
        kept = self._blanks_kept
        kept.append(attributes[_BLANKS_KEPT] == "preserve" if _BLANKS_KEPT in attributes else kept[-1])
        if name == "row":
            self._begin_row(attributes.get("r", ""))
        elif name == "c":
            self._begin_cell(attributes)
        elif self._cell is not None and not self._inside:
            self._is_phonetic = self._is_phonetic or name == "rPh"
            if self._cell.texts.get(_HOLDS.get(name, "")):
                raise self._two_values()
            self._inside = name if name in {"v", "t", "f"} and not self._is_phonetic else ""
            if name == "f" and attributes.get("t") == "array":
                self._begin_array(attributes.get("ref", ""))
            if self._inside:
                self._pieces, self._chars = [], len(self._cell.texts.setdefault(name, ""))
                self._keeps_blanks = name != "t" or kept[-1]

    def text(self, data: str) -> None:
        # Of a text that is too long, enough is kept to see that it is. It may come in pieces of a character: added up
        # one by one they would take time that grows with the square of their number.
        if self._inside and self._chars <= self._longest[self._inside]:
            self._pieces.append(data)
            self._chars += len(data)

    def end(self, name: str) -> None:
        self._blanks_kept.pop()
        if name == self._inside:
            self._inside = ""
            if self._cell is not None:
                whole = "".join(self._pieces)
                self._cell.texts[name] += whole if self._keeps_blanks else whole.strip(_BLANKS)
        if name == "rPh":
            self._is_phonetic = False
        elif name == "c" and self._cell is not None:
            text = self._text_of(self._cell)
            if text and self._column in self._cells:
                raise self._two_values()
            if text:
                self._cells[self._column] = text
            self._cell = None
        elif name == "row":
            self._end_row()

    def _begin_row(self, number: str) -> None:
        row = int(number) if number.isdecimal() and len(number) <= len(str(_ROWS_OF_EXCEL)) else self._row + 1
        if not self._row < row <= _ROWS_OF_EXCEL:
            raise Unreadable("file_broken", f"Row {row} of the workbook stands below row {self._row}.")
        self._row, self._column, self._is_in_row = row, -1, True

    def _end_row(self) -> None:
        self._is_in_row = False
        if self._waiting:
            self._tell_of_waiting()
        if self._cells:
            width = max(self._cells) + 1
            self._places_left -= width
            if self._places_left < 0:
                raise too_wide(self._row, width)
            self.rows.append((self._row, [self._cells.get(column, "") for column in range(width)]))
            self._cells = {}

    def _tell_of_waiting(self) -> None:
        self._waiting = {column: last for column, last in self._waiting.items() if self._row <= last}
        for column in self._waiting.keys() - self._cells.keys():
            self._faults.setdefault(self._row, {})[column] = "cell_not_calculated"
            self._cells[column] = "="

    def _begin_cell(self, attributes: dict[str, str]) -> None:
        if not self._is_in_row:
            raise Unreadable("file_broken", "The workbook holds a cell of no row.")
        named = attributes.get("r", "").replace("$", "")
        reference = _REFERENCE.fullmatch(named)
        if named and not reference:
            raise Unreadable("file_broken", f"Row {self._row} of the workbook holds a cell of no column.")
        self._column = column_of(reference[1].upper()) if reference else self._column + 1
        if reference and int(reference[2]) != self._row:
            raise Unreadable("file_broken", f"Row {self._row} of the workbook holds a cell of another row.")
        if self._column >= _COLUMNS_OF_EXCEL:
            raise too_wide(self._row, self._column + 1)
        self._cells_left -= 1
        if self._cells_left < 0:
            raise Unreadable("file_too_large", f"The workbook holds more than {self._most} cells.")
        self._cell = _Cell(attributes.get("t", "").strip(), attributes.get("s", _FIRST_STYLE))

    def _begin_array(self, area: str) -> None:
        """Note where one formula's values stand, all but the first in cells without a formula."""
        if found := _AREA.fullmatch(area):
            columns = range(column_of(found[1]), column_of(found[2]) + 1)
            self._places_left -= len(columns)
            if self._places_left < 0:
                raise too_wide(self._row, len(columns))
            self._arrays.update(dict.fromkeys(columns, int(found[3])))
            if self._cell is not None:
                self._cell.fills = columns

    def _text_of(self, cell: _Cell) -> str:
        value = cell.texts.get("v")
        if cell.kind == "e":
            self._fault("cell_error")
            return value or UNKNOWN_ERROR
        is_missing = self._is_missing(cell, value)
        for column in cell.fills:
            self._waiting.pop(column, None)
            if is_missing:
                self._waiting[column] = self._arrays[column]
        if is_missing:
            self._fault("cell_not_calculated")
            return "=" + cell.texts.get("f", "")
        # What stands in a cell is its text, also where its kind says that it stands elsewhere.
        inline = cell.texts.get("t")
        if inline and value and inline != value:
            raise self._two_values()
        if inline and (cell.kind == "inlineStr" or not value):
            return self._formats.of_text(unescaped(inline), cell.style)
        return self._value(cell, value) if value else ""

    def _is_missing(self, cell: _Cell, value: str | None) -> bool:
        """Tell whether a value was never stored: of a formula, or of a cell that an array's formula fills.

        An empty text is one: <v></v> of kind str.
        """
        if "f" in cell.texts:
            if not value:
                return value is None or cell.kind != "str"
            if value == _NO_VALUE.get(cell.kind):
                return True
        elif not value or self._row > self._arrays.get(self._column, 0):
            return False
        return self._zeros_are_none and cell.kind in _OF_FORMULA and bool(_ZERO.fullmatch(value))

    def _value(self, cell: _Cell, value: str) -> str:
        if cell.kind == "s":
            return self._formats.of_text(self._shared(value), cell.style)
        if cell.kind == "b":
            return "FALSE" if value.strip().casefold() in {"0", "false"} else "TRUE"
        plain = value.strip(_BLANKS)
        if cell.kind == "d" and (date := self._formats.of_date(plain, cell.style)):
            return date
        if cell.kind in {"n", ""} and _NUMBER.fullmatch(plain):
            number = float(plain)
            return self._formats.text(number, cell.style)
        return self._formats.of_text(unescaped(value), cell.style)

    def _shared(self, index: str) -> str:
        if not _INDEX.fullmatch(index) or int(index) >= len(self._strings):
            raise Unreadable("file_broken", f"Row {self._row} of the workbook names a text that is not in the file.")
        return self._strings[int(index)]

    def _two_values(self) -> Unreadable:
        return Unreadable("file_broken", f"Row {self._row} of the workbook holds a cell twice.")

    def _fault(self, fault: CellFault) -> None:
        self._faults.setdefault(self._row, {})[self._column] = fault


def unescaped(text: str) -> str:
    """Return the text with the characters that ``_x000D_`` and the like stand for."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text) if "_x" in text else text


def column_of(letters: str) -> int:
    """Return the index of a column, counted from 0: A is 0, Z 25, AA 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
