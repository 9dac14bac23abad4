"""How numbers of a workbook are shown: as dates, times of day, phones; and phones that are texts. The formats of its
styles tell.
"""

import datetime as dt
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Self

from libs.fields.phone_text import SEPARATORS, with_plain_phones
from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.shown_digits import MOST_FORMATS, ShownDigits, may_show_more
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_parts import Parts, parse_whole

BUILT_IN_DATES = frozenset(map(str, (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))))
"""Formats of dates and times that no file spells out (ECMA-376, 18.8.30)."""
BUILT_IN_DAYS = frozenset(map(str, range(14, 18)))
"""Those of them that show no time of day, wherever Excel was sold."""
_TELLS_NO_DATE = re.compile(r'"[^"]*"?|[\\_*].|\[(?!(?:h+|m+|s+)\])[^\]]*\]?', re.IGNORECASE)
"""Of a format: quoted text, a character shown as it is or filled in, a colour or condition or language. A duration,
``[h]``, stays."""
_DATES, _TIMES = frozenset("dmyhs"), frozenset("hs")

_LONGEST_FORMAT = 255
"""Characters that Excel takes. A longer one is none of a program's, and shows digits."""
_DIGITS_OF_A_PHONE, _DIGITS_WITH_AREA = 8, 10
"""At least. Of fewer, a plus says that something grew; without one, an area stands before the number."""
_BEFORE_NO_AREA = re.compile(r"[1-9]0[0-9]{8,9}")
"""Digits of an area and a phone, of which the first two are no area: a year and a number, ``2026-000123``."""
_REST_OF_A_PHONE = re.compile(rf"[0-9{SEPARATORS}]+")
"""A text that what its format shows before it makes a whole phone. One that has a plus is whole."""
_LONGEST_REST = 64
"""Characters: nobody types a phone in more."""

_FORMATS, _CELL_STYLES = ["styleSheet", "numFmts"], ["styleSheet", "cellXfs"]
"""Within which elements the formats and the cells' styles stand."""

_DAY_0 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - what a spreadsheet shows has no zone
_LONGEST_DATE = 40
"""Characters."""
_DAYS_TO_1904 = 1_462
_LEAP_DAY_OF_1900 = 60
"""A day that was none, and that Excel counts: days before it are one further from day 0."""
_LAST_DAY = 2_958_465
"""9999-12-31."""
_MILLISECONDS = 86_400_000
_MOST_REMEMBERED = 4_096
"""Of the numbers last shown. More cells than a packed file can look back over and repeat: 32 kB, of ten bytes each."""


@dataclass(frozen=True)
class NumberFormats:
    """What the styles of cells make of numbers."""

    dates: frozenset[str]
    """Numbers of the cell styles that show a date, or a time of day."""
    days: frozenset[str]
    """Of those that show a date alone."""
    phones: Mapping[str, ShownDigits]
    """Of those that show more of a phone than its number, by the numbers of the styles."""
    begins_1904: bool
    """Days are counted from 1904, as by Excel on early Macs."""
    before_texts: Mapping[str, str]
    """What of a phone texts are shown behind, by the numbers of the styles that have it."""

    @classmethod
    def of(cls, formats: Mapping[str, str], styles: Sequence[str], *, begins_1904: bool) -> Self:
        """Make them of those that a file spells out, by their numbers, and of each cell style's number of a format.

        Raises Unreadable where a file spells out more than any program does.
        """
        formats = {number: code if len(code) <= _LONGEST_FORMAT else "" for number, code in formats.items()}
        dates, days = dates_and_days(formats)
        phones = {number: ShownDigits(code) for number, code in formats.items() if may_show_more(code)}
        if len(phones) > MOST_FORMATS:
            raise Unreadable("file_too_large", f"The workbook has more than {MOST_FORMATS} formats of numbers.")
        phones = {number: shown for number, shown in phones.items() if shown.shows_more()}
        return cls(
            frozenset(str(at) for at, number in enumerate(styles) if number in dates),
            frozenset(str(at) for at, number in enumerate(styles) if number in days),
            {str(at): phones[number] for at, number in enumerate(styles) if number in phones},
            begins_1904,
            {
                str(at): before
                for at, number in enumerate(styles)
                if number in phones and (before := phones[number].before_texts)
            },
        )

    def text(self, number: float, style: str) -> str:
        """Return what a cell shows: a date, a time of day or both, in ISO 8601 but for a blank between; or digits."""
        if style in self.dates or style in self.phones:
            return self._shown(number, style)
        return number_text(number)

    def of_date(self, written: str, style: str) -> str | None:
        """Return what a cell shows that holds a date in ISO 8601, of whatever zone; None: it is none."""
        try:
            found = dt.datetime.fromisoformat(written if len(written) <= _LONGEST_DATE else "").replace(tzinfo=None)
        except ValueError:
            return None
        return _as_shown(found, is_day=style in self.days)

    def of_text(self, text: str, style: str) -> str:
        """Return what a cell shows that holds a text: of a phone, what its format shows before it, too."""
        return text if len(text) > _LONGEST_REST or style not in self.before_texts else self._whole(text, style)

    @cached_property
    def _whole(self) -> Callable[[str, str], str]:
        """``_put_before``, which remembers, as ``_shown`` does."""
        return lru_cache(_MOST_REMEMBERED)(self._put_before)

    def _put_before(self, text: str, style: str) -> str:
        shown = self.before_texts[style] + text
        is_whole = sum(map(str.isdecimal, shown)) >= _DIGITS_OF_A_PHONE
        return shown if is_whole and _REST_OF_A_PHONE.fullmatch(with_plain_phones(text)) else text

    @cached_property
    def _shown(self) -> Callable[[float, str], str]:
        """``_put_together``, which remembers: a small file can hold one number in millions of cells, and for a long
        format this takes twice as long as all the rest of reading them.
        """
        return lru_cache(_MOST_REMEMBERED)(self._put_together)

    def _put_together(self, number: float, style: str) -> str:
        if style in self.dates and (date := self._date(number, is_day=style in self.days)):
            return date
        if style in self.phones and number > 0:
            shown = self.phones[style].text(number)
            if shown is not None and _may_be_a_phone(shown):
                return shown
        return number_text(number)

    def _date(self, number: float, *, is_day: bool) -> str | None:
        if not 0 <= number <= _LAST_DAY:
            return None
        if number < 1:
            return str((_DAY_0 + dt.timedelta(milliseconds=round(number * _MILLISECONDS))).time())
        days = number + (_DAYS_TO_1904 if self.begins_1904 else number < _LEAP_DAY_OF_1900)
        try:
            moment = _DAY_0 + dt.timedelta(milliseconds=round(days * _MILLISECONDS))
        except OverflowError:
            return None
        return _as_shown(moment, is_day=is_day)


def _as_shown(moment: dt.datetime, *, is_day: bool) -> str:
    return str(moment.date()) if is_day else str(moment).removesuffix(" 00:00:00")


def _may_be_a_phone(shown: str) -> bool:
    if shown.startswith("+"):
        return len(shown) > _DIGITS_OF_A_PHONE
    return len(shown) >= _DIGITS_WITH_AREA and not _BEFORE_NO_AREA.fullmatch(shown)


def formats_of(parts: Parts, styles: str | None, most: int, *, begins_1904: bool) -> NumberFormats:
    """Read the formats of an XLSX. ``most`` elements may be in its styles. Raises Unreadable, ExpatError."""
    formats: dict[str, str] = {}
    shown: list[str] = []
    within: list[str] = []

    def start(name: str, attributes: dict[str, str]) -> None:
        # Conditional formats (dxfs) have formats as well, by numbers that mean others than the cells'.
        if name == "numFmt" and within == _FORMATS:
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and within == _CELL_STYLES:
            shown.append(attributes.get("numFmtId", ""))
        within.append(name)

    def end(_name: str) -> None:
        within.pop()

    if styles is not None:
        parse_whole(parts.blocks(styles), start, most, end)
    return NumberFormats.of(formats, shown, begins_1904=begins_1904)


def dates_and_days(formats: Mapping[str, str]) -> tuple[set[str], set[str]]:
    """Return the numbers of formats that show a date or a time of day, and of those that show a date alone.

    ``formats`` are those that a file spells out, by their numbers; they go before those that none has to spell out.
    """
    letters = {number: _letters(code) for number, code in formats.items()}
    dates = {number for number, shown in letters.items() if shown}
    days = {number for number in dates if not letters[number] & _TIMES}
    return dates | (BUILT_IN_DATES - formats.keys()), days | (BUILT_IN_DAYS - formats.keys())


def _letters(code: str) -> frozenset[str]:
    """Return the letters of dates and times that a format has for usual numbers, none of a duration.

    A small file may have 65,000 formats of 255 letters, so that no letter is looked at by itself.
    """
    shown, duration, _ = _TELLS_NO_DATE.sub("", code).partition(";")[0].partition("[")
    letters = _DATES.intersection(shown.lower())
    # Behind a date a duration shows the time of day.
    return letters | _TIMES if letters and duration else letters
