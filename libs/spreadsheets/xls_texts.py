"""The texts of an XLS: in UTF-16 since Excel 97, before that in a code page that the workbook names.

A text that is longer than a record goes on in those behind it. Of one that is longer than a cell may be, enough is kept
to see that it is.
"""

import codecs
import struct
from dataclasses import dataclass

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_records import CONTINUE, HEAD

_IS_WIDE, _HAS_PHONETICS, _HAS_RUNS = 1, 4, 8
"""Of a text's flags: it has two bytes a character, instead of the lower one alone; how it is spoken, and parts that are
bold or the like, follow it."""
_RUN_BYTES = 4
_COUNTS = 8
"""Bytes before shared texts: how many there are, and how many cells name them."""
_CONTINUE = struct.pack("<H", CONTINUE)
_LENGTH_AND_FLAGS = struct.Struct("<HB")

_WINDOWS_1252 = 1_252
_CODECS = {
    367: "ascii",
    1_200: "cp1252",  # of UTF-16 texts: where they are none, it says nothing
    10_000: "mac_roman",
    10_001: "shift_jis",
    10_002: "big5",
    10_003: "euc_kr",
    10_004: "mac_arabic",
    10_006: "mac_greek",
    10_007: "mac_cyrillic",
    10_008: "gb2312",
    10_010: "mac_romanian",
    10_029: "mac_latin2",
    10_079: "mac_iceland",
    10_081: "mac_turkish",
    10_082: "mac_croatian",
    20_127: "ascii",
    28_591: "latin-1",
    28_605: "iso8859-15",
    32_768: "mac_roman",
    32_769: "cp1252",
}
"""Python's codecs of the code pages that it does not know by their numbers."""


def codec_of(code_page: int | None) -> str:
    """Return Python's codec of a code page; None: the workbook names none. Raises Unreadable where there is none."""
    page = code_page or _WINDOWS_1252
    try:
        return codecs.lookup(_CODECS.get(page, f"cp{page}")).name
    except LookupError:
        raise Unreadable(
            "file_encoding",
            f"The texts of the workbook are in code page {page}, which is not known here. Open it in Excel and save it"
            " as an Excel workbook (.xlsx).",
        ) from None


class _Content:
    """A record's content together with that of the records which continue it. Raises IndexError where it ends."""

    def __init__(self, stream: bytes, at: int, end: int) -> None:
        self._stream = stream
        self.at = at
        self.end = end

    def _go_on(self) -> None:
        if self.end + HEAD.size > len(self._stream):
            raise IndexError("a text that is cut short")
        kind, length = HEAD.unpack_from(self._stream, self.end)
        self.at = self.end + HEAD.size
        self.end = self.at + length
        if kind != CONTINUE or self.end > len(self._stream):
            raise IndexError("a text that is cut short")

    def is_at_end(self) -> bool:
        """Tell whether nothing follows, neither in this record nor in another."""
        while self.at == self.end and self._stream[self.end : self.end + 2] == _CONTINUE:
            self._go_on()
        return self.at == self.end

    def bytes(self, count: int) -> bytes:
        """Return the next bytes, in whichever records they stand."""
        pieces = []
        while count > self.end - self.at:
            pieces.append(self._stream[self.at : self.end])
            count -= self.end - self.at
            self._go_on()
        pieces.append(self._stream[self.at : self.at + count])
        self.at += count
        return b"".join(pieces)

    def characters(self, count: int, flags: int) -> str:
        """Return as many UTF-16 characters. Each further record that they stand in begins with flags of its own.

        They are decoded together: of a pair of surrogates one may stand in this record, and one in the next.
        """
        pieces = []
        while True:
            width = 1 + (flags & _IS_WIDE)
            here = min(count, (self.end - self.at) // width)
            piece = self._stream[self.at : self.at + here * width]
            pieces.append(piece if width > 1 else piece.decode("latin-1").encode("utf-16-le"))
            self.at += here * width
            count -= here
            if not count:
                return b"".join(pieces).decode("utf-16-le", "replace")
            if self.at != self.end:
                raise IndexError("half of a character")
            (flags,) = self.bytes(1)


@dataclass(frozen=True, slots=True)
class XlsTexts:
    """Reads texts in the stream of a workbook."""

    stream: bytes
    codec: str | None
    """Of texts that are not UTF-16."""
    most: int
    """Characters that are kept of one."""

    def text(self, at: int, end: int) -> str:
        """Return the text that begins there, in a record that ends there. Raises IndexError, Unreadable."""
        if self.codec is None and (plain := self._plain(at, end)):
            return plain[0]
        content = _Content(self.stream, at, end)
        (count,) = struct.unpack("<H", content.bytes(2))
        if not count:  # some writers put no flags then
            return ""
        if self.codec is None:
            return self._rich(_Content(self.stream, at, end))
        try:
            return content.bytes(count).decode(self.codec)[: self.most]
        except UnicodeDecodeError:
            raise Unreadable(
                "file_encoding",
                f"A text of the workbook is not in the encoding that it names, {self.codec}. Open it in Excel and save"
                " it as an Excel workbook (.xlsx).",
            ) from None

    def short(self, at: int, end: int) -> str:
        """Return a text whose length is one byte: a name or the like, of which every character need not be known.

        Raises IndexError.
        """
        content = _Content(self.stream, at, end)
        (count,) = content.bytes(1)
        if self.codec is not None:
            return content.bytes(count).decode(self.codec, "replace")
        (flags,) = content.bytes(1)
        return content.characters(count, flags)

    def shared(self, at: int, end: int, limits: Limits) -> list[str]:
        """Return the texts that cells name by their numbers. Raises IndexError, struct.error, Unreadable.

        Some writers count wrongly, so there may be more or fewer than the file says; and some put bytes behind all.
        """
        texts: list[str] = []
        content = _Content(self.stream, at, end)
        _, said = struct.unpack("<II", content.bytes(_COUNTS))
        while len(texts) <= limits.rectangle:
            if plain := self._plain(content.at, content.end):
                text, content.at = plain
                texts.append(text)
            elif content.is_at_end():
                return texts
            else:
                try:
                    texts.append(self._rich(content))
                except IndexError:
                    if len(texts) < said:
                        raise
                    return texts
        raise Unreadable("file_too_large", "The workbook holds too many texts.")

    def _plain(self, at: int, end: int) -> tuple[str, int] | None:
        """Return a text of UTF-16 and where it ends; None: it does not end in this record, or is not only text.

        Nearly all are plain.
        """
        begin = at + _LENGTH_AND_FLAGS.size
        if begin > end:
            return None
        count, flags = _LENGTH_AND_FLAGS.unpack_from(self.stream, at)
        behind = begin + count * (1 + flags)
        if flags > _IS_WIDE or behind > end:
            return None
        written = self.stream[begin:behind]
        text = written.decode("utf-16-le", "replace") if flags else written.decode("latin-1")
        return text[: self.most], behind

    def _rich(self, content: _Content) -> str:
        count, flags = _LENGTH_AND_FLAGS.unpack(content.bytes(_LENGTH_AND_FLAGS.size))
        behind = 0
        if flags & _HAS_RUNS:
            behind += _RUN_BYTES * struct.unpack("<H", content.bytes(2))[0]
        if flags & _HAS_PHONETICS:
            behind += struct.unpack("<I", content.bytes(4))[0]
        text = content.characters(count, flags)[: self.most]
        content.bytes(behind)
        return text
