"""Phones as people type them, and the one form in which they are stored.

``phonenumbers`` (Google's metadata) decides what is valid. Two rules are ours: a number without a country is
Brazilian, and a Brazilian mobile without its ninth digit gets it.

Most rows hold a plain Brazilian number, for which asking ``phonenumbers`` costs thirty times more than a
table of its own ranges. The tests prove both ways equal, exhaustively over DDDs and prefixes.
"""

import re
import unicodedata
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType

from libs.fields.invalid_value import InvalidValue

_BRAZIL = "BR"
_BRAZIL_DIAL_CODE = 55
_NON_GEOGRAPHIC = "001"
"""What ``phonenumbers`` names in place of a country for numbers that belong to none, such as +800."""
_KINDS_WITH_DDD = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)

_DDD_DIGITS = 2
_MOBILE_DIGITS = 9
_LANDLINE_DIGITS = 8
_GAPS_OF_EIGHT: tuple[set[int], ...] = (set(), {4}, {2, 4}, {2, 4, 6})
"""Where something may stand between eight digits: so many from the right. None, 1234-5678, 1234-56-78, 12 34 56 78."""

_LONGEST = 64
"""Characters. Nobody types a number in more, so longer text is refused before any pattern below looks at it."""

_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_DECIMAL_ZERO = re.compile(r"(\d{8,})[.,]0+")
"""A number that a tool wrote as a decimal. Read as digits alone, its zero would become part of the phone."""

_SEPARATORS = re.compile(r"[\s().\-/\[\]]+")
_COMPACT = re.compile(r"\+?\d{8,20}")
_TWO_NUMBERS = re.compile(r"(?:\d\D*){8,}/")
"""8 digits and a slash: a second number follows ("3234-5678/79"). A slash after the DDD alone is fine."""
_DECIMAL = re.compile(r"\d{8,}[.,]\d{1,3}")
"""A number with a fraction: nobody types a phone so, a program calculated it."""
_GROUPS = re.compile(r"\d+")
_PREFIX_LIKE_A_DDD = re.compile(r"\W*(?:55|(0)\W*[1-9]\d)")
"""The country's code without a plus, or a zero and a carrier."""
_CARRIER_PLACEHOLDER = re.compile(r"\(?0xx", re.IGNORECASE)
"""How Brazil writes "dial the carrier of your choice here": (0xx11) 3234-5678. What follows is the DDD."""
_INTERNATIONAL_BY_CARRIER = re.compile(r"00\s*(?:1[245]|2[1-35]|99)[^0-9]|00(?:1[245]|2[1-35]|99)\d{8,}")
"""00, a Brazilian carrier, and a foreign number. Carriers that are also a country's code are not looked for: 0055 and a
number with a digit too many is none of the Netherlands by carrier 55."""
_DASHES = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"), "-")

_WITHOUT_NINTH_DIGIT = re.compile(r"(\d\d)([6-9]\d{7})", re.ASCII)
_PLAIN = re.compile(
    r"(?!55[ .(-]+0?\d{6}[ .-])(?:\+?55[ .-]?)?\(?0?([1-9][1-9])\)?[ .-]?(9[ .]?)?(\d)(\d{3})[ .-]?(\d{4})",
    re.ASCII,
)


class Phone(NamedTuple):
    """A valid phone in its one canonical form."""

    dial_code: str
    """Country calling code without plus: "55"."""
    country_code: str
    """ISO 3166-1 alpha-2: "BR"."""
    national: str
    """National number: for Brazil DDD and subscriber number, mobiles with their ninth digit."""


def _prefixes(kind: str, after_ddd: str) -> frozenset[str]:
    """Return the DDDs, each with the first digit of eight, for which ``phonenumbers`` knows numbers of a kind.

    ``after_ddd`` stands between them: the ninth digit of mobiles. The tests prove that no later digit matters.
    """
    description = getattr(PhoneMetadata.metadata_for_region(_BRAZIL), kind)
    pattern = re.compile(description.national_number_pattern)
    return frozenset(
        f"{ddd}{first}"
        for ddd in range(10, 100)
        for first in range(10)
        if pattern.fullmatch(f"{ddd}{after_ddd}{first}0000000")
    )


_LANDLINES = _prefixes("fixed_line", "")
_MOBILES = _prefixes("mobile", "9")


def parse_phone(text: str) -> Phone:
    """Return the phone that a trimmed text holds.

    Raises InvalidValue with ``phone_missing`` for an empty text, ``phone_scientific`` for a number that a
    spreadsheet shortened (5,51E+12), and ``phone_invalid`` for everything that is not exactly one valid number:
    letters, extensions, two numbers, Brazilian numbers without DDD (0800 and 4004 have none either).
    """
    if not text:
        raise InvalidValue("phone_missing")
    return plain_phone(text) or parse_any_phone(text)


def plain_phone(text: str) -> Phone | None:
    """Return the phone when the text is a valid Brazilian number in a usual form.

    None means only that this fast way does not know: the text may still be a valid phone, of another country or in
    another form, which ``parse_any_phone`` finds out.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return None
    ddd, ninth, first, prefix, rest = plain.groups()
    area = ddd + first
    if ninth or first in "6789":
        return Phone("55", _BRAZIL, f"{ddd}9{first}{prefix}{rest}") if area in _MOBILES else None
    return Phone("55", _BRAZIL, f"{area}{prefix}{rest}") if area in _LANDLINES else None


def parse_any_phone(text: str) -> Phone:
    """Do what ``parse_phone`` does with a trimmed text, always asking ``phonenumbers``."""
    if len(text) > _LONGEST:
        raise InvalidValue("phone_invalid")
    text = text.removeprefix("'")
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_DASHES)
        text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidValue("phone_scientific")
    decimal = _DECIMAL_ZERO.fullmatch(text)
    if decimal:
        text = decimal[1]
    if _TWO_NUMBERS.match(text) or _DECIMAL.fullmatch(text):
        raise InvalidValue("phone_invalid")
    compact = _SEPARATORS.sub("", _CARRIER_PLACEHOLDER.sub("+55", text, count=1))
    if not _COMPACT.fullmatch(compact):
        raise InvalidValue("phone_invalid")
    # phonenumbers reads 00 as "international, by this carrier", because that is how Brazil dials. People
    # who type 00 mean plus: 0055 34 91234-5678 is Uberlandia, not "by carrier 55 to Madrid".
    readings = ["+" + compact[2:] if compact.startswith("00") else compact]
    if _INTERNATIONAL_BY_CARRIER.match(text):
        readings.append(compact)
    for reading in readings:
        phone = _decide(reading)
        if phone and not _has_lost_a_digit(text, phone) and not _has_a_digit_too_many(text, phone):
            return phone
    raise InvalidValue("phone_invalid")


def _has_lost_a_digit(text: str, phone: Phone) -> bool:
    """Tell whether the text groups its digits as one does who types more of them than are there.

    A Brazilian mobile may be typed without its ninth digit: eight, of which four are set apart, or pairs. Where they
    are grouped otherwise, ``9 1234-567`` or ``91234-567``, or where the DDD is torn, ``(1) 91234-5678``, nine were
    meant and another one is lost: with a ninth digit put in front this would be another person's number.
    """
    if phone.country_code != _BRAZIL:
        return False
    groups = [len(group) for group in _GROUPS.findall(text)]
    digits = sum(groups)
    # How many digits stand to the right of each place where something else stands between digits.
    gaps = {digits - sum(groups[: count + 1]) for count in range(len(groups) - 1)}
    typed = len(phone.national) - _DDD_DIGITS
    if typed == _MOBILE_DIGITS and not _holds(text, phone.national):
        typed -= 1
        if {gap for gap in gaps if gap < typed} not in _GAPS_OF_EIGHT:
            return True
    is_ddd_torn = typed + 1 in gaps
    return is_ddd_torn and max(groups) > 1


def _has_a_digit_too_many(text: str, phone: Phone) -> bool:
    """Tell whether the DDD was read as a country or carrier, because a digit too many follows it.

    ``(55) 97274-61306`` would be a landline of DDD 97, and ``(021) 93234-56789`` one of DDD 93 that carrier 21 dials:
    another person's. Both have eight digits behind a prefix, and are grouped as somebody does who types nine.
    """
    prefix = _PREFIX_LIKE_A_DDD.match(text)
    if phone.country_code != _BRAZIL or prefix is None or text.lstrip("([").startswith("+"):
        return False
    groups = [len(group) for group in _GROUPS.findall(text)]
    digits, national = sum(groups), phone.national
    typed = len(national) - (len(national) == _DDD_DIGITS + _MOBILE_DIGITS and not _holds(text, national))
    if typed != _DDD_DIGITS + _LANDLINE_DIGITS or digits - typed < _DDD_DIGITS or max(groups) == 1:
        return False
    gaps = {digits - sum(groups[: count + 1]) for count in range(len(groups) - 1)}
    inside = {gap for gap in gaps if gap < _LANDLINE_DIGITS}
    is_prefix_apart, is_ddd_apart = typed in gaps, _LANDLINE_DIGITS in gaps
    if inside not in _GAPS_OF_EIGHT or (is_prefix_apart and inside and not is_ddd_apart):
        return True
    return bool(prefix[1]) and not is_prefix_apart  # a carrier is written apart, a DDD may not be


def _holds(text: str, national: str) -> bool:
    return "".join(_GROUPS.findall(text)).endswith(national)


def _decide(compact: str) -> Phone | None:
    """Return the phone that ``phonenumbers`` reads from a plus and digits, or None when it is not valid."""
    try:
        number = phonenumbers.parse(compact, _BRAZIL)
    except NumberParseException:
        return None
    if number.country_code == _BRAZIL_DIAL_CODE:
        old = _WITHOUT_NINTH_DIGIT.fullmatch(str(number.national_number))
        if old:
            number.national_number = int(f"{old[1]}9{old[2]}")
    if not phonenumbers.is_valid_number(number):
        return None
    country_code = phonenumbers.region_code_for_number(number)
    if country_code is None or country_code == _NON_GEOGRAPHIC:
        return None
    if country_code == _BRAZIL and phonenumbers.number_type(number) not in _KINDS_WITH_DDD:
        return None
    return Phone(str(number.country_code), country_code, phonenumbers.national_significant_number(number))
