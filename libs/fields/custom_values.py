"""Values of fields that a company has of its own: which texts of a spreadsheet are a value of each type."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from libs.fields.invalid_value import InvalidValue
from libs.fields.text import tidy

FieldType = Literal["string", "number", "boolean", "date"]
Value = str | bool | int | float

KEY = r"[A-Za-z_][A-Za-z0-9_]{0,63}"
"""What a field's key may be."""
LONGEST_KEY = 64
"""Characters of a key."""
MOST_FIELDS = 50
"""Fields of its own that a company may have."""
LONGEST = 1_000
"""Characters of a value."""
LARGEST = 1e15
"""Of a number, so that every reader of JSON has it exactly."""

_PLAIN = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)", re.ASCII)
_GROUPED = re.compile(r"[+-]?\d{1,3}((?P<group>[.,])\d{3}((?P=group)\d{3})*)([.,]\d*)?", re.ASCII)
_TWO_WAYS = re.compile(r"[+-]?[1-9]\d{0,2}[.,]\d{3}", re.ASCII)
"""A thousand and more where somebody wrote it in groups, a fraction of three digits where somebody did not."""
_CODE = re.compile(r"[+-]?0(\d|[.,]\d{3}[.,]\d)", re.ASCII)
_WORDS = {
    **dict.fromkeys(("true", "yes", "y", "sim", "s", "verdadeiro", "1"), True),
    **dict.fromkeys(("false", "no", "n", "não", "nao", "falso", "0"), False),
}
_ISO = re.compile(r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})([ T]00:00:00)?", re.ASCII)
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})[/.](?P<month>\d{1,2})[/.](?P<year>\d{4})", re.ASCII)


class NumberText(str):
    """The digits of a number that a workbook keeps as one: its point is that of a fraction, whoever may read it."""

    __slots__ = ()


def may_be_thousands(text: str) -> bool:
    """Tell whether a number is written so that the text alone tells no fraction from thousands."""
    return _TWO_WAYS.fullmatch(text) is not None


@dataclass(frozen=True, slots=True)
class OwnField:
    """A field that a company has of its own, or is about to have."""

    key: str
    label: str
    type: FieldType


def parse_string(text: str) -> str:
    """Return a text of one line. Raises InvalidValue (``value_too_long``), as all of these do with their own code."""
    value = tidy(text)
    if len(value) > LONGEST:
        raise InvalidValue("value_too_long")
    return value


def parse_number(text: str) -> int | float:
    """Return a number that is written with a point or a comma, with or without groups of thousands.

    One that may be read in two ways (``1.234``) is refused: nobody sees afterwards which was meant. So is one that
    begins with a zero for nothing (``0012``, ``0.123.456``): it is a code, which would be another one without it. The
    number of a cell (``NumberText``) is read in one way.
    """
    if _CODE.match(text):
        raise InvalidValue("number_invalid")
    if may_be_thousands(text) and not isinstance(text, NumberText):
        raise InvalidValue("number_ambiguous")
    if _PLAIN.fullmatch(text):
        plain = text.replace(",", ".")
    elif grouped := _GROUPED.fullmatch(text):
        group = grouped["group"]
        rest = grouped[4] or ""
        if rest.startswith(group):
            raise InvalidValue("number_invalid")
        plain = text[: len(text) - len(rest)].replace(group, "") + rest.replace(",", ".")
    else:
        raise InvalidValue("number_invalid")
    number = float(plain)
    if not abs(number) < LARGEST:
        raise InvalidValue("number_invalid")
    return int(number) if number.is_integer() else number


def parse_boolean(text: str) -> bool:
    """Return yes or no, by the words of both languages and those of spreadsheets."""
    found = _WORDS.get(text.casefold())
    if found is None:
        raise InvalidValue("boolean_invalid")
    return found


def parse_date(text: str) -> str:
    """Return a date as ``2026-11-28``; it may be written so, or with the day first."""
    found = _ISO.fullmatch(text) or _DAY_FIRST.fullmatch(text)
    if found is None:
        raise InvalidValue("date_invalid")
    try:
        return date(int(found["year"]), int(found["month"]), int(found["day"])).isoformat()
    except ValueError:
        raise InvalidValue("date_invalid") from None


PARSERS: Mapping[FieldType, Callable[[str], Value]] = {
    "string": parse_string,
    "number": parse_number,
    "boolean": parse_boolean,
    "date": parse_date,
}
