"""Numbers of spreadsheets as people read them."""

import struct
from decimal import Decimal
from functools import lru_cache

from libs.fields.custom_values import NumberText, may_be_thousands

_DIGITS_OF_A_DOUBLE = 1e15
"""Below it a double holds every integer, and is printed as one."""
_SHOWN_BY_EXCEL = ".15g"
"""So many digits at most ("Excel specifications and limits")."""
_HUNDREDTHS, _INTEGER = 1, 2
_MOST_REMEMBERED = 4_096
"""Of the numbers last read: a small file can hold one in millions of cells."""


def number_text(number: float) -> str:
    """Return the digits that a person reads, without ``.0`` and exponent: those that were typed, or that Excel shows of
    what was calculated.
    """
    if number.is_integer() and abs(number) < _DIGITS_OF_A_DOUBLE:
        return str(int(number))
    return _exactly(number)


@lru_cache(_MOST_REMEMBERED)
def _exactly(number: float) -> str:
    # Of a double repr finds the shortest digits that make it, which are those that were typed. Of a fraction nobody has
    # typed more than Excel shows: 19.9 times 3 is 59.699999999999996, and everybody reads 59.7.
    digits = repr(number) if number.is_integer() else format(number, _SHOWN_BY_EXCEL)
    text = format(Decimal(digits), "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return NumberText(text) if may_be_thousands(text) else text


def short_number(written: bytes) -> float:
    """Return a number that is written in four bytes (RkNumber of [MS-XLS] and [MS-XLSB]): an integer, or the upper 30
    bits of a float. Raises struct.error where they are not four.
    """
    bits: int
    (bits,) = struct.unpack("<i", written)
    number: float
    if bits & _INTEGER:
        number = float(bits >> 2)
    else:
        (number,) = struct.unpack("<d", struct.pack("<q", (bits & ~3) << 32))
    return number / 100 if bits & _HUNDREDTHS else number
