"""Files of several streams written by hand ([MS-CFB]): in the order that is wanted, as xlwt does not write them."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support.stack import ROOT

_SECTOR, _ENTRY, _SMALLEST = 512, 128, 4096
_PLACES = _SECTOR // 4
_END, _OF_TABLE, _NONE = 0xFFFFFFFE, 0xFFFFFFFD, 0xFFFFFFFF
_FOLDER, _STREAM, _ROOT = 1, 2, 5
_SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"

FILE = ROOT / "tests/fixtures/files/libreoffice-97.xls"
INTACT = FILE.read_bytes()
SHIFT, SMALL_SHIFT, FOLDERS, TABLES, SMALL_TABLES, FIRST_LIST, LISTS = 30, 32, 40, 44, 64, 68, 72
"""Where in a file's head its numbers stand ([MS-CFB] 2.2), in bytes."""
MOST = 0xFFFFFFFF
LISTS_AT_MOST = (MOST - 109) // 127
MILLIONS_OF_LISTS = {TABLES: 109 + 127 * LISTS_AT_MOST, FIRST_LIST: 0, LISTS: LISTS_AT_MOST, 512: 0xFFFFFFFE, 1_020: 0}
"""Of one sector that lists nothing, and is followed by itself."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A stream, or a folder where it has no content; ``child`` and ``next_one`` are numbers of other entries."""

    name: str
    content: bytes | None = None
    child: int = _NONE
    next_one: int = _NONE


def ole_file(entries: Sequence[Entry]) -> bytes:
    """Return a file of these entries, in this order; the first one is its root."""
    sectors: list[bytes] = []
    table: list[int] = []
    listed = b""
    for number, entry in enumerate(entries):
        content = None if entry.content is None else entry.content.ljust(_SMALLEST, b"\0")
        kind = _ROOT if not number else _FOLDER if content is None else _STREAM
        start = _add(sectors, table, content) if content is not None else _END if not number else 0
        name = entry.name.encode("utf-16-le") + b"\0\0"
        listed += name.ljust(64, b"\0") + struct.pack(
            "<HBBIII36xIQ", len(name), kind, 1, _NONE, entry.next_one, entry.child, start, len(content or b"")
        )
    unused = b"\0" * 64 + struct.pack("<HBBIII48x", 0, 0, 0, _NONE, _NONE, _NONE)
    folders = _add(sectors, table, listed + unused * (-len(entries) % (_SECTOR // _ENTRY)))
    count = -(-len(sectors) // (_PLACES - 1))
    first = len(sectors)
    table += [_OF_TABLE] * count
    whole = struct.pack(f"<{count * _PLACES}I", *table, *[_NONE] * (count * _PLACES - len(table)))
    places = [*range(first, first + count), *[_NONE] * (109 - count)]
    head = _SIGNATURE + struct.pack("<16xHHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I109I", 0, count, folders, 0, _SMALLEST, _END, 0, _END, 0, *places)
    return head + b"".join(sectors) + whole


def _add(sectors: list[bytes], table: list[int], content: bytes) -> int:
    start = len(sectors)
    pieces = [content[at : at + _SECTOR].ljust(_SECTOR, b"\0") for at in range(0, len(content), _SECTOR)]
    sectors += pieces
    table += [*range(start + 1, start + len(pieces)), _END]
    return start


def changed(path: Path, numbers: dict[int, int], width: str = "I", content: bytes = INTACT) -> Path:
    """Write the content with these numbers at these places, in bytes; ``width`` is their kind of ``struct``."""
    written = bytearray(content)
    for at, number in numbers.items():
        struct.pack_into(f"<{width}", written, at, number)
    path.write_bytes(written)
    return path
