"""Text as people and spreadsheets leave it: what surrounds a value is taken off, what no store takes is taken out."""

import re
import unicodedata
from collections.abc import Sequence

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
"""Longer text stays as it is, because it is too long for every field however it is normalised: NFC makes one character
of a few at most. It must not even be tried: normalising can take time that grows with the square of the length."""

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


def tidy(text: str) -> str:
    """Return the text on one line, without characters that no store takes, in NFC."""
    if not text.isprintable():
        text = _UNSTORABLE.sub("", _LINE_BREAKS.sub(" ", text))
    if text.isascii() or len(text) > _NORMALISED_LIMIT:
        return text
    return unicodedata.normalize("NFC", text)
