"""CSV as spreadsheets, scripts and people write it: separators, and records of bounded size, as a stream."""

import csv
import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TextIO

from libs.fields.text import trimmed
from libs.spreadsheets.encodings import find_encoding
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable

_BLOCK = 1 << 20
_SAMPLE = 1 << 16
_SEPARATORS = (",", ";", "\t")
_EXCEL_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?', re.IGNORECASE)
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROLS_OF_TEXT = 0.05
"""The share of control characters above which a file is no text: text holds a stray one now and then, of random bytes
every tenth is one."""


def csv_records(path: Path, limits: Limits) -> tuple[str, Iterator[tuple[int, list[str]]]]:
    """Return what separates the cells of a CSV file, and its ``(record number, cells)``, blank records as empty lists.

    The record's number is the row that a spreadsheet shows: the first record is 1 (Excel does not show the
    line ``sep=;``, so it is not counted), a quoted cell of several lines is in one row.

    A cell may be longer than ``max_cell_chars``. In a record of one line that is the row's own fault: the record comes
    as a single cell, the beginning of its line, one character longer than the limit. In a record of many lines the
    file is refused, as it is for a quoted cell that never ends: where a quotation mark is missing, all rows below it
    become one cell, and would be lost silently.

    Raises Unreadable with ``file_encoding``, ``file_not_spreadsheet``, ``file_broken``; the last also while the
    records are read.
    """
    encoding = find_encoding(path)
    with _decoded(path, encoding) as text:
        separator, is_declared = _separator(text.read(_SAMPLE))
    return separator, _records(path, encoding, separator, limits, skip_first_line=is_declared)


@contextmanager
def _decoded(path: Path, encoding: str) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding, newline="") as text:
            yield text
    except UnicodeDecodeError:
        raise Unreadable("file_encoding", "The text is neither UTF-8, UTF-16 nor Windows-1252.") from None


def _separator(start: str) -> tuple[str, bool]:
    """Return what separates the cells of a text that begins so, and whether its first line declares that."""
    lines = _LINE_ENDS.split(start)
    declared = _EXCEL_SEPARATOR_LINE.fullmatch(lines[0])
    if declared:
        return declared[1], True
    first = next((line for line in lines if line.strip()), "")
    (names, _), separator = max((_likeness(first, separator), separator) for separator in _SEPARATORS)
    if not names and len(_CONTROLS.findall(start)) > _CONTROLS_OF_TEXT * len(start):
        raise Unreadable("file_not_spreadsheet", "The file is neither text nor a workbook.")
    return separator, False


def _likeness(line: str, separator: str) -> tuple[int, int]:
    """Return how many of the columns' names, and how many cells, the line holds when it is separated so."""
    csv.field_size_limit(_SAMPLE)  # one limit for the whole process: the file before this one may have set a smaller
    cells = [trimmed(cell).casefold() for cell in next(csv.reader([line], delimiter=separator))]
    return len(set(cells) & set(FILE_COLUMNS)), len(cells)


class _LineTooLong(Exception):
    """A line holds more than any record may."""


@dataclass(slots=True)
class _Lines:
    """The lines of a text, each of bounded length, and where in a record their reader stands."""

    text: TextIO
    limit: int
    of_record: int = 0
    """Lines handed out since the last whole record."""
    last: str = ""
    ended: bool = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self.last = self.text.readline(self.limit)
        if not line:
            self.ended = True
            raise StopIteration
        self.of_record += 1
        if len(line) == self.limit and line[-1] not in "\r\n":
            while (rest := self.text.readline(_BLOCK)) and rest[-1] not in "\r\n":
                pass
            raise _LineTooLong
        return line


def _records(
    path: Path, encoding: str, separator: str, limits: Limits, *, skip_first_line: bool
) -> Iterator[tuple[int, list[str]]]:
    with _decoded(path, encoding) as text:
        if skip_first_line:
            text.readline()
        yield from _records_of(text, separator, limits)


def _records_of(text: TextIO, separator: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    lines = _Lines(text, limit=2 * len(FILE_COLUMNS) * limits.max_cell_chars)
    csv.field_size_limit(limits.max_cell_chars)
    reader = csv.reader(lines, delimiter=separator)
    for number in itertools.count(1):
        lines.of_record = 0
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _LineTooLong):
            if lines.of_record > 1:
                raise Unreadable(
                    "file_broken",
                    f"Row {number}: a quoted cell runs over many lines; is a closing quotation mark missing?",
                ) from None
            cells = [lines.last[: limits.max_cell_chars + 1]]
        if lines.ended and lines.of_record:
            raise Unreadable("file_broken", f"Row {number}: a quotation mark opens a cell and none closes it.")
        yield number, cells
