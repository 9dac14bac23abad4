"""Records of a CSV in which a mark within a cell has a backslash before it, as MySQL, PHP and Spark write it."""

import csv
from collections.abc import Iterator
from itertools import chain

from libs.spreadsheets.csv_lines import Lines
from libs.spreadsheets.strewn_marks import BACKSLASH_AND_MARK, read_with_backslashes


def csv_or_backslashes(lines: Lines, reader: Iterator[list[str]], separator: str) -> Iterator[list[str]]:
    """Yield the cells of each record that is CSV, or has its marks behind backslashes. Raises csv.Error, LineTooLong.

    Whoever takes them says where each record begins.
    """
    while True:
        try:
            cells = next(reader, None)
        except csv.Error:
            cells = no_csv_by_backslashes(lines, separator)
            if cells is None:
                raise
        if cells is None:
            return
        lines.width = lines.width or len(cells)
        yield cells


def no_csv_by_backslashes(lines: Lines, separator: str) -> list[str] | None:
    """Return the cells of a record that is no CSV, of one line or of many; None: its marks are no such ones."""
    cells = record_by_backslashes(lines, separator, goes_on=True)
    if cells is None and lines.of_record == 1 and BACKSLASH_AND_MARK in lines.last:
        cells = read_with_backslashes(chain([lines.last], lines), separator)
    return cells


def record_by_backslashes(lines: Lines, separator: str, *, goes_on: bool) -> list[str] | None:
    """Return the cells of a record as MySQL and Spark mean its marks, and have lines that are not its own read again;
    None: it is none of theirs. As a CSV a cell goes on below that ends with a mark behind a backslash, and its own.

    ``goes_on``: it may have more lines than were read of it.
    """
    if not (lines.before and lines.width and any(BACKSLASH_AND_MARK in line for line in lines.record)):
        return None
    own = iter(lines.lines_of_record)
    cells = read_with_backslashes(chain(own, lines) if goes_on else own, separator)
    if cells is None or len(cells) < lines.width or any(map(str.strip, cells[lines.width :])):
        return None
    others = len([*own])
    return cells if (others or goes_on) and lines.give_back(others) else None
