"""The records that an XLS is made of, each with a number for its kind and a length ([MS-XLS] 2.1.4).

Those of the workbook as a whole stand in front, and behind them those of each sheet, between a beginning and an end.
"""

import struct
from collections.abc import Iterator

from libs.spreadsheets.unreadable import Unreadable

CONTINUE, EOF = 0x003C, 0x000A
"""A record that is too long goes on in others; a sheet ends."""
HEAD = struct.Struct("<HH")
"""A record's kind, and the length of what follows."""
_BOF = 0x0809


def records(stream: bytes, start: int) -> Iterator[tuple[int, int, int]]:
    """Yield the records of the workbook or of a sheet: their kinds, where their contents begin, and where these end.

    The last is its ``EOF``. Those of a chart within a sheet, with a beginning and an end of its own, are left out: it
    keeps copies of cells, which stand in no cell. Raises Unreadable where the beginning or the end is missing.
    """
    at, size, depth = start, len(stream), 0
    unpack, length_of_head = HEAD.unpack_from, HEAD.size
    while at + length_of_head <= size:
        kind, length = unpack(stream, at)
        at += length_of_head
        end = at + length
        if end > size:
            break
        if kind == _BOF:
            depth += 1
        elif not depth:
            raise Unreadable("file_broken", "The workbook holds a sheet without its beginning.")
        elif kind == EOF:
            depth -= 1
        if depth <= 1 and kind != _BOF and (depth or kind == EOF):
            yield kind, at, end
            if not depth:
                return
        at = end
    raise Unreadable("file_broken", "The workbook is cut short.")
