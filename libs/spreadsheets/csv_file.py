"""CSV as spreadsheets, scripts and people write it: separators, and records of bounded size, as a stream."""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache, partial
from itertools import islice
from pathlib import Path
from typing import TextIO

from libs.spreadsheets.csv_backslashes import csv_or_backslashes, no_csv_by_backslashes, record_by_backslashes
from libs.spreadsheets.csv_layout import SAMPLE, Layout, layout_of
from libs.spreadsheets.csv_lines import LINE_ENDS, Lines, LineTooLong, Widths
from libs.spreadsheets.csv_padding import (
    MOST_COLUMNS,
    as_before,
    goes_on_beside,
    have_lost_a_mark,
    mark_of_padding,
    opens_beside,
    padding_of,
    without_padding,
)
from libs.spreadsheets.encodings import find_encoding, named_encoding
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.open_cells import has_an_end, is_open, marked_cells, may_go_on
from libs.spreadsheets.shifted_rows import are_of_two_rows, is_of_several, may_be_shifted, widest
from libs.spreadsheets.strewn_marks import (
    BACKSLASH_AND_MARK,
    as_by_backslashes,
    beginning,
    loosely_read,
    read_with_backslashes,
    strictly_read,
)
from libs.spreadsheets.swallowed_rows import holds_a_person, holds_a_row, is_one_of_even_rows
from libs.spreadsheets.unreadable import Unreadable

_TEXT_FORMULA = re.compile(r'\s*="((?:[^"]|"")*)"\s*', re.DOTALL)
_BLANK_AND_MARK = re.compile(' +"')
_MOST_RECORDS = 1 << 20
"""Rows of a sheet ("Excel specifications and limits"), blank ones too."""
_MOST_MARKED_BLANKS = 100_000
"""Blank ones with quotation marks: they take ten times as long, and no limit of rows counts them."""


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
        layout = layout_of(text.read(SAMPLE), options)
    source.format, source.codec, source.delimiter = "csv", codec, layout.separator
    return _records(path, codec, layout, limits)


@contextmanager
def _decoded(path: Path, encoding: str) -> Iterator[TextIO]:
    try:
        with path.open(encoding=encoding, newline="") as text:
            yield text
    except UnicodeError:
        raise Unreadable(
            "file_encoding", "The file begins as UTF-8 or UTF-16, and goes on as another. Save it as CSV UTF-8."
        ) from None


def _records(path: Path, encoding: str, layout: Layout, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    with _opened(path, encoding, layout, limits) as (lines, reader):
        lines.widths = cache(partial(_widths, path, encoding, layout, limits))
        yield from _records_of(lines, reader, layout, limits)


@contextmanager
def _opened(path: Path, encoding: str, layout: Layout, limits: Limits) -> Iterator[tuple[Lines, Iterator[list[str]]]]:
    """Give the lines of a file behind what declares its separator, and the records that they are read as."""
    with _decoded(path, encoding) as text:
        if layout.is_declared:
            text.readline()
        most = 2 * len(FILE_COLUMNS) * limits.max_cell_chars
        lines = Lines(text, most, layout.width, opens_beside(layout.separator), path.stat().st_size)
        csv.field_size_limit(limits.max_cell_chars)
        skips = layout.blanks_before_marks
        # strict: what follows a closing quotation mark is a separator or the line's end.
        yield lines, csv.reader(lines, delimiter=layout.separator, strict=True, skipinitialspace=skips)


def _widths(path: Path, encoding: str, layout: Layout, limits: Limits) -> Widths:
    """Return how many cells the records of a file have; of one whose marks are strewn, those above it."""
    if layout.whole_lines:
        return Widths()
    of_lines, of_others = set[int](), set[int]()
    with _opened(path, encoding, layout, limits) as (lines, reader):
        try:
            for cells in islice(csv_or_backslashes(lines, reader, layout.separator), _MOST_RECORDS):
                is_below = bool(of_lines or of_others) or len(cells) >= layout.width
                if is_below and (len(cells) > 1 or any(map(str.strip, cells))):
                    (of_lines if lines.of_record == 1 else of_others).add(len(cells))
                lines.begin_record()
        except (csv.Error, LineTooLong):
            return Widths(of_lines=frozenset(of_lines))
    of_all = of_lines | of_others
    return Widths(next(iter(of_all)) if len(of_all) == 1 else None, frozenset(of_lines))


def _records_of(
    lines: Lines, reader: Iterator[list[str]], layout: Layout, limits: Limits
) -> Iterator[tuple[int, list[str]]]:
    # A call for each row costs a hundredth of reading it: most rows need none of these.
    mark, most = mark_of_padding(layout.separator), 0
    for number in range(1, _MOST_RECORDS + 1):
        lines.begin_record()
        above = lines.open_row
        try:
            cells = next(reader, None)
        except (csv.Error, LineTooLong) as error:
            cells = _read_otherwise(error, lines, layout, limits, number)
        if cells is None:
            return
        if not lines.width:
            lines.width, lines.width_with_blanks = _header_width(cells, lines, number), len(cells)
        if above:
            _check_not_torn(above, cells, lines, layout)
        line = lines.last
        if mark in line:
            cells = without_padding(cells, line, layout.separator)
        if '"' in line:
            cells = _with_marks(cells, lines, layout, limits, number)
        if len(cells) > most:
            if most and may_be_shifted(cells, most, lines.last, layout):
                cells = _as_one_cell(lines)
            most = most or widest(cells, layout)
        yield number, cells
    raise _too_many_rows(_MOST_RECORDS)


def _with_marks(cells: list[str], lines: Lines, layout: Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that has quotation marks in its last line."""
    if len(cells) > lines.width and lines.of_record == 1:
        cells = as_by_backslashes(cells, lines.last, layout.separator, lines.width)
    if lines.beside in lines.last and lines.of_record == 1:
        cells = _as_it_was(cells, lines, layout, number)
    cells = _as_marked(cells, lines, layout, limits, number)
    if not (cells and cells[0].strip()) and not any(map(str.strip, cells)):
        lines.marked_blanks += 1
        if lines.marked_blanks > _MOST_MARKED_BLANKS:
            raise _too_many_rows(_MOST_MARKED_BLANKS)
    return cells


def _read_otherwise(error: Exception, lines: Lines, layout: Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that is no CSV, or whose line is too long: then its beginning."""
    if isinstance(error, LineTooLong):
        if lines.of_record > 1 or lines.ends_within_marks:
            raise _stray_mark(number) from None
        return beginning(lines.last, limits.max_cell_chars)
    cells = no_csv_by_backslashes(lines, layout.separator)
    if cells is None:
        cells = _read_as_no_csv(lines, layout, limits, number)
    if lines.ended and lines.of_record:
        raise Unreadable("file_broken", f"Row {number}: a quotation mark opens a cell and none closes it.")
    return cells


def _read_as_no_csv(lines: Lines, layout: Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that is no CSV, and of one line.

    Raises Unreadable where one of a line goes on below: half a row, and another one made of its other half, are worse
    than none.
    """
    if lines.of_record > 1 or goes_on_beside(lines.last, layout.separator):
        raise _stray_mark(number)
    if layout.whole_lines and (padding := padding_of(lines.last, layout.separator)):
        cells = strictly_read(lines.last.rstrip("\r\n").removesuffix(padding), layout.separator)
        if cells is not None and len(cells) == 1:
            return cells
    width = _width_of_rows(lines, layout)
    if (before := as_before(lines.last, layout.separator)) is not None:
        return _cells_before(before, lines, layout.separator, number, width=width)
    skips = layout.blanks_before_marks
    # The mark at the end of a line that is quoted as a whole is the line's own.
    line = lines.last.rstrip("\r\n").removesuffix('"') if layout.whole_lines else lines.last
    _check_whole(line, lines, layout.separator, number, skips=skips)
    return loosely_read(lines.last, layout.separator, limits.max_cell_chars, width=width, skips=skips)


def _cells_before(before: str, lines: Lines, separator: str, number: int, *, width: int) -> list[str]:
    """Return the cells of a line as it was before another Excel saved it; as one cell where its marks are strewn, which
    they are where somebody has written beside it, or where that Excel has dropped a mark: two cells have become one.
    """
    cells = strictly_read(before, separator)
    if cells is None:
        _check_whole(before, lines, separator, number)
    elif len(cells) >= width and not have_lost_a_mark(cells, separator):
        return cells
    # A mark that is gone may be the one that opened a cell which goes on below.
    lines.open_row = number
    return _as_one_cell(lines)


def _width_of_rows(lines: Lines, layout: Layout) -> int:
    """Return how many cells the header has, also where a record's one cell is its line."""
    return lines.width_within if layout.whole_lines else lines.width


def _as_one_cell(lines: Lines) -> list[str]:
    """Return a record as a single cell, so that its row is told as invalid: which cells are meant, nobody can tell."""
    return ["".join(lines.record).rstrip("\r\n")]


def _check_whole(line: str, lines: Lines, separator: str, number: int, *, skips: bool = False) -> None:
    """Raise Unreadable where a row, whose marks are strewn, goes on below its line; note where it may."""
    # As a mark within a cell MySQL, PHP and Spark write a backslash and a mark.
    *_, last = marked_cells(line.replace(BACKSLASH_AND_MARK, ""), separator, skips=skips)
    if is_open(last):
        raise _stray_mark(number)
    if may_go_on(last):
        lines.open_row = number


def _check_not_torn(row: int, cells: list[str], lines: Lines, layout: Layout) -> None:
    """Raise Unreadable where a record looks like the end of a row above, of which it was not told whether it ended.

    What is between the two is short of cells: where there is a whole row, the one above has ended. Another Excel may
    have put marks around all of the record.
    """
    line = lines.last
    if len(cells) == 1 and lines.of_record == 1:
        (line,) = cells
        cells = strictly_read(line, layout.separator) or cells
    if has_an_end(marked_cells(line, layout.separator, skips=layout.blanks_before_marks)):
        raise _stray_mark(row)
    if lines.open_row == row and len(cells) >= _width_of_rows(lines, layout):
        lines.open_row = 0


def _as_it_was(cells: list[str], lines: Lines, layout: Layout, number: int) -> list[str]:
    """Return the cells of a row as they were before another Excel saved it with marks of its own.

    Raises Unreadable where to that Excel the line goes on below, though it is a row by itself. In a row all of whose
    marks are placed as in a CSV, their number is even.
    """
    line = lines.last
    if line.count('"') % 2 and goes_on_beside(line, layout.separator):
        raise _stray_mark(number)
    before = None if layout.whole_lines else as_before(line, layout.separator)
    return cells if before is None else _cells_before(before, lines, layout.separator, number, width=lines.width)


def _as_marked(cells: list[str], lines: Lines, layout: Layout, limits: Limits, number: int) -> list[str]:
    """Return the cells of a record that has quotation marks, as whoever placed the marks means them."""
    line = lines.last if lines.of_record == 1 else None
    if layout.whole_lines and len(cells) == 1:
        (line,) = cells
        cells = _unpacked(line, lines, layout.separator, limits, number)
    elif layout.whole_lines and layout.separator in cells[0]:
        # Somebody has written beside it.
        return _as_one_cell(lines)
    elif line is not None and len(cells) == 1 and layout.separator in cells[0]:
        cells = _taken_for_a_cell(cells, lines, layout.separator, limits, number)
    if lines.of_record > 1 and _holds_more_than_a_row(cells, layout, lines):
        if (first := record_by_backslashes(lines, layout.separator, goes_on=False)) is not None:
            return first
        raise _stray_mark(number)
    width = lines.width_with_blanks if layout.separator == "\t" else lines.width
    if len(cells) < width and any(is_of_several(cell, layout.separator) for cell in cells):
        return _as_one_cell(lines)
    if not layout.blanks_before_marks and (line is None or ' "' in line) and any(map(_BLANK_AND_MARK.match, cells)):
        record = lines.record if line is None else [line]
        cells = _without_blanks_before_marks(record, layout.separator, number)
    if line is None or '="' in line:
        return [_as_excel_shows(cell) for cell in cells]
    return cells


def _taken_for_a_cell(cells: list[str], lines: Lines, separator: str, limits: Limits, number: int) -> list[str]:
    """Return the cells of a row that may be one cell because another Excel, which took the line for its first cell, has
    put marks around it.

    Raises Unreadable for half a row that it took for a whole one: the lines below it may look like rows.
    """
    (line,) = cells
    if len(line) > limits.max_cell_chars:
        return cells
    _check_whole(line, lines, separator, number)
    apart = strictly_read(line, separator)
    return apart if apart is not None and len(apart) == lines.width else cells


def _holds_more_than_a_row(cells: list[str], layout: Layout, lines: Lines) -> bool:
    if layout.separator == "\t" and are_of_two_rows(cells):
        return True
    width = max(lines.width, len(FILE_COLUMNS))
    # Where somebody has written beside rows, Excel ends those around them with blank cells, too.
    is_padded = len(cells) > width and not any(map(str.strip, cells[width:])) and len(cells) in lines.widths().of_lines
    found = cells[:width] if is_padded else cells
    return holds_a_row(found, layout.separator, lines.width) and not is_one_of_even_rows(
        cells, layout.separator, lambda: lines.widths().of_all
    )


def _unpacked(line: str, lines: Lines, separator: str, limits: Limits, number: int) -> list[str]:
    """Return the cells of the line that is a record's one cell."""
    cells = strictly_read(line, separator)
    if cells is not None:
        lines.width_within = lines.width_within or len(cells)
        return as_by_backslashes(cells, line, separator, lines.width_within)
    # Half a row, where whoever saved the file took the line break in a cell for the end of its line.
    if LINE_ENDS.search(line):
        raise _stray_mark(number)
    _check_whole(line, lines, separator, number)
    apart = read_with_backslashes([line], separator) if BACKSLASH_AND_MARK in line else None
    return loosely_read(line, separator, limits.max_cell_chars, width=lines.width_within) if apart is None else apart


def _without_blanks_before_marks(lines: list[str], separator: str, number: int) -> list[str]:
    """Return the cells of a record, read anew from its lines: a mark behind a blank opens a cell."""
    with suppress(csv.Error):
        cells, *others = csv.reader(lines, delimiter=separator, strict=True, skipinitialspace=True)
        if not others:
            return cells
    raise Unreadable("file_broken", f"Row {number}: before a quotation mark that opens a cell stands a blank.")


def _too_many_rows(most: int) -> Unreadable:
    return Unreadable("file_too_large", f"The file holds more than {most} rows, most of them blank.")


def _stray_mark(number: int) -> Unreadable:
    return Unreadable(
        "file_broken", f"Row {number}: a quoted cell runs over many lines; is a closing quotation mark missing?"
    )


def _header_width(cells: list[str], lines: Lines, number: int) -> int:
    """Return how many cells the first record that is not blank has, without blank ones at the right.

    Raises Unreadable where it is more than a header: it has several lines and a person, or more cells than a sheet.
    """
    if lines.of_record > 1 and (len(cells) > MOST_COLUMNS or holds_a_person(cells)):
        raise _stray_mark(number)
    return next((place for place in range(len(cells), 0, -1) if cells[place - 1].strip()), 0)


def _as_excel_shows(cell: str) -> str:
    """Return the value of ``="…"``, which people write so that Excel keeps it as text; any other cell as it is."""
    formula = _TEXT_FORMULA.fullmatch(cell)
    return formula[1].replace('""', '"') if formula else cell
