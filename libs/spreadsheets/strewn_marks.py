"""The cells of a CSV's line, whether its quotation marks are placed as in a CSV or not. Pure."""

import csv
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import cache

from libs.spreadsheets.csv_lines import LineTooLong
from libs.spreadsheets.nulls import NULL_OF_MYSQL
from libs.spreadsheets.open_cells import marked_cells, may_go_on

_CUT = "…"
MARK = '"'
BACKSLASH_AND_MARK = '\\"'


def strictly_read(line: str, separator: str) -> list[str] | None:
    """Return the cells of a line that is a CSV's; None: its marks are placed otherwise."""
    with suppress(csv.Error):
        return next(csv.reader([line], delimiter=separator, strict=True), [])
    return None


def loosely_read(line: str, separator: str, most_chars: int, *, width: int = 0, skips: bool = False) -> list[str]:
    """Return the cells of a line whose marks are part of its values; ``width`` is how many the header has, if known.

    Where nobody can tell which marks end a cell, the line is its one cell, so that the row is told as invalid: cells
    that have become one, or moved into another column, would be stored without a word. A line that has a cell too long
    comes as that cell's beginning.
    """
    if len(line) > most_chars:
        return beginning(line, most_chars)
    line = line.rstrip("\r\n")
    apart = _all_in_marks(line, separator)
    if len(apart) == width > 1:
        return apart
    marked = marked_cells(line, separator, skips=skips)
    if _is_anybodys_guess(marked, apart, separator, width):
        return [line]
    with suppress(csv.Error):
        return next(csv.reader([line], delimiter=separator, skipinitialspace=skips), [])
    return beginning(line, most_chars)


def _is_anybodys_guess(marked: Sequence[str], apart: Sequence[str], separator: str, width: int) -> bool:
    """Tell whether the cells as they stand between separators may be other ones than were meant: one has a separator
    behind a mark that may have ended it, or there are more than in the header, or others than where each has marks.
    """
    if any(may_go_on(cell) and separator in cell for cell in marked):
        return True
    # Blank cells without marks are behind each row of some files.
    if width and any(marked[width:]):
        return True
    return _is_torn(marked) and (len(marked) > width > 0 or 1 < len(apart) != len(marked))


def _is_torn(marked: Sequence[str]) -> bool:
    """Tell whether a mark ends a cell that has none at its beginning, as a cell in marks does that was ended too early
    by a mark and a separator of its own.
    """
    return any(cell.endswith('"') and not cell.startswith('"') for cell in marked)


def _all_in_marks(line: str, separator: str) -> list[str]:
    """Return the cells of a line as programs write it that put marks around each, and do nothing about those within."""
    if not (line.startswith('"') and line.endswith('"')):
        return []
    cells = line[1:-1].split(f'"{separator}"')
    # A separator with a mark beside it stood between two cells: a mark is missing there.
    is_cut = any(f'{separator}"' in cell or f'"{separator}' in cell for cell in cells)
    return [] if is_cut else [cell.replace('""', '"') if '"' not in cell.replace('""', "") else cell for cell in cells]


def read_with_backslashes(lines: Iterable[str], separator: str) -> list[str] | None:
    """Return the cells of the record that begins the lines, whose marks are as MySQL and PHP write them; None: they are
    not.
    """
    own = (_with_nulls_escaped(line, separator) for line in lines)
    with suppress(csv.Error, LineTooLong):
        return next(csv.reader(own, delimiter=separator, strict=True, escapechar="\\"), [])
    return None


def _with_nulls_escaped(line: str, separator: str) -> str:
    """Return the line so that a cell without marks that is MySQL's word for no value stays it: it has a backslash,
    which stands before no mark.
    """
    return _null_between(separator).sub(r"\1\\\\N", line) if NULL_OF_MYSQL in line else line


@cache
def _null_between(separator: str) -> re.Pattern[str]:
    at = re.escape(separator)
    return re.compile(rf"(^|{at})\\N(?={at}|[\r\n]|$)")


def as_by_backslashes(cells: list[str], line: str, separator: str, width: int) -> list[str]:
    """Return the cells of a line as MySQL and PHP mean its marks, where only so it has no more than ``width`` that are
    not blank: a mark within a cell, and a separator behind it, are well-formed CSV as the end of that cell. As programs
    write CSV, each cell with a mark stands in marks.
    """
    if len(cells) > width and BACKSLASH_AND_MARK in line:
        in_marks = all(f'"{cell.replace(MARK, 2 * MARK)}"' in line for cell in cells if MARK in cell)
        if in_marks and not any(map(str.strip, cells[width:])):
            return cells
        meant = read_with_backslashes([line], separator)
        if meant is not None and width <= len(meant) < len(cells) and not any(map(str.strip, meant[width:])):
            return meant
    return cells


def beginning(line: str, most_chars: int) -> list[str]:
    """Return a cell that is too long for any. A line that begins with as many blanks is no blank one, unless it is all
    that they are.
    """
    first = line[: most_chars + 1]
    if not first.strip() and not (line.endswith(("\r", "\n")) and not line.strip()):
        first = line.strip()[:1].ljust(most_chars + 1, _CUT)
    return [first]
