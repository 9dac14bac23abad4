"""How a CSV is laid out: what separates its cells, and whether each of its lines is one quoted cell."""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from libs.fields.text import trimmed
from libs.spreadsheets.columns import HEADER_WORDS, REQUIRED, header_key
from libs.spreadsheets.csv_lines import LINE_ENDS
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.unreadable import Unreadable

SAMPLE = 1 << 16
"""Characters that it is told by."""
SEPARATORS = (",", ";", "\t")
"""What is found to separate cells without being declared."""
_EXCEL_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?(?:\1| )*', re.IGNORECASE)
"""Who saves a file anew for which it was a row has separators behind it, one for each column."""
_BLANK_LINES = re.compile(r"\s*(?=\S)")
_MOST_NAMES = 100
"""Cells of a header that are looked at to find the separator."""
_MOST_HEADINGS = 10
"""Records that may stand above the titles of columns: so many are looked at to find the separator, no more."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROLS_OF_TEXT = 0.05
"""The share of control characters above which a file is no text: text holds a stray one now and then, of random bytes
every tenth is one."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How the records of a text are written."""

    separator: str
    is_declared: bool
    """The first line says so (``sep=;``) and is no record."""
    whole_lines: bool = False
    """Each record is a quoted cell that holds the record's line."""
    blanks_before_marks: bool = False
    """Between a separator and a quotation mark stand blanks, which are not part of the value."""
    width: int = 0
    """Cells of the titles, as far as they can be told, where they are not known to be the first record; 0: they are."""


def layout_of(start: str, options: FileOptions) -> Layout:
    """Return how a text is laid out that begins so."""
    lines = LINE_ENDS.split(start, maxsplit=1)
    declared = _EXCEL_SEPARATOR_LINE.fullmatch(lines[0])
    said = options.delimiter or (declared[1] if declared else None)
    if declared:
        start = lines[-1]
    likeness = _likeness if options.columns == "strict" else partial(_likeness_to_any, options.mapping)
    separators = (said,) if said else SEPARATORS
    (names, cells), separator = max((likeness(_first_record(start, each)), each) for each in separators)
    width = 0
    if not names:
        (line,) = _first_record(start, separator)[:1] or [""]
        inner = max((likeness(_first_record(line, each)), each) for each in separators)
        if inner[0] >= _least_likeness(options):
            return Layout(inner[1], is_declared=declared is not None, whole_lines=True)
        if not said and len(_CONTROLS.findall(start)) > _CONTROLS_OF_TEXT * len(start):
            raise Unreadable("file_not_spreadsheet", "The file is neither text nor a workbook.")
        (names, width), below = max((max(map(likeness, _records_at_top(start, each))), each) for each in separators)
        if names or cells <= 1:
            separator = below
    blanks = _has_blanks_before_marks(start, separator)
    return Layout(separator, is_declared=declared is not None, blanks_before_marks=blanks, width=width)


def _least_likeness(options: FileOptions) -> tuple[int, int]:
    """Return how many names, and how many cells, the line in a record's one cell has at least to be the record."""
    return (len(FILE_COLUMNS), len(FILE_COLUMNS)) if options.columns == "strict" else (len(REQUIRED), len(REQUIRED))


def _has_blanks_before_marks(text: str, separator: str) -> bool:
    return separator != "\t" and f'{separator} "' in text


def _first_record(text: str, separator: str) -> list[str]:
    """Return the first record that is not blank; its cells may hold line breaks."""
    return next(_records_at_top(text, separator))


def _records_at_top(text: str, separator: str) -> Iterator[list[str]]:
    """Yield the first records that are not blank, and are well written; if there are none, one that is blank."""
    csv.field_size_limit(SAMPLE)  # one limit for the whole process: the file before this one may have set a smaller
    start = _BLANK_LINES.match(text)
    reader = csv.reader(io.StringIO(text[start.end() if start else 0 :], newline=""), delimiter=separator)
    left, blank = _MOST_HEADINGS, list[str]()
    with suppress(csv.Error):
        for cells in reader:
            if any(map(str.strip, cells)):
                yield cells
                left -= 1
                if not left:
                    return
            blank = blank or cells
    if left == _MOST_HEADINGS:
        yield blank


def _likeness(cells: list[str]) -> tuple[int, int]:
    """Return how many of the columns' names, and how many cells, a record holds."""
    found = {trimmed(cell).casefold() for cell in cells[:_MOST_NAMES]}
    return len(found & set(FILE_COLUMNS)), len(cells)


def _likeness_to_any(mapping: Mapping[str, str | None], cells: list[str]) -> tuple[int, int]:
    """Return how many words for columns, of ours and of the caller's, and how many cells, a record holds."""
    found = {header_key(cell) for cell in cells[:_MOST_NAMES]}
    return len(found & (HEADER_WORDS | set(map(header_key, mapping)))), len(cells)
