"""The stream of an XLS that holds its workbook.

The file is a tree of folders and streams ([MS-CFB]). The workbook stands at its root; beside it a folder holds what its
owner put into it, which may be another workbook.
"""

import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import olefile

from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_sectors import refuse_false_head

_NAMES = ("Workbook", "Book")
"""Of the stream, since Excel 97 and before. Crystal Reports writes them in capitals, which is the same to olefile."""
_ENCRYPTED = ("EncryptedPackage", "\x06DataSpaces")
"""What a workbook of any format becomes that has a password, or that few may open."""


@contextmanager
def xls_damage_refused() -> Iterator[None]:
    """Raise Unreadable for whatever damage an XLS has: every number in it may be the damaged one.

    Also where its folders' entries follow each other for so long that olefile, which goes from one to the next by
    calling itself, comes to the end of Python's stack: Excel keeps them as a tree that is as flat as can be.
    """
    try:
        yield
    except (OSError, struct.error, ValueError, IndexError, TypeError, OverflowError, RecursionError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


class _Ole(olefile.OleFileIO):  # type: ignore[type-arg]  # generic in its stubs alone
    def _check_duplicate_stream(self, *_: object, **__: object) -> None:
        """Do not ask whether two streams begin in one sector: olefile would say so in a log alone, and looks for each
        of them through a list of all.
        """


def xls_stream(path: Path) -> bytes:
    """Return what the stream holds. Raises Unreadable where there is none, or where it is damaged."""
    with xls_damage_refused():
        refuse_false_head(path)
        with _Ole(str(path)) as ole:
            if any(map(ole.exists, _ENCRYPTED)):
                raise Unreadable("file_encrypted")
            name = next((name for name in _NAMES if ole.exists(name)), None)
            if name is None:
                raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
            _refuse_endless_chains(ole, name)
            content: bytes = ole.openstream(name).read()
            return content


def _refuse_endless_chains(ole: Any, name: str) -> None:
    """Raise Unreadable where sectors refer to each other in a circle: olefile would follow them for as long as the
    file says that the stream is.

    ``ole`` is an ``OleFileIO``, whose tables of sectors its types do not name.
    """
    stream = ole.direntries[ole._find(name)]  # noqa: SLF001 - there is no other way to a stream's first sector
    is_small = stream.size < ole.minisectorcutoff
    starts = [ole.first_dir_sector, ole.first_mini_fat_sector, ole.root.isectStart]
    for start in starts if is_small else [*starts, stream.isectStart]:
        _refuse_circle(ole.fat, start)
    if is_small:
        ole.loadminifat()
        _refuse_circle(ole.minifat, stream.isectStart)


def _refuse_circle(table: Sequence[int], start: int) -> None:
    sector, left = start, len(table)
    while 0 <= sector < len(table):
        sector, left = table[sector], left - 1
        if left < 0:
            raise Unreadable("file_broken", "The workbook is damaged.")
