"""Which encoding decodes a whole text file: found out for certain, because a guess would store wrong names."""

import codecs
import re
from collections.abc import Iterator
from pathlib import Path

from charset_normalizer import from_bytes

from libs.spreadsheets.unreadable import Unreadable

_BLOCK = 1 << 20
_SAMPLE = 1 << 14
_BYTES_OF_UTF16 = 4
"""In UTF-16 every second byte of western text is zero: half of all bytes. Text of other scripts has fewer, so a file
is taken for UTF-16 when a quarter of its bytes are zeros in even places, or in odd ones."""

_UTF8_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_HIGH = re.compile(rb"[\x80-\xff]+")
_AROUND_HIGH = re.compile(rb"[^\r\n,;\t]*[\x80-\xff][^\r\n,;\t]*")
_LETTERS_OF_1252 = re.compile(rb"[\xc0-\xff]")
"""Accented letters, if the text is Windows-1252."""
_ODD_IN_1252 = re.compile(rb"[\x81-\x84\x86-\x90\x98-\x9f]")
"""Signs and rare letters, if the text is Windows-1252; the commonest accents, if it is of a Mac or of DOS."""
_LETTERS_FOR_ONE_ODD = 4
"""So many accented letters for each odd sign make a text Windows-1252."""

_LAST_RESORTS = ["mac_roman", "cp850", "cp1252"]
"""The encodings of Macs, DOS and Windows, between which charset-normalizer chooses when the accents are strange."""


def find_encoding(path: Path) -> str:
    """Return the codec that decodes the whole file. Raises Unreadable with ``file_encoding``.

    UTF-8 and UTF-16 are recognised by their rules, with or without byte order mark. What is neither is
    Windows-1252 (Excel's CSV in Brazil), unless its accents would be strange ones: then charset-normalizer
    chooses between the encodings of Macs, DOS and Windows on a sample.
    """
    with path.open("rb") as file:
        head = file.read(_SAMPLE)
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    even, odd = head[::2].count(0), head[1::2].count(0)
    if max(even, odd) * _BYTES_OF_UTF16 > len(head):
        return "utf-16-be" if even > odd else "utf-16-le"
    if _decodes(path, "utf-8"):
        return "utf-8"
    _refuse_mixture(path)
    sample = b" ".join(_samples(path))
    letters, odd = len(_LETTERS_OF_1252.findall(sample)), len(_ODD_IN_1252.findall(sample))
    if odd * _LETTERS_FOR_ONE_ODD <= letters and _decodes(path, "cp1252"):
        return "cp1252"
    best = from_bytes(sample, cp_isolation=_LAST_RESORTS).best()
    if best is None or not _decodes(path, best.encoding):
        raise Unreadable("file_encoding", "The text is neither UTF-8, UTF-16 nor Windows-1252.")
    return best.encoding


def _blocks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for block in _blocks(path):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _refuse_mixture(path: Path) -> None:
    """Raise Unreadable when most accents are UTF-8 and some are not: either reading would store wrong names."""
    utf8 = other = 0
    for block in _blocks(path):
        in_sequences = sum(map(len, _UTF8_SEQUENCE.findall(block)))
        utf8 += in_sequences
        other += sum(map(len, _HIGH.findall(block))) - in_sequences
    if utf8 > other:
        raise Unreadable("file_encoding", "Some rows are UTF-8 and some are not; save the file as CSV UTF-8.")


def _samples(path: Path) -> Iterator[bytes]:
    """Yield cells with bytes over 127, together at most 16 KiB."""
    left = _SAMPLE
    for block in _blocks(path):
        for cell in _AROUND_HIGH.finditer(block):
            yield cell[0][:left]
            left -= len(cell[0])
            if left <= 0:
                return
