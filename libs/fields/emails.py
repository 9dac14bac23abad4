"""E-mail addresses, as ``email_validator`` judges them; plain ones are judged here, which is faster."""

import re
from functools import lru_cache
from operator import gt
from unicodedata import normalize

from email_validator import (
    SPECIAL_USE_DOMAIN_NAMES,
    EmailNotValidError,
    validate_email,
)
from email_validator.rfc_constants import CASE_INSENSITIVE_MAILBOX_NAMES

from libs.fields.invalid_value import InvalidValue
from libs.fields.text import TEXT_LIMIT, has_too_many_marks

_ATOM = r"[a-zA-Z0-9_!#$%&'*+\-/=?^`{|}~]+"
_LABEL = r"[a-zA-Z0-9](?:-?[a-zA-Z0-9])*"
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@((?:{_LABEL}\.)+[a-zA-Z]+)")
_SPECIAL_DOMAINS = tuple(f".{name}" for name in SPECIAL_USE_DOMAIN_NAMES)
_MAILBOXES_WITHOUT_CASE = frozenset(CASE_INSENSITIVE_MAILBOX_NAMES)
_SHORT = 64
"""Characters. A whole address of so many breaks no limit of length: 64 are allowed before the @, 63 in each label of a
domain, and more in an address and in its domain. Longer ones are counted by ``email_validator``."""
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
"""Also those that ``idna`` takes for one."""
_MOST_FOREIGN = (10, 3, 63, 25)
"""Parts of a domain of which one is of no plain letters or stands for such (``xn--``); of these parts how many, their
characters, and those that are no plain letters. What ``idna`` takes for each part, and by the square of such letters,
comes to 10 ms where an address is full of them. A plain address takes 1 µs."""
_REMEMBERED = 4_096
"""Addresses that are not plain: of a row that is invalid for another cell's sake each is asked for three times."""


def parse_email(text: str) -> str | None:
    """Return the address as ``email_validator`` normalises it, or None for an empty text. No DNS is asked.

    ``text`` is trimmed. Raises InvalidValue with ``email_too_long``, ``email_invalid``, the latter also for characters
    that no store takes.
    """
    if not text:
        return None
    if len(text) > TEXT_LIMIT:
        raise InvalidValue("email_too_long")
    plain = None if text[0] == "'" else _PLAIN.fullmatch(text)
    if plain:
        local, domain = plain.groups()
        domain = domain.lower()
        if (
            len(text) <= _SHORT
            and local.lower() not in _MAILBOXES_WITHOUT_CASE
            and not domain.endswith(_SPECIAL_DOMAINS)
        ):
            return f"{local}@{domain}"
    return parse_any_email(text)


def parse_any_email(text: str) -> str:
    """Do what ``parse_email`` does with a trimmed address, always asking ``email_validator``."""
    # Typed before a cell's value, an apostrophe keeps a spreadsheet from reading it as something else. It stays where
    # the file was made by a program that does not know this.
    text = text.removeprefix("'")
    if has_too_many_marks(text):  # it would be normalised, again and again
        raise InvalidValue("email_invalid")
    found = _normalized(text)
    if found is None:
        raise InvalidValue("email_invalid")
    return found


@lru_cache(_REMEMBERED)
def _normalized(text: str) -> str | None:
    # As ``idna`` unfolds them: one sign may stand for a word of many letters.
    parts = _DOTS.split(normalize("NFKC", text.rpartition("@")[2]))
    foreign = [part for part in parts if not part.isascii() or part[:4].lower() == "xn--"]
    letters = "".join(foreign)
    has = (len(parts), len(foreign), len(letters), sum(not letter.isascii() for letter in letters))
    if foreign and any(map(gt, has, _MOST_FOREIGN)):
        return None
    try:
        return validate_email(text, check_deliverability=False).normalized
    except EmailNotValidError:
        return None
