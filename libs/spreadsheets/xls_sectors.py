"""The sectors that an XLS is made of ([MS-CFB]): what its head says of them, and a file of one stream alone.

A head says how large sectors are, how many there are of each kind, and where the lists of them begin. Readers believe
it, and go round as often as it says; but a file has no more sectors than fit into its bytes.
"""

import struct
from array import array
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

_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_SECTOR, _SHIFT, _VERSION = 4_096, 12, 4
_END, _OF_TABLE, _NONE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_STREAM, _ROOT, _BLACK = 2, 5, 1
_NAME_BYTES = 64


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


def file_of_stream(name: str, content: bytes) -> bytes:
    """Return a file that holds this stream alone. Raises Unreadable where it is too large for a head without lists.

    A stream that is shorter than a sector is filled up with zeros: small ones would need a table of their own.
    """
    size = max(len(content), _SECTOR)
    padded = content.ljust(-(-size // _SECTOR) * _SECTOR, b"\0")
    folder = len(padded) // _SECTOR
    places, tables = _SECTOR // _PLACE_BYTES, 1
    while tables * places < folder + 1 + tables:
        tables += 1
    if tables > _TABLES_IN_HEAD:
        most = _TABLES_IN_HEAD * places * _SECTOR
        raise Unreadable("file_too_large", f"The file holds more than {most} bytes.")
    own = range(folder + 1, folder + 1 + tables)
    table = array("I", [*range(1, folder), _END, _END, *[_OF_TABLE] * tables])
    table.extend([_NONE] * (tables * places - len(table)))
    head = struct.pack("<8s16xHHHHH6x", _SIGNATURE, 0x3E, _VERSION, 0xFFFE, _SHIFT, _SMALL_SHIFT)
    head += struct.pack("<9I", 1, tables, folder, 0, _SECTOR, _END, 0, _END, 0)
    head += struct.pack(f"<{_TABLES_IN_HEAD}I", *own, *[_NONE] * (_TABLES_IN_HEAD - tables))
    # calamine takes a root without a first sector for an empty file, also where there are no small streams in it.
    entries = _entry("Root Entry", _ROOT, child=1, start=0, size=0) + _entry(name, _STREAM, _NONE, 0, size)
    return b"".join([head.ljust(_SECTOR, b"\0"), padded, entries.ljust(_SECTOR, b"\0"), table.tobytes()])


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    written = name.encode("utf-16-le") + b"\0\0"
    return written.ljust(_NAME_BYTES, b"\0") + struct.pack(
        "<HBBIII36xIQ", len(written), kind, _BLACK, _NONE, _NONE, child, start, size
    )
