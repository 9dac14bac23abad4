"""Phones as their format shows them: with a plus, a country's code, a ninth digit.

``+509 3410-1234`` may be the number 34101234 in the format ``"+509 "0000-0000``, or the text ``3410-1234`` in
``"+509 "@``. What a format is made of: ECMA-376, 18.8.31.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Final, Self

from libs.spreadsheets.numbers import number_text

_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.?)|\[\$(?P<sign>[^\]-]*)[^\]]*\]?'
    r"|\[(?P<how>[<>=]{1,2})(?P<than>-?[0-9]{1,15})(?:\.[0-9]{1,15})?\]|(?:[_*].?|\[[^\]]*\]?)"
    r"|(?P<place>[0#?]|general)|(?P<other>[.,%/@]|e[+-])|(?P<end>;)|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
"""Quoted text, a character shown as it is, a currency's sign, a condition; a width, what to fill with, a colour, a
language; the place of a digit; what makes it no phone: fractions, thousands, texts, exponents."""
_ZEROS_BEHIND_A_POINT = re.compile(r"0\.(0{8,15})(?:_.)?(?:;.*)?", re.DOTALL)
"""A format of more places than prices and measures have: somebody typed a phone with a point in it. A number keeps no
zeros at the end of its fraction."""
_TELLS_MORE = re.compile(r'[+1-9"$\\]|\.0{8}')
"""What a format has at least that shows more than the number's digits."""
MOST_FORMATS = 1_000
"""That have it. Excel keeps 250 formats in a workbook; each takes a fifth of a millisecond."""
_LONGEST_FORMAT = 255
"""Characters ("Excel specifications and limits")."""
_MOST_SECTIONS = 4
"""For numbers above, below and at zero, and for texts: Excel refuses a format of more, and each number would look
through all of them."""
_TEXT = "@"
"""Where in a format the text stands."""
_LITERALS = ("quoted", "escaped", "sign", "literal")
_HOW: Final[dict[str, Callable[[float, float], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "<>": operator.ne,
}
_OF_PHONES = frozenset("0123456789()-. \N{NO-BREAK SPACE}")
"""Characters of a format that shows a phone without a plus."""
_MOST_PLACES = 20
"""Of digits, in a format that shows phones: each number is put together from them."""
_MOST_BEFORE_A_TEXT = 20
"""Characters, where the two are a phone: they are put together for each cell."""
_OF_NEGATIVE_NUMBERS = 1
"""The section that is for them, where there are three and the first alone has a condition."""


def may_show_more(code: str) -> bool:
    """Tell whether a format is worth a look, by one that costs nothing."""
    return len(code) <= _LONGEST_FORMAT and bool(_TELLS_MORE.search(code))


@dataclass(frozen=True, slots=True)
class _Section:
    """One of a format's parts, which stand between semicolons and are for some numbers each."""

    sign: str
    """The plus, where one stands before the number."""
    places: tuple[tuple[str, str], ...]
    """Of each place of a digit: the format's own digits right before it, and what it shows where it has none."""
    apart: tuple[bool, ...]
    """Of each place: something else is shown before it."""
    shows_more: bool
    """A person reads more of a phone than the number's own digits."""
    how: str | None
    than: int

    @classmethod
    def of(cls, found: list[re.Match[str]]) -> Self:
        conditions = [piece for piece in found if piece["how"] in _HOW]
        literals, fillings = [""], list[str]()
        for piece in found:
            if piece["place"]:
                fillings.append("0" if piece["place"] == "0" else "")
                literals.append("")
            else:
                literals[-1] += "".join(piece[kind] or "" for kind in _LITERALS)
        del literals[-1]  # behind the last place
        before = "".join(literals)
        _, sign, behind = literals[0].partition("+") if literals else ("", "", "")
        if sign:
            literals[0] = behind
        digits = ["".join(filter(str.isdecimal, literal)) for literal in literals]
        is_of_phones = len(fillings) <= _MOST_PLACES and not any(piece["other"] for piece in found)
        return cls(
            sign=sign,
            places=tuple(zip(digits, fillings, strict=True)),
            apart=tuple(map(bool, literals)),
            shows_more=is_of_phones and bool(sign or (any(digits) and set(before) <= _OF_PHONES)),
            how=conditions[0]["how"] if conditions else None,
            than=int(conditions[0]["than"]) if conditions else 0,
        )

    def text(self, number: int) -> str:
        """Return the digits that are shown, behind the plus where one stands before them."""
        digits = str(number)
        spare = len(digits) - len(self.places)
        # The first place shows all digits that have none of their own.
        own = [digits[: spare + 1], *digits[spare + 1 :]] if spare >= 0 else [*[""] * -spare, *digits]
        # ``+ (51) 91234-5678`` has no country behind its plus, nor has ``+ (5) 13234-5678``: its places are blank.
        is_blank = spare < 0 and any(self.apart[1 : 1 - spare]) and not any(chain.from_iterable(self.places[:-spare]))
        return ("" if is_blank else self.sign) + "".join(
            before + (digit or filling) for (before, filling), digit in zip(self.places, own, strict=True)
        )


@dataclass(frozen=True)
class ShownDigits:
    """A number's format, as far as it makes phones."""

    code: str

    @cached_property
    def _pieces(self) -> list[list[re.Match[str]]]:
        """What each section is made of."""
        sections: list[list[re.Match[str]]] = [[]]
        for piece in _PIECE.finditer(self.code):
            if piece["end"]:
                sections.append([])
            else:
                sections[-1].append(piece)
        return sections if len(sections) <= _MOST_SECTIONS else []

    @cached_property
    def _sections(self) -> list[_Section]:
        return [_Section.of(found) for found in self._pieces]

    def shows_more(self) -> bool:
        """Tell whether of some number or text a person reads more than its own digits, as of a phone."""
        return (
            any(section.shows_more for section in self._sections)
            or self._places_behind_a_point > 0
            or bool(self.before_texts)
        )

    @cached_property
    def before_texts(self) -> str:
        """What of a phone a text is shown behind: a plus, a country's code. The last section is of texts, if any is."""
        found = self._pieces[-1] if self._pieces else []
        kinds = [piece["other"] for piece in found]
        if _TEXT not in kinds or any(piece["place"] for piece in found):
            return ""
        before = "".join(piece[kind] or "" for piece in found[: kinds.index(_TEXT)] for kind in _LITERALS)
        if len(before) > _MOST_BEFORE_A_TEXT:
            return ""
        _, sign, behind = before.partition("+")
        if sign:
            return sign + "".join(filter(_OF_PHONES.__contains__, behind))
        return before if set(before) <= _OF_PHONES and any(map(str.isdecimal, before)) else ""

    @cached_property
    def _places_behind_a_point(self) -> int:
        found = _ZEROS_BEHIND_A_POINT.fullmatch(self.code)
        return len(found[1]) if found else 0

    def text(self, number: float) -> str | None:
        """Return the digits that are shown of a number above zero, with the plus before them; None: its own alone."""
        if number.is_integer():
            return self._text_of_whole(int(number))
        whole, point, fraction = number_text(number).partition(".")
        return f"{whole}{point}{fraction.ljust(self._places_behind_a_point, '0')}" if point else None

    def _text_of_whole(self, number: int) -> str | None:
        section = self._section_of(number)
        return section.text(number) if section is not None and section.shows_more else None

    def _section_of(self, number: int) -> _Section | None:
        sections = self._sections
        for at, section in enumerate(sections):
            if section.how is not None:
                if _HOW[section.how](number, section.than):
                    return section
            elif at != _OF_NEGATIVE_NUMBERS or len(sections) == at + 1:
                return section
        return None
