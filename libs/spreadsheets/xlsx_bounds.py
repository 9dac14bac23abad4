"""What reading an XLSX would cost, found out before calamine reads it.

Calamine holds a sheet as one dense rectangle: two cells, A1 and XFD1048576, would take 512 GB. It also reads
cells that show an error (#N/A) as blank ones, so their texts are collected here.

Plain sheets are measured by counting and regular expressions. A sheet that is written in another way, or
looks wide, is parsed as XML cell by cell, several times slower. What slips through must meet the memory bound of
the process that reads: whoever reads files of strangers has one.
"""

import posixpath
import re
import zipfile
import zlib
from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from xml.parsers import expat

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable

_BLOCK = 1 << 18
_PENDING = 1 << 20
"""Bytes of one XML tag, comment or the like at most: a parser holds a whole one in memory, so that one without an end
would fill it."""

_CELLS_FOR_ANY_FILE = 1 << 21
_CELLS_PER_ROW = 16
"""A sheet's rectangle may hold the first number of cells whatever its limits are, and the second more for each row
that the limits allow: five columns, and some that a person forgot at the right."""

_COLUMNS_OF_EXCEL = 16_384
"""A to XFD ("Excel specifications and limits"): a wider sheet is measured no further."""

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError)
"""What ``zipfile`` raises on archives that are cut short, encrypted, or made to confuse it."""

_OTHER_ARCHIVES = {
    "word/document.xml": "a Word document",
    "ppt/presentation.xml": "a PowerPoint presentation",
    "content.xml": "an OpenDocument file; save it as XLSX",
    "index/document.iwa": "an Apple Numbers or Pages file; export it as Excel",
}

_PLAIN_CELL = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"')
_NO_CELL_BUT = rb'<c(?! r="%b[0-9]{1,%d}"|[A-Za-z])'
"""Finds a cell (``<c``) that is written in any way but this: its reference comes first, and has these letters and at
most so many digits. Other elements' names that begin with c (``<col``) go on with a letter and are no cells."""
_NOT_PLAIN = re.compile(_NO_CELL_BUT % (b"[A-Z]{1,3}", 7))
_ONE_LETTER_COLUMNS = 26
"""Columns that are named by one letter: A to Z."""
_PREFIXED_CELL = re.compile(rb":c[\s/>]")
"""``<x:c>``: the same element with a namespace's prefix, as the OpenXML SDK writes it."""
_ERROR_CELL = b't="e"'
_ERROR_LENGTH = 32
_CELL_REFERENCE = re.compile(r"([A-Za-z]{1,3})([0-9]{1,7})")


@dataclass(slots=True)
class Sheet:
    """The sheet to read: its place in the workbook, its extent, and the texts of cells that show an error."""

    index: int
    rows: int = 0
    columns: int = 0
    error_texts: dict[tuple[int, int], str] = field(default_factory=dict)
    """By row and column, both counted from 0."""


class _Parts:
    """The archive's parts, inflated in blocks, all of them together within ``max_bytes``."""

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int) -> None:
        self._archive = archive
        self._left = self._max_bytes = max_bytes
        self._names = {_part_name(info.filename): info for info in archive.infolist()}

    def __contains__(self, name: str) -> bool:
        return _part_name(name) in self._names

    def blocks(self, name: str) -> Generator[bytes, None, None]:
        info = self._names.get(_part_name(name))
        if info is None:
            raise Unreadable("file_broken", "The workbook lacks one of its parts.")
        if info.flag_bits & 1:
            raise Unreadable("file_encrypted")
        if info.compress_type not in _METHODS:
            raise Unreadable("file_broken", "The workbook is packed in a way that Excel does not use.")
        with self._archive.open(info) as part:
            while block := part.read(_BLOCK):
                self._left -= len(block)
                if self._left < 0:
                    raise Unreadable("file_too_large", f"The workbook unpacks to more than {self._max_bytes} bytes.")
                yield block


def archive_kind(path: Path) -> Literal["xlsx", "xlsb"]:
    """Tell which of Excel's two packed formats the archive holds. Raises Unreadable when it is something else."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {_part_name(name) for name in archive.namelist()}
    except _ZIP_ERRORS:
        raise Unreadable("file_broken", "The workbook's archive is damaged or not complete.") from None
    if "xl/workbook.xml" in names:
        return "xlsx"
    if "xl/workbook.bin" in names:
        return "xlsb"
    for part, what in _OTHER_ARCHIVES.items():
        if part in names:
            raise Unreadable("file_not_spreadsheet", f"This is {what}.")
    raise Unreadable("file_not_spreadsheet", "This is a ZIP archive, but no Excel workbook.")


def visible_sheet(path: Path, limits: Limits) -> Sheet:
    """Return the first visible worksheet of an XLSX, once it is known that it can be read within the limits.

    Raises Unreadable.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            parts = _Parts(archive, limits.max_bytes)
            sheet, part = _first_visible(parts)
            for name in ("xl/sharedStrings.xml", "xl/styles.xml"):
                if name in parts:
                    for _ in parts.blocks(name):
                        pass
            with closing(parts.blocks(part)) as blocks:
                measured = _surely_within(blocks, limits)
            if not measured:
                _measure(sheet, _Parts(archive, limits.max_bytes).blocks(part))
    except _ZIP_ERRORS:
        raise Unreadable("file_broken", "The workbook's archive is damaged or not complete.") from None
    except (expat.ExpatError, LookupError):  # LookupError: an encoding that nobody knows
        raise Unreadable("file_broken", "The workbook's XML is damaged.") from None
    if sheet.rows * sheet.columns > _most_cells(limits):
        raise _too_wide(sheet.rows, sheet.columns)
    return sheet


def unpacks_within(path: Path, limits: Limits) -> None:
    """Raise Unreadable when the parts of an archive unpack to more than the limit, whatever its directory says."""
    try:
        with zipfile.ZipFile(path) as archive:
            parts = _Parts(archive, limits.max_bytes)
            for name in archive.namelist():
                for _ in parts.blocks(name):
                    pass
    except _ZIP_ERRORS:
        raise Unreadable("file_broken", "The workbook's archive is damaged or not complete.") from None


def _too_wide(rows: int, columns: int) -> Unreadable:
    return Unreadable("file_too_large", f"The sheet's cells spread over {rows} rows and {columns} columns.")


def _most_cells(limits: Limits) -> int:
    return _CELLS_FOR_ANY_FILE + _CELLS_PER_ROW * limits.max_rows


def _first_visible(parts: _Parts) -> tuple[Sheet, str]:
    """Return the first visible worksheet and the name of its part."""
    targets: dict[str, str] = {}
    sheets: list[dict[str, str]] = []

    def relationship(name: str, attributes: dict[str, str]) -> None:
        if name == "Relationship" and attributes.get("Type", "").endswith("/worksheet"):
            targets[attributes.get("Id", "")] = attributes.get("Target", "")

    def sheet(name: str, attributes: dict[str, str]) -> None:
        if name == "sheet":
            sheets.append({_local(key): value for key, value in attributes.items()})

    _parse(parts.blocks("xl/_rels/workbook.xml.rels"), relationship)
    _parse(parts.blocks("xl/workbook.xml"), sheet)
    for index, found in enumerate(sheets):
        if found.get("state", "visible") == "visible" and found.get("id") in targets:
            target = targets[found["id"]].replace("\\", "/")
            return Sheet(index), posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    raise Unreadable("file_broken", "The workbook has no visible sheet.")


def _surely_within(blocks: Generator[bytes, None, None], limits: Limits) -> bool:
    """Tell whether the sheet's XML is plain, shows no error and spreads over few enough rows and columns.

    False means only that this fast look does not know: the sheet must then be measured cell by cell. A sheet is plain
    when each cell names itself (r="B7") right after its tag, as nearly all writers do.
    """
    digits = len(str(limits.max_rows + 1))
    near = re.compile(_NO_CELL_BUT % (b"[A-Z]", digits))
    # All cells that ``near`` does not find have one letter and at most so many digits, so they spread no further than
    # this. Only where it finds others are references read one by one.
    rows: int = 10**digits - 1
    columns = _ONE_LETTER_COLUMNS
    rest = b""
    for block in blocks:
        whole, bracket, tail = (rest + block).rpartition(b"<")
        rest = bracket + tail
        if len(rest) > _PENDING or _ERROR_CELL in whole or b"\x00" in whole or _PREFIXED_CELL.search(whole):
            return False
        if near.search(whole):
            if _NOT_PLAIN.search(whole):
                return False
            references = _PLAIN_CELL.findall(whole)
            rows = max(rows, *(int(row) for row in {row for _, row in references}))
            columns = max(columns, *(_column(name) + 1 for name in {name.decode() for name, _ in references}))
    return rows * columns <= _most_cells(limits)


def _measure(sheet: Sheet, blocks: Generator[bytes, None, None]) -> None:
    """Set the sheet's extent from the cells that hold something, and collect the texts of errors."""
    cells = _Cells(sheet)
    _parse(blocks, cells.start, cells.end, cells.text)


class _Cells:
    """Follows the events of a sheet's XML."""

    def __init__(self, sheet: Sheet) -> None:
        self._sheet = sheet
        self._row = self._column = -1
        self._is_error = False
        self._error_text = ""
        sheet.rows = sheet.columns = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "row":
            number = attributes.get("r", "")
            self._row = int(number) - 1 if number.isdecimal() else self._row + 1
            self._column = -1
        elif name == "c":
            reference = _CELL_REFERENCE.fullmatch(attributes.get("r", ""))
            if reference:
                self._row, self._column = int(reference[2]) - 1, _column(reference[1].upper())
            else:
                self._column += 1
            if self._column >= _COLUMNS_OF_EXCEL:
                raise _too_wide(self._row + 1, self._column + 1)
            self._is_error = attributes.get("t") == "e"
        elif name in {"v", "is"}:
            self._sheet.rows = max(self._sheet.rows, self._row + 1)
            self._sheet.columns = max(self._sheet.columns, self._column + 1)
            self._error_text = ""

    def text(self, data: str) -> None:
        if self._is_error:
            self._error_text = (self._error_text + data)[:_ERROR_LENGTH]

    def end(self, name: str) -> None:
        if name == "v" and self._is_error:
            self._sheet.error_texts[self._row, self._column] = self._error_text


def _parse(
    blocks: Generator[bytes, None, None],
    start: Callable[[str, dict[str, str]], None],
    end: Callable[[str], None] | None = None,
    text: Callable[[str], Any] | None = None,
) -> None:
    """Parse XML as a stream. Element names come without prefix. Raises ExpatError, Unreadable."""
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = lambda name, attributes: start(_local(name), attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(_local(name))
    if text is not None:
        parser.CharacterDataHandler = text
    fed = 0
    with closing(blocks):
        for block in blocks:
            parser.Parse(block, False)
            fed += len(block)
            if fed - parser.CurrentByteIndex > _PENDING:
                raise Unreadable("file_broken", "The workbook's XML holds a tag without end.")
        parser.Parse(b"", True)


def _refuse_doctype(*_: object) -> None:
    # Excel never writes a document type. Attackers do: it is where entities that unfold without end, and references to
    # other files, are declared.
    raise Unreadable("file_broken", "The workbook's XML declares entities.")


def _part_name(name: str) -> str:
    """Return the name as Excel compares it: without case, slashes forward."""
    return name.replace("\\", "/").lstrip("/").lower()


def _local(name: str) -> str:
    return name.rpartition(":")[2]


def _column(letters: str) -> int:
    """Return the index of a column, counted from 0: A is 0, Z 25, AA 26."""
    index = 0
    for letter in letters:
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1
