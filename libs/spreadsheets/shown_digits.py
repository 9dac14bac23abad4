"""Phones that a workbook keeps as numbers, as their format shows them: with a plus, a country's code, a ninth digit.

``+509 3410-1234`` may be the number 34101234 in the format ``"+509 "0000-0000``. What a format is made of: ECMA-376,
18.8.31.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Self

_PIECE = re.compile(
    r'"(?P<quoted>[^"]*)"?|\\(?P<escaped>.?)|\[\$(?P<sign>[^\]-]*)[^\]]*\]?'
    r"|\[(?P<how>[<>=]{1,2})(?P<than>-?[0-9]{1,15})(?:\.[0-9]{1,15})?\]|(?:[_*].?|\[[^\]]*\]?)"
    r"|(?P<place>[0#?]|general)|(?P<other>[.,%/@]|e[+-])|(?P<end>;)|(?P<literal>.)",
    re.IGNORECASE | re.DOTALL,
)
"""Quoted text, a character shown as it is, a currency's sign, a condition; a width, what to fill with, a colour, a
language; the place of a digit; what makes it no phone: fractions, thousands, texts, exponents."""
_TELLS_MORE = re.compile(r'[+1-9"$\\]')
"""What a format has at least that shows more than the number's digits."""
MOST_FORMATS = 1_000
"""That have it. Excel keeps 250 formats in a workbook; each takes a fifth of a millisecond."""
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
_OF_NEGATIVE_NUMBERS = 1
"""The section that is for them, where there are three and the first alone has a condition."""


def may_show_more(code: str) -> bool:
    """Tell whether a format is worth a look, by one that costs nothing."""
    return bool(_TELLS_MORE.search(code))


@dataclass(frozen=True, slots=True)
class _Section:
    """One of a format's parts, which stand between semicolons and are for some numbers each."""

    pieces: tuple[tuple[str, bool], ...]
    """Texts to show, and the places of digits, which are told by True."""
    is_of_phones: bool
    how: str | None
    than: int

    @classmethod
    def of(cls, found: list[re.Match[str]]) -> Self:
        conditions = [piece for piece in found if piece["how"]]
        pieces = [
            (piece[0], True) if piece["place"] else ("".join(piece[kind] or "" for kind in _LITERALS), False)
            for piece in found
        ]
        how = conditions[0]["how"] if conditions else None
        than = int(conditions[0]["than"]) if conditions else 0
        return cls(tuple(pieces), not any(piece["other"] for piece in found), how if how in _HOW else None, than)

    def shows_more(self) -> bool:
        """Tell whether a person reads more of a phone than the number's own digits."""
        before, literals = self._literals
        return self.is_of_phones and (
            "+" in before or (any(map(str.isdecimal, literals)) and {*literals} <= _OF_PHONES)
        )

    @property
    def _literals(self) -> tuple[str, str]:
        """Return what is shown before the first digit of the number, and all that is shown before its last one."""
        places = [at for at, (_, is_place) in enumerate(self.pieces) if is_place]
        if not places:
            return "", ""
        texts = ["" if is_place else text for text, is_place in self.pieces]
        return "".join(texts[: places[0]]), "".join(texts[: places[-1]])

    def text(self, number: int) -> str:
        """Return the digits that are shown, behind the plus where one stands before them."""
        places = sum(is_place for _, is_place in self.pieces)
        digits = str(number).rjust(places)
        shown: list[str] = []
        for text, is_place in self.pieces:
            if not is_place:
                shown.append(text)
                continue
            # The first place shows all digits that have none of their own.
            count = len(digits) - places + 1
            own, digits, places = digits[:count], digits[count:], places - 1
            shown.append(own.replace(" ", "0" if text == "0" else ""))
            if not places:
                break
        before, _ = self._literals
        whole = "".join(shown)
        plus = "+" if "+" in before else ""
        return plus + "".join(filter(str.isdecimal, whole[whole.find("+") + 1 :] if plus else whole))


@dataclass(frozen=True)
class ShownDigits:
    """A number's format, as far as it makes phones."""

    code: str

    @cached_property
    def _sections(self) -> list[_Section]:
        sections: list[list[re.Match[str]]] = [[]]
        for piece in _PIECE.finditer(self.code):
            if piece["end"]:
                sections.append([])
            else:
                sections[-1].append(piece)
        return [_Section.of(found) for found in sections]

    def shows_more(self) -> bool:
        """Tell whether of some number a person reads more than its own digits, as of a phone."""
        return any(section.shows_more() for section in self._sections)

    def text(self, number: int) -> str | None:
        """Return the digits that are shown of a number above zero, with the plus before them; None: its own alone."""
        section = self._section_of(number)
        return section.text(number) if section is not None and section.shows_more() else None

    def _section_of(self, number: int) -> _Section | None:
        sections = self._sections
        for at, section in enumerate(sections):
            if section.how is not None:
                if _HOW[section.how](number, section.than):
                    return section
            elif at != _OF_NEGATIVE_NUMBERS or len(sections) == at + 1:
                return section
        return None
