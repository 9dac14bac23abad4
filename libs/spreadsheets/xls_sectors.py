"""The sectors that an XLS is made of ([MS-CFB]): what its head says of them.

A head says how large sectors are, how many there are of each kind, and where the lists of them begin. Readers believe
it, and go round as often as it says; but a file has no more sectors than fit into its bytes.
"""

import struct
from pathlib import Path

from libs.spreadsheets.unreadable import Unreadable

_HEAD = struct.Struct("<30xHH6xII16xIII")
_SHIFTS, _SMALL_SHIFT = (9, 12), 6
"""Sectors are of 512 or 4,096 bytes, those of small streams of 64: these powers of two."""
_NO_SECTOR = 0xFFFFFFFA
"""From here on numbers are none of sectors, but say that there is none, or what one is used for."""
_PLACE_BYTES = 4
_TABLES_IN_HEAD = 109
"""Sectors of the table of sectors that the head itself lists. Further ones stand in lists of their own (DIFAT)."""


def refuse_false_head(path: Path) -> None:
    """Raise Unreadable where a file's head cannot be true of a file of its size. Raises struct.error where it is cut.

    A file whose head lists no further sectors of the table, but says where they begin, contradicts itself: one reader
    goes by the one, another by the other.
    """
    with path.open("rb") as file:
        shift, small_shift, folders, tables, small_tables, first_list, lists = _HEAD.unpack(file.read(_HEAD.size))
    if shift not in _SHIFTS or small_shift != _SMALL_SHIFT or (first_list < _NO_SECTOR and not lists):
        raise Unreadable("file_broken", "The workbook is damaged.")
    sectors = path.stat().st_size >> shift
    # Twice as many as it takes to tell of each sector: a file that became smaller may keep its table.
    most_tables = max(_TABLES_IN_HEAD, 2 * -(-sectors * _PLACE_BYTES >> shift))
    if tables > most_tables or max(folders, small_tables, lists) > sectors:
        raise Unreadable("file_broken", "The workbook is damaged.")
