"""CSV as spreadsheets, scripts and people write it: separators, and records of bounded size, as a stream."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain, islice
from pathlib import Path
from typing import TextIO

from libs.fields.text import trimmed
from libs.spreadsheets.columns import HEADER_WORDS, REQUIRED, header_key
from libs.spreadsheets.csv_lines import Lines, LineTooLong
from libs.spreadsheets.csv_padding import ends_with_padding, is_written_beside, padding_of, without_padding
from libs.spreadsheets.encodings import find_encoding, named_encoding
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.open_cells import has_an_end, is_open, marked_cells, may_go_on
from libs.spreadsheets.swallowed_rows import holds_a_person, holds_a_row, is_one_of_even_rows
from libs.spreadsheets.unreadable import Unreadable

_SAMPLE = 1 << 16
SEPARATORS = (",", ";", "\t")
"""What is found to separate cells without being declared."""
_EXCEL_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t|])"?(?:\1| )*', re.IGNORECASE)
"""Who saves a file anew for which it was a row has separators behind it, one for each column."""
_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_BLANK_LINES = re.compile(r"\s*(?=\S)")
_TEXT_FORMULA = re.compile(r'\s*="((?:[^"]|"")*)"\s*', re.DOTALL)
_BLANK_AND_MARK = re.compile(' +"')
_BACKSLASH_AND_MARK = '\\"'
_MOST_NAMES = 100
"""Cells of a header that are looked at to find the separator."""
_MOST_HEADINGS = 10
"""Records that may stand above the titles of columns: so many are looked at to find the separator, no more."""
_CUT = "…"
_MOST_RECORDS = 1 << 20
"""Rows of a sheet ("Excel specifications and limits"), blank ones too."""
_MOST_MARKED_BLANKS = 100_000
"""Blank ones with quotation marks: they take ten times as long, and no limit of rows counts them."""
_CONTROLS = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_CONTROLS_OF_TEXT = 0.05
"""The share of control characters above which a file is no text: text holds a stray one now and then, of random bytes
every tenth is one."""


def csv_records(
    path: Path, limits: Limits, options: FileOptions, source: FileSource
) -> Iterator[tuple[int, list[str]]]:
    """Return the ``(record number, cells)`` of a CSV file, blank records as empty lists; note how it is read.

    The record's number is the row that a spreadsheet shows: the first record is 1 (Excel does not show the
    line ``sep=;``, so it is not counted), a quoted cell of several lines is in one row.

    Blanks before a cell's quotation mark are not part of the value; ``="…"`` is the value that Excel shows. Where every
    record is one quoted cell that holds a whole line, as some exports write it, that line is the record. In a record
    that is no CSV otherwise, a quotation mark may have a backslash before it, as MySQL and PHP write it. What Excel has
    added behind a line that was one cell to it is no part of its last value.

    A cell may be longer than ``max_cell_chars``. In a record of one line that is the row's own fault: the record comes
    as a single cell, the beginning of its line, one character longer than the limit. In a record of many lines the
    file is refused, as it is for a quoted cell that never ends, or that ends amid a word, or that holds a whole row, or
    that may go on below a line with stray marks: where a quotation mark is missing or stray, rows become one cell, and
    would be lost silently, or a row becomes two.

    Raises Unreadable with ``file_encoding``, ``file_not_spreadsheet``, ``file_broken``; the last also while the
    records are read.
    """
    codec = named_encoding(path, options.encoding) if options.encoding else find_encoding(path)
    with _decoded(path, codec) as text:
        layout = _layout(text.read(_SAMPLE), options)
    source.format, source.codec, source.delimiter = "csv", codec, layout.separator
    return _records(path, codec, layout, limits)


@dataclass(frozen=True, slots=True)
class _Layout:
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


@contextmanager
def _decoded(path: Path, encoding: str) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding, newline="") as text:
            yield text
    except UnicodeError:
        raise Unreadable(
            "file_encoding", "The file begins as UTF-8 or UTF-16, and goes on as another. Save it as CSV UTF-8."
        ) from None


def _layout(start: str, options: FileOptions) -> _Layout:
    """Return how a text is laid out that begins so."""
    lines = _LINE_ENDS.split(start, maxsplit=1)
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
        inner = max((likeness(_first_record(line, each)), each) for each in SEPARATORS)
        if not said and inner[0] >= _least_likeness(options):
            return _Layout(inner[1], is_declared=False, whole_lines=True)
        if not said and len(_CONTROLS.findall(start)) > _CONTROLS_OF_TEXT * len(start):
            raise Unreadable("file_not_spreadsheet", "The file is neither text nor a workbook.")
        (names, width), below = max((max(map(likeness, _records_at_top(start, each))), each) for each in separators)
        if names or cells <= 1:
            separator = below
    blanks = _has_blanks_before_marks(start, separator)
    return _Layout(separator, is_declared=declared is not None, blanks_before_marks=blanks, width=width)


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
    csv.field_size_limit(_SAMPLE)  # one limit for the whole process: the file before this one may have set a smaller
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


def _records(path: Path, encoding: str, layout: _Layout, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    with _opened(path, encoding, layout, limits) as (lines, reader):
        lines.width_of_all = cache(partial(_width_of_all, path, encoding, layout, limits))
        yield from _records_of(lines, reader, layout, limits)


@contextmanager
def _opened(path: Path, encoding: str, layout: _Layout, limits: Limits) -> Iterator[tuple[Lines, Iterator[list[str]]]]:
    """Give the lines of a file behind what declares its separator, and the records that they are read as."""
    with _decoded(path, encoding) as text:
        if layout.is_declared:
            text.readline()
        lines = Lines(text, 2 * len(FILE_COLUMNS) * limits.max_cell_chars, layout.width)
        csv.field_size_limit(limits.max_cell_chars)
        skips = layout.blanks_before_marks
        # strict: what follows a closing quotation mark is a separator or the line's end.
        yield lines, csv.reader(lines, delimiter=layout.separator, strict=True, skipinitialspace=skips)


def _width_of_all(path: Path, encoding: str, layout: _Layout, limits: Limits) -> int | None:
    """Return how many cells each record has, from the titles on; None: they differ, or their marks are strewn."""
    if layout.whole_lines:
        return None
    widths: set[int] = set()
    with _opened(path, encoding, layout, limits) as (lines, reader), suppress(csv.Error, LineTooLong):
        for cells in islice(reader, _MOST_RECORDS):
            lines.begin_record()
            is_below = bool(widths) or len(cells) >= layout.width
            if is_below and (len(cells) > 1 or any(map(str.strip, cells))):
                widths.add(len(cells))
            if len(widths) > 1:
                return None
        return next(iter(widths), None)
    return None


def _records_of(
    lines: Lines, reader: Iterator[list[str]], layout: _Layout, limits: Limits
) -> Iterator[tuple[int, list[str]]]:
    marked_blanks, padded = 0, ends_with_padding(layout.separator)
    for number in range(1, _MOST_RECORDS + 1):
        lines.begin_record()
        above = lines.open_row
        try:
            cells = next(reader)
        except StopIteration:
            return
        except LineTooLong:
            if lines.of_record > 1 or lines.ends_within_marks:
                raise _stray_mark(number) from None
            cells = _beginning(lines.last, limits)
        except csv.Error:
            cells = _read_otherwise(lines, layout, limits, number)
        if lines.ended and lines.of_record:
            raise Unreadable("file_broken", f"Row {number}: a quotation mark opens a cell and none closes it.")
        lines.width = lines.width or _header_width(cells, lines, number)
        if above:
            _check_not_torn(above, cells, lines, layout)
        cells = without_padding(cells, lines.last, layout.separator) if lines.last.endswith(padded) else cells
        if '"' in lines.last:
            cells = _as_marked(cells, lines, layout, limits, number)
            marked_blanks += not any(map(str.strip, cells))
            if marked_blanks > _MOST_MARKED_BLANKS:
                raise _too_many_rows(_MOST_MARKED_BLANKS)
        yield number, cells
    raise _too_many_rows(_MOST_RECORDS)


def _read_otherwise(lines: Lines, layout: _Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that is no CSV: one of a line, or one whose marks have backslashes before them.

    Raises Unreadable where one of a line goes on below: half a row, and another one made of its other half, are worse
    than none.
    """
    if lines.of_record == 1 and _BACKSLASH_AND_MARK in lines.last:
        cells = _read_with_backslashes(chain([lines.last], lines), layout.separator)
        if cells is not None:
            return cells
    if lines.of_record > 1:
        raise _stray_mark(number)
    if layout.whole_lines and (padding := padding_of(lines.last, layout.separator)):
        line = lines.last.rstrip("\r\n").removesuffix(padding)
        with suppress(csv.Error):
            cells = next(csv.reader([line], delimiter=layout.separator, strict=True))
            if len(cells) == 1:
                return cells
    if not layout.whole_lines and is_written_beside(lines.last, layout.separator):
        return [lines.last.rstrip("\r\n")]
    # The mark at the end of a line that is quoted as a whole is the line's own.
    line = lines.last.rstrip("\r\n").removesuffix('"') if layout.whole_lines else lines.last
    *_, last = marked_cells(line, layout.separator, skips=layout.blanks_before_marks)
    if is_open(last):
        raise _stray_mark(number)
    if may_go_on(last):
        lines.open_row = number
    return _loosely_read(lines.last, layout.separator, limits, skips=layout.blanks_before_marks)


def _check_not_torn(row: int, cells: list[str], lines: Lines, layout: _Layout) -> None:
    """Raise Unreadable where a record looks like the end of a row above, of which it was not told whether it ended.

    What is between the two is short of cells: where there is a whole row, the one above has ended.
    """
    if has_an_end(marked_cells(lines.last, layout.separator, skips=layout.blanks_before_marks)):
        raise _stray_mark(row)
    if lines.open_row == row and len(cells) >= lines.width:
        lines.open_row = 0


def _as_marked(cells: list[str], lines: Lines, layout: _Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that has quotation marks, as whoever placed the marks means them."""
    line = lines.last if lines.of_record == 1 else None
    if layout.whole_lines and len(cells) == 1:
        (line,) = cells
        cells = _unpacked(line, layout.separator, limits, number)
    if lines.of_record > 1 and _holds_more_than_a_row(cells, layout, lines):
        raise _stray_mark(number)
    if not layout.blanks_before_marks and (line is None or ' "' in line) and any(map(_BLANK_AND_MARK.match, cells)):
        record = [*lines.before, lines.last] if line is None else [line]
        cells = _without_blanks_before_marks(record, layout.separator, number)
    if line is None or '="' in line:
        return [_as_excel_shows(cell) for cell in cells]
    return cells


def _holds_more_than_a_row(cells: list[str], layout: _Layout, lines: Lines) -> bool:
    return holds_a_row(cells, layout.separator, lines.width) and not is_one_of_even_rows(
        cells, layout.separator, lines.width_of_all
    )


def _unpacked(line: str, separator: str, limits: Limits, number: int) -> list[str]:
    """Return the cells of the line that is a record's one cell."""
    try:
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    except csv.Error:
        # Half a row, where whoever saved the file took the line break in a cell for the end of its line.
        if _LINE_ENDS.search(line) or is_open(marked_cells(line, separator, skips=False)[-1]):
            raise _stray_mark(number) from None
    cells = _read_with_backslashes([line], separator) if _BACKSLASH_AND_MARK in line else None
    return _loosely_read(line, separator, limits, skips=False) if cells is None else cells


def _without_blanks_before_marks(lines: list[str], separator: str, number: int) -> list[str]:
    """Return the cells of a record, read anew from its lines: a mark behind a blank opens a cell."""
    with suppress(csv.Error):
        cells, *others = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
        if not others:
            return cells
    raise Unreadable("file_broken", f"Row {number}: before a quotation mark that opens a cell stands a blank.")


def _loosely_read(line: str, separator: str, limits: Limits, *, skips: bool) -> list[str]:
    """Return the cells of a line whose quotation marks are not placed as in a CSV: they are part of its values.

    A line that has a cell too long comes as that cell's beginning.
    """
    if len(line) <= limits.max_cell_chars:
        with suppress(csv.Error):
            return next(csv.reader([line], delimiter=separator, skipinitialspace=skips), [])
    return _beginning(line, limits)


def _read_with_backslashes(lines: Iterable[str], separator: str) -> list[str] | None:
    """Return the cells of the record that begins the lines, whose marks are as MySQL and PHP write them; None: they are
    not.
    """
    with suppress(csv.Error, LineTooLong):
        return next(csv.reader(lines, delimiter=separator, strict=True, escapechar="\\"), [])
    return None


def _beginning(line: str, limits: Limits) -> list[str]:
    """Return a cell that is too long for any. A line that begins with as many blanks is no blank one, unless it is all
    that they are.
    """
    length = limits.max_cell_chars + 1
    beginning = line[:length]
    if not beginning.strip() and not (line.endswith(("\r", "\n")) and not line.strip()):
        beginning = line.strip()[:1].ljust(length, _CUT)
    return [beginning]


def _too_many_rows(most: int) -> Unreadable:
    return Unreadable("file_too_large", f"The file holds more than {most} rows, most of them blank.")


def _stray_mark(number: int) -> Unreadable:
    return Unreadable(
        "file_broken", f"Row {number}: a quoted cell runs over many lines; is a closing quotation mark missing?"
    )


def _header_width(cells: list[str], lines: Lines, number: int) -> int:
    """Return how many cells the first record that is not blank has, without blank ones at the right."""
    if lines.of_record > 1 and holds_a_person(cells):
        raise _stray_mark(number)
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)


def _as_excel_shows(cell: str) -> str:
    """Return the value of ``="…"``, which people write so that Excel keeps it as text; any other cell as it is."""
    formula = _TEXT_FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else cell
