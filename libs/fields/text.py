"""Text as people and spreadsheets leave it: what surrounds a value is taken off, what no store takes is taken out."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from itertools import filterfalse, takewhile

TEXT_LIMIT = 255
"""Characters of a name, an e-mail address and a list of tags."""

_TRIMMED_RANGES = (
    (0x00, 0x20),  # controls and the space
    (0x7F, 0xA0),  # more controls and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200F),  # spaces of all widths, zero-width characters, direction marks
    (0x2028, 0x202F),  # line separators, and the direction marks that WhatsApp puts around a copied phone
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),  # byte order mark
)
TRIMMED = "".join(chr(code) for first, last in _TRIMMED_RANGES for code in range(first, last + 1))
"""What nobody sees around a value."""

_NORMALISED_LIMIT = 4 * TEXT_LIMIT
"""Longer text on one line stays as it is: for nearly every field it is too long however it is normalised, for NFC makes
one character of a few at most."""

_MOST_MARKS = 30
"""In a row, of accents and the like. No language has more on one letter (UAX #15, Stream-Safe Text Format), and
normalising puts them in order, which takes time that grows with the square of how many there are."""
_MADE_OF_MARKS = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")
"""What begins with a mark when it is taken apart, and is none by itself."""

_LINE_BREAKS = re.compile("[\t-\r\x1c-\x1e\x85\u2028\u2029]+")
"""Tabs, and all that ``str.splitlines`` takes for a line's end: notes have a line there, other texts a blank."""
_NOT_IN_JSONB = re.compile("[\x00\ud800-\udfff]")
_UNSTORABLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")


def trimmed(text: str) -> str:
    """Return the text without what is not seen around its value."""
    stripped = text.strip()
    # Of all that is trimmed only the space is printable. So a printable text is done after the plain strip, which
    # takes a quarter of the time of one that looks for every character of TRIMMED.
    return stripped if stripped.isprintable() else stripped.strip(TRIMMED)


def all_trimmed(texts: Sequence[str]) -> list[str]:
    """Return ``trimmed`` of each text."""
    if "".join(texts).isprintable():
        return [text.strip() for text in texts]
    return [trimmed(text) for text in texts]


def without_unstorable(text: str) -> str:
    """Return the text without NUL, which PostgreSQL's jsonb refuses, and lone surrogates, which UTF-8 does not have."""
    return _NOT_IN_JSONB.sub("", text)


def is_storable(text: str) -> bool:
    """Tell whether ``without_unstorable`` leaves the text as it is, in a tenth of its time."""
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate
        return False
    return "\0" not in text


def tidy(text: str) -> str:
    """Return the text on one line, without characters that no store takes, in NFC.

    What has more marks in a row than any language writes is in no form: it stays as it is.
    """
    if not text.isprintable():
        text = _UNSTORABLE.sub("", _LINE_BREAKS.sub(" ", text))
    if text.isascii() or len(text) > _NORMALISED_LIMIT:
        return text
    # Whether it is in NFC already is told as quickly as it is normalised then, and nearly all text is.
    if len(text) > _MOST_MARKS and (unicodedata.is_normalized("NFC", text) or has_too_many_marks(text)):
        return text
    return unicodedata.normalize("NFC", text)


def has_too_many_marks(text: str) -> bool:
    """Tell whether more marks stand in a row than any language writes: such a text takes long to normalise."""
    if len(text) <= _MOST_MARKS or text.isascii():
        return False
    # Of each row of so many characters one is looked at.
    return any(
        _marks(text[at - _MOST_MARKS : at][::-1]) + _marks(text[at : at + _MOST_MARKS + 1]) > _MOST_MARKS
        for at in range(_MOST_MARKS, len(text), _MOST_MARKS + 1)
        if _is_mark(text[at])
    )


def with_few_marks(text: str) -> str:
    """Return the text without marks beyond those that any language writes in a row, for a look at its letters."""
    if not has_too_many_marks(text):
        return text
    kept: list[str] = []
    row = 0
    for char in text:
        row = row + 1 if _is_mark(char) else 0
        if row <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def without_marks(text: str, most: int | None = None) -> str:
    """Return a text in small letters without their accents, however it is written: what headers are compared by.

    ``most``: characters that are looked at once they are taken apart. One may be eighteen (``U+FDFA``).
    """
    plain = unicodedata.normalize("NFKD", with_few_marks(text))[:most].casefold()
    return plain if plain.isascii() else "".join(filterfalse(unicodedata.combining, plain))


def _marks(text: Iterable[str]) -> int:
    """Return how many marks a text begins with."""
    return sum(1 for _ in takewhile(_is_mark, text))


def _is_mark(char: str) -> bool:
    return bool(unicodedata.combining(char)) or char in _MADE_OF_MARKS
