"""Numbers of spreadsheets as people read them."""

from decimal import Decimal

_DIGITS_OF_A_DOUBLE = 1e15
"""Below it a double holds every integer, and is printed as one."""


def number_text(number: float) -> str:
    """Return the digits that were typed: exactly, without ``.0`` and exponent."""
    if number.is_integer() and abs(number) < _DIGITS_OF_A_DOUBLE:
        return str(int(number))
    # repr finds the shortest digits that make this double, which are those that were typed.
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
