"""The columns other than the phone: what a cell may hold and what is stored of it.

Every function takes the text of a trimmed cell and raises InvalidCell with a code of ``ROW_ERRORS``. None of them lets
a control character or a lone surrogate through: PostgreSQL refuses NUL, UTF-8 refuses surrogates. Names and
tags lose them (nobody sees them in a spreadsheet), in the other columns they make the value invalid.
"""

import re
import unicodedata
from functools import lru_cache

from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from services.api.domain.cells import InvalidCell, trimmed

TEXT_LIMIT = 255
"""Characters of a name, an e-mail address and a tags cell."""

TAGS_LIMIT = 5
"""Tags of one row."""

_NORMALISED_LIMIT = 4 * TEXT_LIMIT
"""NFC joins at most a few characters into one. Longer text is too long without asking (NFC can be quadratic)."""

_LINE_BREAKS = re.compile("[\t-\r\x85\u2028\u2029]+")
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")

_CPF_PUNCTUATION = re.compile(r"[.\-/\s\u2010-\u2015]+")
_PLAIN_CPF = re.compile(r"(\d{3})\.?(\d{3})\.?(\d{3})-?(\d{2})", re.ASCII)
_CPF_DIGITS = re.compile(r"\d{1,11}", re.ASCII)
_ASCII_ZERO = ord("0")
_DECIMAL_ZERO = re.compile(r"(\d{9,11})[.,]0", re.ASCII)

_ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-zA-Z0-9](?:-?[a-zA-Z0-9])*"
_PLAIN_EMAIL = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[a-zA-Z]+)")
_SPECIAL_DOMAINS = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)
_MAILBOXES_WITHOUT_CASE = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_SHORT_EMAIL = 64
"""Shorter than every limit on an address, a domain and a label."""


def _tidy(text: str) -> str:
    """Return the text on one line, without characters that no store takes, in NFC."""
    if not text.isprintable():
        text = _UNSTORABLE.sub("", _LINE_BREAKS.sub(" ", text))
    if text.isascii() or len(text) > _NORMALISED_LIMIT:
        return text
    return unicodedata.normalize("NFC", text)


def parse_name(text: str) -> str:
    """Return the name: 1 to 255 characters. Raises ``name_missing``, ``name_too_long``."""
    name = _tidy(text)
    if not name:
        raise InvalidCell("name_missing")
    if len(name) > TEXT_LIMIT:
        raise InvalidCell("name_too_long")
    return name


def parse_cpf(text: str) -> str | None:
    """Return the CPF's 11 digits, or None for an empty cell. Raises ``cpf_invalid``.

    A number cell loses the zeros that a CPF begins with; they are put back when the check digits then hold.
    """
    if not text:
        return None
    plain = _PLAIN_CPF.fullmatch(text)
    if plain:
        digits = "".join(plain.groups())
        if has_cpf_check_digits(digits):
            return digits
        raise InvalidCell("cpf_invalid")
    text = text.removeprefix("'")
    decimal = _DECIMAL_ZERO.fullmatch(text)
    digits = decimal[1] if decimal else _CPF_PUNCTUATION.sub("", text)
    if not _CPF_DIGITS.fullmatch(digits):
        raise InvalidCell("cpf_invalid")
    digits = digits.zfill(11)
    if not has_cpf_check_digits(digits):
        raise InvalidCell("cpf_invalid")
    return digits


def has_cpf_check_digits(digits: str) -> bool:
    """Tell whether 11 digits are a CPF, exactly as ``validate_docbr.CPF`` tells.

    The last two digits weigh the others (Receita Federal); eleven equal digits would hold and are no CPF.
    """
    a, b, c, d, e, f, g, h, i, first, second = digits.encode()
    weighed = 10 * a + 9 * b + 8 * c + 7 * d + 6 * e + 5 * f + 4 * g + 3 * h + 2 * i - _ASCII_ZERO * 54
    first -= _ASCII_ZERO
    if weighed * 10 % 11 % 10 != first:
        return False
    weighed += a + b + c + d + e + f + g + h + i - _ASCII_ZERO * 9 + 2 * first
    return weighed * 10 % 11 % 10 == second - _ASCII_ZERO and digits != digits[0] * 11


def parse_email(text: str) -> str | None:
    """Return the address as ``email_validator`` normalises it, or None for an empty cell. No DNS is asked.

    Raises ``email_too_long``, ``email_invalid``.
    """
    if not text:
        return None
    if len(text) > TEXT_LIMIT:
        raise InvalidCell("email_too_long")
    plain = _PLAIN_EMAIL.fullmatch(text)
    if plain:
        local, domain = plain.groups()
        domain = domain.lower()
        if (
            len(text) <= _SHORT_EMAIL
            and local.lower() not in _MAILBOXES_WITHOUT_CASE
            and not domain.endswith(_SPECIAL_DOMAINS)
        ):
            return f"{local}@{domain}"
    return parse_any_email(text)


def parse_any_email(text: str) -> str:
    """Do what ``parse_email`` does with a trimmed address, always asking ``email_validator``."""
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        raise InvalidCell("email_invalid") from None


@lru_cache(maxsize=256)
def parse_tags(text: str) -> tuple[str, ...]:
    """Return the tag names of a cell, in order, each once (compared by case folding).

    Raises ``tags_too_long`` over 255 characters of the whole cell, ``tags_too_many`` over 5 names.
    """
    text = _tidy(text)
    if not text:
        return ()
    if len(text) > TEXT_LIMIT:
        raise InvalidCell("tags_too_long")
    if "," not in text:
        return (text,)
    names: dict[str, str] = {}
    for part in text.split(","):
        name = trimmed(part)
        if name:
            names.setdefault(name.casefold(), name)
    if len(names) > TAGS_LIMIT:
        raise InvalidCell("tags_too_many")
    return tuple(names.values())
