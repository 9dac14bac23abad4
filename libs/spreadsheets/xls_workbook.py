"""What an XLS says of all its sheets: which there are, which texts their cells name, and which of their numbers are
dates.
"""

import struct
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.number_formats import NumberFormats
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_records import HEAD, records
from libs.spreadsheets.xls_stream import xls_stream
from libs.spreadsheets.xls_texts import XlsTexts, codec_of

_PASSWORD, _CODE_PAGE, _SHEET, _SHARED_TEXTS = 0x002F, 0x0042, 0x0085, 0x00FC
_COUNTED_FROM, _FORMAT, _STYLE = 0x0022, 0x041E, 0x00E0
_LOOKED_AT = {_CODE_PAGE, _SHEET, _SHARED_TEXTS, _COUNTED_FROM, _FORMAT, _STYLE}
_MOST_OF_A_KIND = 65_536
"""Sheets, formats and styles are named by numbers of two bytes."""
_FROM_1904 = 1
_VISIBLE, _STATE_BITS, _WORKSHEET = 0, 3, 0
_BEFORE_NAME, _BEFORE_CODE = 6, 2
_BIFF_5 = 0x0500
"""The version of Excel 5 and 95. Later ones have texts in UTF-16, whatever code page they name: JExcelApi of Java and
Spreadsheet::WriteExcel of Perl name Windows-1252 all the same."""


@dataclass(frozen=True, slots=True)
class XlsSheet:
    """A worksheet or a chart, a macro or the like."""

    name: str
    start: int
    """Where in the stream its records begin."""
    is_shown: bool
    """It is a worksheet, and not hidden."""


@dataclass(frozen=True)
class XlsWorkbook:
    """The workbook in a file. Raises Unreadable, IndexError, struct.error while it is made and asked."""

    stream: bytes
    limits: Limits
    _found: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Where the contents of its records begin and end, by their kinds."""

    def __post_init__(self) -> None:
        for kind, at, end in records(self.stream, 0):
            if kind == _PASSWORD:  # what follows is not readable
                raise Unreadable("file_encrypted")
            if kind in _LOOKED_AT:
                found = self._found.setdefault(kind, [])
                found.append((at, end))
                if len(found) > _MOST_OF_A_KIND:
                    raise Unreadable("file_broken", "The workbook is damaged.")

    def _number(self, kind: int) -> int | None:
        """Return the number that is all of the last record of this kind; None: there is none."""
        if kind not in self._found:
            return None
        at, end = self._found[kind][-1]
        return int.from_bytes(self.stream[at:end][:2], "little")

    @cached_property
    def texts(self) -> XlsTexts:
        version, _ = struct.unpack_from("<HH", self.stream, HEAD.size)
        codec = codec_of(self._number(_CODE_PAGE)) if version == _BIFF_5 else None
        return XlsTexts(self.stream, codec, self.limits.max_cell_chars + 1)

    def sheets(self) -> list[XlsSheet]:
        found = []
        for at, end in self._found.get(_SHEET, ()):
            start, state, what = struct.unpack("<IBB", self.stream[at:end][:_BEFORE_NAME])
            name = self.texts.short(at + _BEFORE_NAME, end).replace("\0", "")
            found.append(XlsSheet(name, start, is_shown=state & _STATE_BITS == _VISIBLE and what == _WORKSHEET))
        return found

    def shared_texts(self) -> list[str]:
        """Return the texts that cells name by their numbers."""
        found = self._found.get(_SHARED_TEXTS, ())
        if len(found) > 1:  # one reader goes by the first, another one by the last
            raise Unreadable("file_broken", "The workbook lists its texts twice.")
        return [text for at, end in found for text in self.texts.shared(at, end, self.limits)]

    def formats(self) -> NumberFormats:
        code = self.texts.text if self.texts.codec is None else self.texts.short
        formats = {}
        for at, end in self._found.get(_FORMAT, ()):
            (number,) = struct.unpack("<H", self.stream[at:end][:_BEFORE_CODE])
            formats[str(number)] = code(at + _BEFORE_CODE, end)
        shown = [struct.unpack("<HH", self.stream[at:end][:4])[1] for at, end in self._found.get(_STYLE, ())]
        begins_1904 = self._number(_COUNTED_FROM) == _FROM_1904
        return NumberFormats.of(formats, list(map(str, shown)), begins_1904=begins_1904)


def xls_workbook(path: Path, limits: Limits) -> XlsWorkbook:
    """Return the workbook in a file. Raises Unreadable, IndexError, struct.error."""
    return XlsWorkbook(xls_stream(path), limits)
