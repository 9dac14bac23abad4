"""Which numbers of an XLSX or XLSB are shown as dates or times of day: by the formats of its styles."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from libs.spreadsheets.xlsx_parts import Parts, parse_whole

_BUILT_IN = frozenset(map(str, (*range(14, 23), *range(27, 37), 45, 47, *range(50, 59))))
"""Formats of dates and times that no file spells out (ECMA-376, 18.8.30)."""
_TELLING = re.compile(r'"[^"]*"?|[\\_*].|\[(?:h+|m+|s+)\]|\[[^\]]*\]?|[dmyhs]|;', re.IGNORECASE)
"""Of a format: quoted text, a character shown as it is or filled in, a duration, a colour or condition or language, a
letter of dates and times, the end of the part for usual numbers."""
_DURATION = re.compile(r"\[[hms]+\]", re.IGNORECASE)

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
class Dates:
    """Tells dates among numbers."""

    styles: frozenset[str]
    """Numbers of the cell styles that show one."""
    begins_1904: bool
    """Days are counted from 1904, as by Excel on early Macs."""

    def text(self, number: float, style: str) -> str | None:
        """Return the date, time or both that a cell shows, in ISO 8601 but for a blank between; None: a number."""
        if style not in self.styles or not 0 <= number <= _LAST_DAY:
            return None
        if number < 1 and not self.begins_1904:
            return str((_DAY_0 + dt.timedelta(milliseconds=round(number * _MILLISECONDS))).time())
        days = number + (_DAYS_TO_1904 if self.begins_1904 else number < _LEAP_DAY_OF_1900)
        try:
            return str(_DAY_0 + dt.timedelta(milliseconds=round(days * _MILLISECONDS))).removesuffix(" 00:00:00")
        except OverflowError:
            return None


def dates_of(parts: Parts, workbook: str, styles: str | None, most: int) -> Dates:
    """Read which styles show dates. ``most`` elements may be in each part. Raises Unreadable, ExpatError."""
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
    return Dates(date_styles(formats, shown), begins_1904)


def begins_in_1904(workbook_properties: Mapping[str, str]) -> bool:
    """Tell whether days are counted from 1904, by what a workbook says of itself."""
    return workbook_properties.get("date1904") in {"1", "true"}


def date_styles(formats: Mapping[str, str], shown: Sequence[str]) -> frozenset[str]:
    """Return the numbers of the cell styles that show dates.

    ``formats`` are those that the file spells out, by their numbers; ``shown`` each style's number of a format.
    """
    dates = {number for number, code in formats.items() if shows_date(code)} | (_BUILT_IN - formats.keys())
    return frozenset(str(at) for at, number in enumerate(shown) if number in dates)


def shows_date(code: str) -> bool:
    """Tell whether a format shows dates or times of day. A duration, ``[h]:mm``, is none."""
    for found in _TELLING.findall(code):
        if found == ";" or _DURATION.fullmatch(found):
            return False
        if found.isalpha():
            return True
    return False
