"""How numbers of a workbook are shown: as dates, as times of day, with a plus. The formats of its styles tell."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.xlsx_parts import Parts, parse_whole

_BUILT_IN_DATES = frozenset(map(str, (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))))
"""Formats of dates and times that no file spells out (ECMA-376, 18.8.30)."""
_TELLING = re.compile(r'"[^"]*"?|[\\_*].|\[(?:h+|m+|s+)\]|\[[^\]]*\]?|[dmyhs]|;', re.IGNORECASE)
"""Of a format: quoted text, a character shown as it is or filled in, a duration, a colour or condition or language, a
letter of dates and times, the end of the part for usual numbers."""
_DURATION = re.compile(r"\[[hms]+\]", re.IGNORECASE)

_BEFORE_DIGITS = re.compile(r"(?:\[[^<>=\]]*\]|[^;0#?\[])*")
"""What a format shows before the first digit of usual numbers; a condition says that it is not for all of them."""
_COLOUR = re.compile(r"\[[^\]]*\]?")
_LEAST_PHONE = 10_000_000
"""Below it, a plus says that something grew."""

_FORMATS, _CELL_STYLES = ["styleSheet", "numFmts"], ["styleSheet", "cellXfs"]
"""Within which elements the formats and the cells' styles stand."""

_DAY_0 = dt.datetime(1899, 12, 30)  # noqa: DTZ001 - what a spreadsheet shows has no zone
_DAYS_TO_1904 = 1_462
_LEAP_DAY_OF_1900 = 60
"""A day that was none, and that Excel counts: days before it are one further from day 0."""
_LAST_DAY = 2_958_465
"""9999-12-31."""
_MILLISECONDS = 86_400_000


@dataclass(frozen=True, slots=True)
class NumberFormats:
    """What the styles of cells make of numbers."""

    dates: frozenset[str]
    """Numbers of the cell styles that show a date, or a time of day."""
    plus: Mapping[str, str]
    """Of those that show a plus before it, as people have phones shown, with the country's code behind the plus: by the
    numbers of the styles."""
    begins_1904: bool
    """Days are counted from 1904, as by Excel on early Macs."""

    @classmethod
    def of(cls, formats: Mapping[str, str], styles: Sequence[str], *, begins_1904: bool) -> Self:
        """Make them of those that a file spells out, by their numbers, and of each cell style's number of a format."""
        dates = {number for number, code in formats.items() if shows_date(code)} | (_BUILT_IN_DATES - formats.keys())
        plus = {number: shown for number, code in formats.items() if (shown := shown_plus(code))}
        return cls(
            frozenset(str(at) for at, number in enumerate(styles) if number in dates),
            {str(at): plus[number] for at, number in enumerate(styles) if number in plus},
            begins_1904,
        )

    def text(self, number: float, style: str) -> str:
        """Return what a cell shows: a date, a time of day or both, in ISO 8601 but for a blank between; or digits."""
        if style in self.dates and (date := self._date(number)):
            return date
        is_phone = style in self.plus and number >= _LEAST_PHONE and number.is_integer()
        return self.plus[style] + number_text(number) if is_phone else number_text(number)

    def _date(self, number: float) -> str | None:
        if not 0 <= number <= _LAST_DAY:
            return None
        if number < 1:
            return str((_DAY_0 + dt.timedelta(milliseconds=round(number * _MILLISECONDS))).time())
        days = number + (_DAYS_TO_1904 if self.begins_1904 else number < _LEAP_DAY_OF_1900)
        try:
            return str(_DAY_0 + dt.timedelta(milliseconds=round(days * _MILLISECONDS))).removesuffix(" 00:00:00")
        except OverflowError:
            return None


def formats_of(parts: Parts, workbook: str, styles: str | None, most: int) -> NumberFormats:
    """Read the formats of an XLSX. ``most`` elements may be in each part. Raises Unreadable, ExpatError."""
    begins_1904 = False
    formats: dict[str, str] = {}
    shown: list[str] = []
    within: list[str] = []

    def of_workbook(name: str, attributes: dict[str, str]) -> None:
        nonlocal begins_1904
        if name == "workbookPr":
            begins_1904 = begins_in_1904(attributes)

    def of_styles(name: str, attributes: dict[str, str]) -> None:
        # Conditional formats (dxfs) have formats as well, by numbers that mean others than the cells'.
        if name == "numFmt" and within == _FORMATS:
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "xf" and within == _CELL_STYLES:
            shown.append(attributes.get("numFmtId", ""))
        within.append(name)

    def end_of_styles(_name: str) -> None:
        within.pop()

    parse_whole(parts.blocks(workbook), of_workbook, most)
    if styles is not None:
        parse_whole(parts.blocks(styles), of_styles, most, end_of_styles)
    return NumberFormats.of(formats, shown, begins_1904=begins_1904)


def begins_in_1904(workbook_properties: Mapping[str, str]) -> bool:
    """Tell whether days are counted from 1904, by what a workbook says of itself."""
    return workbook_properties.get("date1904") in {"1", "true"}


def shown_plus(code: str) -> str:
    """Return the plus that a format shows before usual numbers, and the digits that it shows behind that: ``+55``.

    Empty where it shows none. The plus of an exponent stands behind digits of the number.
    """
    before = _BEFORE_DIGITS.match(code)
    _, plus, behind = _COLOUR.sub("", before[0] if before else "").partition("+")
    return plus + "".join(filter(str.isdecimal, behind))


def shows_date(code: str) -> bool:
    """Tell whether a format shows dates or times of day. A duration, ``[h]:mm``, is none."""
    for found in _TELLING.findall(code):
        if found == ";" or _DURATION.fullmatch(found):
            return False
        if found.isalpha():
            return True
    return False
