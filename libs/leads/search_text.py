"""What is searched for, and what it is compared with: without accents and case, by the beginnings of words."""

import re
import unicodedata

from libs.fields.invalid_value import InvalidValue
from libs.fields.phone_forms import both_forms
from libs.fields.phones import parse_phone
from libs.fields.text import trimmed, with_few_marks

MOST_WORDS = 10
"""Of a search: more narrow it down no further, and each costs a look into the index."""
_LEAST_DIGITS = 8
_PLAIN_WORD = re.compile("[a-z0-9]+")


def folded(*texts: str | None) -> str:
    """Return the words of the texts without accents, marks and case, between blanks.

    What is neither letter nor digit parts words, so that those of an address are found one by one. Letters that are
    no others with a mark on them, as ``ø``, stay.
    """
    words: list[str] = []
    for text in texts:
        if text and text.isascii():  # most texts, in a tenth of the time
            words.extend(_PLAIN_WORD.findall(text.lower()))
        elif text:
            plain = unicodedata.normalize("NFKD", with_few_marks(text)).casefold()
            # Of what casefold makes some is not in its parts again.
            bare = "".join(char for char in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(char))
            words.extend("".join(char if char.isalnum() else " " for char in bare).split())
    return " ".join(words)


def prefix_query(text: str) -> str | None:
    """Return the search for leads that have, for each word of the text, one that begins so: for ``to_tsquery``.

    None when the text has no word: no lead has one that begins so.
    """
    words = dict.fromkeys(folded(text).split())
    return " & ".join(f"'{word}':*" for word in list(words)[:MOST_WORDS]) or None


def phone_forms(dial_code: str | None, country_code: str | None, national: str | None) -> list[str]:
    """Return all digits under which a stored phone is found: with its dial code, in both forms of Brazil."""
    if not (dial_code and country_code and national):
        return []
    return [dial_code + form for form in both_forms(country_code, national)]


def wanted_phone(text: str) -> list[str] | None:
    """Return the digits that a search for a phone compares, or None when the text is no phone in any spelling."""
    text = trimmed(text)
    if sum(char.isdigit() for char in text) < _LEAST_DIGITS or any(char.isalpha() for char in text):
        return None
    try:
        phone = parse_phone(text)
    except InvalidValue:
        return None
    return phone_forms(phone.dial_code, phone.country_code, phone.national)


def email_key(email: str | None) -> str | None:
    """Return the form in which addresses are the same person's: the case of neither part tells people apart."""
    return email.casefold() if email else None
