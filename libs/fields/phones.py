"""Phones as people type them, and the one form in which they are stored.

``phonenumbers`` (Google's metadata) decides what is valid. Two rules are ours: a number without a country is
Brazilian, and a Brazilian mobile without its ninth digit gets it.

Most rows hold a plain Brazilian number, for which asking ``phonenumbers`` costs thirty times more than a
table of its own ranges. The tests prove both ways equal, exhaustively over DDDs and prefixes.
"""

import re
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneMetadata, PhoneNumberType

from libs.fields.invalid_value import InvalidValue
from libs.fields.phone_groups import are_of_another_number, is_fraction, tears_its_country
from libs.fields.phone_text import SEPARATORS, in_plain_characters

_BRAZIL = "BR"
_BRAZIL_DIAL_CODE = 55
_NON_GEOGRAPHIC = "001"
"""What ``phonenumbers`` names in place of a country for numbers that belong to none, such as +800."""
_KINDS_WITH_DDD = (PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE)

_LONGEST = 64
"""Characters. Nobody types a number in more, so longer text is refused before any pattern below looks at it."""

_SCIENTIFIC = re.compile(r"\d+(?:[.,]\d+)?e\+?\d+", re.IGNORECASE)
_DECIMAL_ZERO = re.compile(r"(\+?\d{8,})[.,]0+")
"""A number that a tool wrote as a decimal. Read as digits alone, its zero would become part of the phone."""

_SEPARATORS = re.compile(f"[{SEPARATORS}]+")
_COMPACT = re.compile(r"\+?\d{8,20}")
_TWO_NUMBERS = re.compile(r"(?:[^\d+]*\+\D*(?!55)\d\D*)?(?:\d\D*){8,}/\D*\d")
"""8 digits and a slash, behind a plus 9: a second number follows ("3234-5678/79"). A slash after the DDD alone is fine.
Behind ``+55`` the groups tell two numbers."""
_BEHIND_IN_BRACKETS = re.compile(r"[(\[]\W{0,9}\d{1,3}\W*\Z")
"""An area or an extension behind the number, of any country: none ends in so few digits in brackets of their own."""
_CALCULATED = re.compile(r"\+?\d{8,}[.,]\d{1,3}|-\d{6,}(?:[.,]\d+)?")
"""A number with a fraction, or below zero: nobody types a phone so, a program calculated it. Of ``+55-11912345678``
spreadsheets make a sum, which has the digits of another phone.
"""
_CARRIER_PLACEHOLDER = re.compile(r"(?:(?:\+|00|\b)\W{0,2}55\W{0,3})?\(?0xx", re.IGNORECASE)
"""What follows is the DDD."""
_OF_TURKEY = re.compile(r"[^\d+]*90(?:\D*\d){10}\D*")
"""A number as WhatsApp and CRMs write it, without its plus. In Brazil one dials 90 for the other side to pay, which
``phonenumbers`` leaves out: of ten digits behind it a Brazilian phone would be left."""
_PUT_BEFORE = re.compile(r"\A(?:'|p:(?=\+))")
"""By which a spreadsheet, or Meta's lead ads (``p:+5511912345678``), says that this is a text and no formula."""
_INTERNATIONAL_BY_CARRIER = re.compile(r"00\s*(?:1[245]|2[1-35]|99)[^0-9]|00(?:1[245]|2[1-35]|99)\d{8,}")
"""00, a Brazilian carrier, and a foreign number. Carriers that are also a country's code are not looked for: 0055 and a
number with a digit too many is none of the Netherlands by carrier 55."""

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


_made = tuple.__new__
"""What a named tuple's own constructor comes to, in two thirds of its time."""


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
        if not ninth and is_fraction(text):
            return None
        return _made(Phone, ("55", _BRAZIL, f"{ddd}9{first}{prefix}{rest}")) if area in _MOBILES else None
    return _made(Phone, ("55", _BRAZIL, f"{area}{prefix}{rest}")) if area in _LANDLINES else None


def parse_any_phone(text: str) -> Phone:
    """Do what ``parse_phone`` does with a trimmed text, always asking ``phonenumbers``."""
    if len(text) > _LONGEST:
        raise InvalidValue("phone_invalid")
    text = in_plain_characters(_PUT_BEFORE.sub("", text, count=1))
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidValue("phone_scientific")
    decimal = _DECIMAL_ZERO.fullmatch(text)
    if decimal:
        text = decimal[1]
    if _TWO_NUMBERS.match(text) or _BEHIND_IN_BRACKETS.search(text):
        raise InvalidValue("phone_invalid")
    if _CALCULATED.fullmatch(text) or _OF_TURKEY.fullmatch(text):
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
        if phone and not _is_anothers(text, reading, phone):
            return phone
    raise InvalidValue("phone_invalid")


def _is_anothers(text: str, reading: str, phone: Phone) -> bool:
    """Tell whether the text groups the digits that were read from it as another number's."""
    if phone.country_code == _BRAZIL:
        return are_of_another_number(text, phone.national)
    return reading.startswith("+") and tears_its_country(text, phone.dial_code)


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
