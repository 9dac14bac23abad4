"""The stream of an XLS that holds its workbook: for one reader as for another.

The file is a tree of folders and streams ([MS-CFB]). The workbook stands at its root; beside it a folder holds what its
owner put into it, which may be another workbook. calamine takes the first stream of the name, wherever it stands; so
one would measure and look at a workbook of which the other one reads another.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import olefile

from libs.spreadsheets.unreadable import Unreadable

NAMES = ("Workbook", "Book")
"""Of the stream, since Excel 97 and before. Crystal Reports writes them in capitals."""
_IN_SMALL_LETTERS = frozenset(map(str.lower, NAMES))
_ENTRY_BYTES, _NAME_BYTES = 128, 64
_OTHER = "Other"


@dataclass(frozen=True, slots=True)
class XlsStream:
    """What the stream holds, and what has to be written into the file for calamine to read this stream."""

    path: Path
    records: bytes
    names: tuple[tuple[int, bytes], ...]
    """Places in the file, in bytes, and what must stand there."""

    @property
    def as_read(self) -> Path | bytes:
        """Return the file, or its content where calamine would read another stream of it."""
        if not self.names:
            return self.path
        content = bytearray(self.path.read_bytes())
        for at, name in self.names:
            content[at : at + len(name)] = name
        return bytes(content)


@contextmanager
def xls_damage_refused() -> Iterator[None]:
    """Raise Unreadable for whatever damage an XLS has: every number in it may be the damaged one."""
    try:
        yield
    except (OSError, struct.error, ValueError, IndexError, TypeError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


def xls_stream(path: Path) -> XlsStream:
    """Find the workbook. Raises Unreadable where there is none, or where it is damaged."""
    with xls_damage_refused(), olefile.OleFileIO(str(path)) as ole:
        name = next((name for name in NAMES if ole.exists(name)), None)
        if name is None:
            raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
        _refuse_endless_chains(ole, name)
        return XlsStream(path, ole.openstream(name).read(), tuple(_wrong_names(ole, name)))


def _refuse_endless_chains(ole: Any, name: str) -> None:
    """Raise Unreadable where sectors refer to each other in a circle: calamine would follow them until memory ends.

    ``ole`` is an ``OleFileIO``, whose tables of sectors its types do not name.
    """
    stream = ole.direntries[ole._find(name)]  # noqa: SLF001 - there is no other way to a stream's first sector
    starts = [ole.first_dir_sector, ole.first_mini_fat_sector, ole.root.isectStart]
    is_small = stream.size < ole.minisectorcutoff
    chains = [(ole.fat, start) for start in starts]
    if is_small:
        ole.loadminifat()
    chains.append((ole.minifat if is_small else ole.fat, stream.isectStart))
    for table, start in chains:
        sector, left = start, len(table)
        while 0 <= sector < len(table):
            sector, left = table[sector], left - 1
            if left < 0:
                raise Unreadable("file_broken", "The workbook is damaged.")


def _wrong_names(ole: Any, name: str) -> Iterator[tuple[int, bytes]]:
    """Yield where another entry is named as a workbook, or the workbook's own otherwise than Excel names it."""
    own = ole._find(name)  # noqa: SLF001 - as above
    for number, (at, written) in enumerate(_entries(ole)):
        named = written.decode("utf-16-le", "replace").partition("\0")[0]
        if number == own:
            if named != name:
                yield at, _padded(name)
        elif named.lower() in _IN_SMALL_LETTERS:
            yield at, _padded(_OTHER)


def _entries(ole: Any) -> Iterator[tuple[int, bytes]]:
    """Yield of each entry of the file's folders, also of those that none of them names, its place and its name."""
    sector = ole.first_dir_sector
    while 0 <= sector < len(ole.fat):
        begin = (sector + 1) * ole.sectorsize
        for at in range(begin, begin + ole.sectorsize, _ENTRY_BYTES):
            ole.fp.seek(at)
            yield at, ole.fp.read(_NAME_BYTES)
        sector = ole.fat[sector]


def _padded(name: str) -> bytes:
    return name.encode("utf-16-le").ljust(_NAME_BYTES, b"\0")
