"""With which characters a phone may be written: for what reads phones, and for what finds them among other text."""

import re
import unicodedata
from functools import lru_cache

SEPARATORS = r"\s().\-/\[\]"
"""What may stand before, between and behind a phone's digits, as a pattern's class, once its characters are plain."""
BEFORE_DIGITS = r"(?:0[xX]{2}|p:(?=\+))"
"""Letters that may: how Brazil writes "dial the carrier of your choice here", (0xx11) 3234-5678, and by which Meta's
lead ads keep spreadsheets from taking a phone for a formula, p:+5511912345678."""

_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"), "-")
_OF_A_PHONE = re.compile(rf"[\d+{SEPARATORS}]*")


def in_plain_characters(text: str) -> str:
    """Return a text of a phone's length as it reads: in narrow digits and plain hyphens, without what nobody sees."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_DASHES)
    return "".join(char for char in text if unicodedata.category(char) != "Cf")


def with_plain_phones(text: str) -> str:
    """Return a text of any length whose phones are in plain characters; what is no part of a phone stays as it is.

    Each character is looked at by itself, and once: to normalise all of a text can take time that grows with the square
    of its length, and would make a separator of what looks like one.
    """
    if text.isascii():
        return text
    return text.translate({ord(char): _of_a_phone(char) for char in set(text) if not char.isascii()})


@lru_cache(maxsize=1 << 14)
def _of_a_phone(char: str) -> str:
    """Return a character as phones have it, or as it is: a text of Chinese or Korean has the same ones in each cell."""
    plain = in_plain_characters(char)
    return plain if _OF_A_PHONE.fullmatch(plain) else char
