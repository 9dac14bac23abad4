"""How far the cells of an XLS' sheets spread, and how far they say that they do."""

import struct
from collections.abc import Iterable

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_marks import BEHIND_SEVERAL, CELLS, SEVERAL_NUMBERS
from libs.spreadsheets.xls_records import records
from libs.spreadsheets.xlsx_parts import too_wide

_SIZE, _SIZE_IN_BIFF_8 = 0x0200, 14
_MOST_ROWS, _MOST_COLUMNS = 65_536, 256
_READ_SO_OFTEN = 2
"""Sheets may share records, but are not all made of the same ones."""


def refuse_sizes(stream: bytes, starts: Iterable[int], limits: Limits) -> None:
    """Raise Unreadable where a sheet says that it is larger than any can be ([MS-XLS] 2.4.90), or all are too large.

    ``starts`` are where in the stream the sheets begin. Raises struct.error.
    """
    places, left = 0, _READ_SO_OFTEN * len(stream)
    for start in starts:
        rows, columns, declared, length = _spread(stream, start)
        left -= length
        if left < 0:
            raise Unreadable("file_broken", "The sheets of the workbook stand within each other.")
        if rows * columns > limits.rectangle:
            raise too_wide(rows, columns)
        if columns > _MOST_COLUMNS:
            raise Unreadable("file_broken", "The workbook is damaged.")
        places += max(declared, rows * columns)
        if places > limits.rectangle:
            raise Unreadable(
                "file_too_large", f"The sheets of the workbook spread over {places} cells, hidden ones, too."
            )


def _spread(stream: bytes, start: int) -> tuple[int, int, int, int]:
    """Return over how many rows and columns a sheet's cells spread, how many cells it says that it spreads over, and
    how many bytes it has.
    """
    row = column = -1
    declared, end, place_of = 0, start, struct.Struct("<HH").unpack_from
    for kind, at, end in records(stream, start):
        if kind in CELLS:
            this, right = place_of(stream, at)
            if kind == SEVERAL_NUMBERS:
                (right,) = struct.unpack_from("<H", stream, end - BEHIND_SEVERAL)
            row = max(row, this)
            column = max(column, right)
        elif kind == _SIZE:
            declared = max(declared, _declared_places(stream[at:end]))
    return row + 1, column + 1, declared, end - start


def _declared_places(body: bytes) -> int:
    """Return how many cells a sheet says that it spreads over."""
    row, end, column, right = struct.unpack_from("<IIHH" if len(body) >= _SIZE_IN_BIFF_8 else "<HHHH", body)
    if max(row, end) > _MOST_ROWS or max(column, right) > _MOST_COLUMNS or row > end > 0:
        raise Unreadable("file_broken", "The workbook is damaged.")
    return int((end - row) * max(0, right - column)) if end else 0
