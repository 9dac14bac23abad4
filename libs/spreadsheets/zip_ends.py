"""Where the list of an archive's parts stands: at its end, for one reader as for another.

An archive is read from its end ([APPNOTE.TXT] 4.3.16), and may have a comment there, in which another end can stand.
Python takes the last one, whatever it says; the reader in calamine passes over one that contradicts itself. So one
would measure and look at a workbook of which the other one reads another.
"""

import os
import struct
import zipfile
from typing import IO

from libs.spreadsheets.unreadable import Unreadable

_END = struct.Struct("<4s4H2LH")
"""Signature, two numbers of disks, two counts of parts, bytes and offset of the list, bytes of the comment."""
_SIGNATURE, _LOCATOR_64 = b"PK\5\6", b"PK\6\7"
_LOCATOR_BYTES = 20
_LONGEST_COMMENT = 1 << 16
_BEYOND_32_BITS = 0xFFFFFFFF
_BLOCK = 1 << 20


def refuse_two_ends(archive: zipfile.ZipFile) -> None:
    """Raise Unreadable where the archive has more than one end, and the last one, which ``archive`` took, is odd."""
    file = archive.fp
    if file is None:
        raise ValueError("the archive is closed")
    # Nearly no archive has a comment, and of one that has none a few bytes tell all.
    begin, tail = _tail(file, _END.size + _LOCATOR_BYTES)
    if not _is_without_comment(tail):
        begin, tail = _tail(file, _END.size + _LONGEST_COMMENT)
    at = len(tail) - _END.size if _is_without_comment(tail) else tail.rfind(_SIGNATURE)
    _, disk, disk_of_list, parts_here, parts, _, offset, comment = _END.unpack_from(tail, at)
    beyond = tail[max(0, at - _LOCATOR_BYTES) : at].startswith(_LOCATOR_64)
    if beyond and offset not in (_BEYOND_32_BITS, archive.start_dir):
        raise _uncertain()
    is_sound = disk == disk_of_list == 0 and parts_here == parts and comment == len(tail) - at - _END.size
    if not is_sound and _has_end(file, begin + at):
        raise _uncertain()


def _tail(file: IO[bytes], most: int) -> tuple[int, bytes]:
    """Return where the last bytes of the file begin, and these."""
    begin = file.seek(max(0, file.seek(0, os.SEEK_END) - most))
    return begin, file.read()


def _is_without_comment(tail: bytes) -> bool:
    """Tell whether the end is the last that there is, as ``zipfile`` asks first."""
    return tail.startswith(_SIGNATURE, len(tail) - _END.size) and tail.endswith(b"\0\0")


def _has_end(file: IO[bytes], before: int) -> bool:
    """Tell whether an end stands before this place in the file."""
    file.seek(0)
    rest = b""
    while before > 0 and (block := file.read(min(_BLOCK, before))):
        before -= len(block)
        if _SIGNATURE in rest + block:
            return True
        rest = block[1 - len(_SIGNATURE) :]
    return False


def _uncertain() -> Unreadable:
    return Unreadable("file_broken", "The workbook's archive has two ends; open it in Excel and save it.")
