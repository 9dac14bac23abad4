"""CSV as spreadsheets, scripts and people write it: encodings, separators, and records of bounded size.

The file is read twice: once to know its encoding for certain (a byte of Windows-1252 may stand a megabyte
after the header), once, as a stream, for its records.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TextIO

from charset_normalizer import from_bytes

from libs.common.events.chunk import COLUMNS
from services.api.domain.job import Limits
from services.api.domain.problems import Refused

_BLOCK = 1 << 20
_SAMPLE = 1 << 16
_SEPARATORS = (",", ";", "\t")
_EXCEL_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?[\r\n]*', re.IGNORECASE)
_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH_BYTES = re.compile(rb"[\x80-\xff]+")
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROLS_OF_TEXT = 0.05
"""Text holds a stray control character now and then; every tenth character of random bytes is one."""


def csv_records(path: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(record number, cells)`` of a CSV file, blank records as empty lists.

    The record's number is the row that a spreadsheet shows: the first record is 1 (Excel does not show the
    line ``sep=;``, so it is not counted), a quoted cell of several lines is in one row.

    A record with a cell over ``max_cell_chars`` comes as one cell that is over it. Raises Refused.
    """
    encoding = _encoding(path)
    try:
        with open(path, encoding=encoding, newline="") as text:
            separator = _separator(text)
            yield from _records(text, separator, limits)
    except UnicodeDecodeError:
        raise Refused("file_encoding", "The text is neither UTF-8, UTF-16 nor Windows-1252.") from None


def _encoding(path: str) -> str:
    """Return the codec that decodes the whole file. Raises Refused with ``file_encoding``."""
    with open(path, "rb") as file:
        head = file.read(_SAMPLE)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    nul_even, nul_odd = head[::2].count(0), head[1::2].count(0)
    if max(nul_even, nul_odd) > len(head) // 5:
        return "utf-16-be" if nul_even > nul_odd else "utf-16-le"
    for encoding in ("utf-8", "cp1252"):
        if _decodes(path, encoding):
            if encoding == "cp1252":
                _refuse_mixture(path)
            return encoding
    best = from_bytes(_high_sample(path)).best()
    if best is None or not _decodes(path, best.encoding):
        raise Refused("file_encoding", "The text is neither UTF-8, UTF-16 nor Windows-1252.")
    return best.encoding


def _decodes(path: str, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    with open(path, "rb") as file:
        try:
            while block := file.read(_BLOCK):
                decoder.decode(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _refuse_mixture(path: str) -> None:
    """Raise Refused when most accents are UTF-8 and some are not: either reading would store wrong names."""
    utf8 = other = 0
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            sequences = _UTF8_SEQUENCE.findall(block)
            utf8 += len(sequences)
            other += sum(map(len, _HIGH_BYTES.findall(block))) - sum(map(len, sequences))
    if utf8 > other:
        raise Refused("file_encoding", "Some rows are UTF-8 and some are not; save the file as CSV UTF-8.")


def _high_sample(path: str) -> bytes:
    """Return up to 64 KiB from where the first byte over 127 stands."""
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            high = _HIGH_BYTES.search(block)
            if high:
                return block[high.start() : high.start() + _SAMPLE]
    return b""


def _separator(text: TextIO) -> str:
    """Find out what separates the cells and leave ``text`` at its first record."""
    start = text.read(_SAMPLE)
    if len(_CONTROLS.findall(start)) > _CONTROLS_OF_TEXT * len(start):
        raise Refused("file_not_spreadsheet", "The file is neither text nor a workbook.")
    text.seek(0)
    line, _, _ = start.partition("\n")
    declared = _EXCEL_SEPARATOR_LINE.fullmatch(line)
    if declared:
        text.readline()
        return declared[1]
    first = next((line for line in start.splitlines() if line.strip()), "")
    return max(_SEPARATORS, key=lambda separator: _likeness(first, separator))


def _likeness(line: str, separator: str) -> tuple[int, int]:
    cells = [cell.strip().casefold() for cell in next(csv.reader([line], delimiter=separator), [])]
    return len(set(cells) & set(COLUMNS)), len(cells)


class _LineTooLong(Exception):
    """A line holds more than any record may. Carries how the line begins."""


@dataclass(slots=True)
class _Lines:
    """The lines of a text, each of bounded length, and where in a record the reader of them stands."""

    text: TextIO
    limit: int
    of_record: int = 0
    """Lines handed out since the last whole record."""
    ended: bool = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.text.readline(self.limit)
        if not line:
            self.ended = True
            raise StopIteration
        self.of_record += 1
        if len(line) == self.limit and line[-1] not in "\r\n":
            while rest := self.text.readline(_BLOCK):
                if rest[-1] in "\r\n":
                    break
            raise _LineTooLong(line)
        return line


def _records(text: TextIO, separator: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    lines = _Lines(text, limit=len(COLUMNS) * 2 * limits.max_cell_chars)
    csv.field_size_limit(limits.max_cell_chars)
    reader = csv.reader(lines, delimiter=separator)
    number = 0
    while True:
        lines.of_record = 0
        number += 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except (csv.Error, _LineTooLong):
            if lines.of_record > 1:
                raise Refused(
                    "file_broken",
                    f"Row {number}: a quoted cell runs over many lines; is a closing quotation mark missing?",
                ) from None
            cells = ["x" * (limits.max_cell_chars + 1)]
        if lines.ended and lines.of_record:
            raise Refused("file_broken", f"Row {number}: a quotation mark opens a cell and none closes it.")
        yield number, cells
