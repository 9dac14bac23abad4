"""CPF: the number that Brazil's revenue service (Receita Federal) gives a person."""

import re
from itertools import accumulate

from libs.fields.invalid_value import InvalidValue

_PUNCTUATION = re.compile(r"[.\-/\s\u2010-\u2015]+")
_PLAIN = re.compile(r"(\d{3})\.?(\d{3})\.?(\d{3})-?(\d{2})", re.ASCII)
_LENGTH = 11
_DIGITS = re.compile(r"\d{8,11}", re.ASCII)
"""A number cell eats the zeros that a CPF begins with: three at most are believed. One in a hundred of an office's own
short numbers would be somebody's CPF."""
_GROUPS = re.compile(r"\d+", re.ASCII)
_GAPS = frozenset({2, 5, 8})
"""How many digits stand to the right of the places where a CPF is divided: 529.982.247-25."""
_ASCII_ZERO = ord("0")
_DECIMAL_ZERO = re.compile(r"(\d{8,11})[.,]0+", re.ASCII)
"""A number that a tool wrote as a decimal. Read as digits alone, its zero would become part of the CPF."""


def parse_cpf(text: str) -> str | None:
    """Return the 11 digits of the CPF that a trimmed text holds, or None for an empty text.

    A number cell loses the zeros that a CPF begins with; up to three are put back when the check digits then hold. Not
    where the digits are grouped otherwise than a CPF's: in 529.982.247-2 a last one is missing, and 2024-01-01 is a
    date. One in a hundred would be somebody's CPF. Raises InvalidValue with ``cpf_invalid``, also for characters that
    no store takes.
    """
    if not text:
        return None
    plain = _PLAIN.fullmatch(text)
    if plain:
        digits = "".join(plain.groups())
        if has_cpf_check_digits(digits):
            return digits
        raise InvalidValue("cpf_invalid")
    text = text.removeprefix("'")
    decimal = _DECIMAL_ZERO.fullmatch(text)
    if decimal:
        text = decimal[1]
    digits = _PUNCTUATION.sub("", text)
    if not _DIGITS.fullmatch(digits):
        raise InvalidValue("cpf_invalid")
    if len(digits) < _LENGTH and not _GAPS.issuperset(_gaps(text)):
        raise InvalidValue("cpf_invalid")
    digits = digits.zfill(_LENGTH)
    if not has_cpf_check_digits(digits):
        raise InvalidValue("cpf_invalid")
    return digits


def _gaps(text: str) -> list[int]:
    """Return how many digits stand to the right of each place where something else stands between digits."""
    groups = [len(group) for group in _GROUPS.findall(text)]
    return list(accumulate(reversed(groups[1:])))


def has_cpf_check_digits(digits: str) -> bool:
    """Tell whether 11 digits are a CPF, exactly as ``validate_docbr.CPF`` tells.

    The last two digits check the others, each of them weighed (Receita Federal). Eleven equal digits would pass the
    check and are no CPF.
    """
    # The digits' ASCII codes are summed as they are, and what "0" adds to each of them is taken off the sum: 54 is
    # the sum of the first check's weights, 9 what the second's weights (one more each) add to that.
    a, b, c, d, e, f, g, h, i, first, second = digits.encode()
    weighed = 10 * a + 9 * b + 8 * c + 7 * d + 6 * e + 5 * f + 4 * g + 3 * h + 2 * i - _ASCII_ZERO * 54
    first -= _ASCII_ZERO
    if weighed * 10 % 11 % 10 != first:
        return False
    weighed += a + b + c + d + e + f + g + h + i - _ASCII_ZERO * 9 + 2 * first
    return weighed * 10 % 11 % 10 == second - _ASCII_ZERO and digits != digits[0] * 11
