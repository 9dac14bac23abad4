"""Whether calamine reads the styles of an XLSX, and at once, found out before it does."""

import re
from collections.abc import Generator
from dataclasses import dataclass
from html import unescape
from typing import Self

from libs.spreadsheets.number_formats import dates_and_days
from libs.spreadsheets.shown_digits import MOST_FORMATS, ShownDigits, may_show_more
from libs.spreadsheets.xlsx_parts import PENDING

_FORMAT_CODE = re.compile(rb'formatCode="([^"]*+)"')
_FORMAT_NUMBER = re.compile(rb"\snumFmtId\s*+=\s*+[\"']([^\"']*+)")
_STYLE = re.compile(rb"(?:[\w.-]+:)?xf[\s/>]")
_LONGEST_TAG = 4_000
"""Bytes of a format that programs write, each of whose 255 characters may be spelled in several."""
_MOST_OF_STYLES = 30_000_000
"""Tags of styles times the characters of the longest: Excel allows 64,000 styles, and 255 characters in a format."""


@dataclass(frozen=True, slots=True)
class Styles:
    """What is to be known of styles."""

    are_quick: bool
    """Calamine reads them at once, and all of them."""
    first_is_of_dates: bool = False
    """A number whose cell names no style is a date, or may be one. Calamine does not know."""
    show_days: bool = False
    """Some show a date without its time of day."""
    show_times: bool = False
    """Some show a time of day. Calamine tells both, and not which cells are shown how."""

    @classmethod
    def of(cls, blocks: Generator[bytes, None, None]) -> Self:
        """Look at the part. For each style calamine looks through the format that it names, and of what one shows
        besides a number's digits it says nothing.
        """
        tags = longest = formats = 0
        rest = b""
        first: bytes | None = None
        spelt, named = dict[str, str](), set[str]()
        of_cells, of_formats = _Within(b"cellXfs"), _Within(b"numFmts")
        for block in blocks:
            *whole, rest = (rest + block).split(b"<")
            # What all stand in, with its namespaces, is the first one.
            longest = max(longest, *map(len, whole[0 if tags else 2 :]), len(rest), 0)
            tags += len(whole)
            codes = [tag for tag in whole if b"formatCode" in tag]
            formats += len(codes)
            if (
                any(b"&#" in tag for tag in whole)
                or formats > MOST_FORMATS
                or any(len(tag) > _LONGEST_TAG for tag in codes)
                or not all(map(_shows_numbers_alone, codes))
            ):
                return cls(are_quick=False)
            if len(rest) > PENDING or tags * longest > _MOST_OF_STYLES:
                return cls(are_quick=False)
            spelt |= {_number(tag): _code(tag) for tag in of_formats.those_of(whole) if b"formatCode" in tag}
            styles = of_cells.those_of(whole)
            named.update(_number(tag) for tag in styles if _STYLE.match(tag))
            first = next(iter(styles), None) if first is None else first
        dates, days = dates_and_days(spelt)
        is_known = first is None or _STYLE.match(first) is not None
        return cls(
            are_quick=True,
            first_is_of_dates=not is_known or _number(first or b"") in dates,
            show_days=not named.isdisjoint(days),
            show_times=not named.isdisjoint(dates - days),
        )


class _Within:
    """Finds the tags within the first element of a name. Conditional formats (dxfs) have formats as well, and
    extensions may have them, by numbers that mean others than the cells'.
    """

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._tag = re.compile(rb"(/?)(?:[\w.-]+:)?%b[\s/>]" % name)
        self._is_open: bool | None = None

    def those_of(self, tags: list[bytes]) -> list[bytes]:
        """Return those of tags that follow what was looked at before."""
        found = []
        for tag in tags:
            if self._name in tag and (own := self._tag.match(tag)):
                self._is_open = self._is_open is None and not own[1] and not tag.rstrip().endswith(b"/>")
            elif self._is_open:
                found.append(tag)
        return found


def _shows_numbers_alone(tag: bytes) -> bool:
    """Tell whether the format that a tag spells out shows the digits of a number, and no more."""
    code = _code(tag)
    return _FORMAT_CODE.search(tag) is not None and not (may_show_more(code) and ShownDigits(code).shows_more())


def _code(tag: bytes) -> str:
    found = _FORMAT_CODE.search(tag)
    return unescape(found[1].decode("utf-8", "replace")) if found else ""


def _number(tag: bytes) -> str:
    """Return the number of a format, by which styles name it."""
    found = _FORMAT_NUMBER.search(tag)
    return found[1].decode("utf-8", "replace") if found else ""
