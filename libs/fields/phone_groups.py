"""Whether the digits of a Brazilian phone are grouped as those of the number that is read, or as another one's.

Digits alone say DDD and number in this order, and any ten of them are somebody's. How they are grouped shows where one
is missing, where there is one too many, and where the DDD or an extension stands behind the number. Pure.
"""

import re
from dataclasses import dataclass

_DDD_DIGITS = 2
_MOBILE_DIGITS = 9
_LANDLINE_DIGITS = 8
_GAPS_OF_EIGHT: tuple[set[int], ...] = (set(), {4}, {2, 4}, {2, 4, 6})
"""Where something may stand between eight digits: so many from the right. None, 1234-5678, 1234-56-78, 12 34 56 78."""
_GAPS_BEHIND_A_DDD_AT_ONCE: tuple[set[int], ...] = (set(), {4}, {2, 4})
"""The same where nothing stands between them and the DDD: 113234-5678. 3234 56 78 11 has its DDD behind."""
_GAPS_OF_TWO_PAIRS, _GAPS_OF_THREES = {2, 4}, {3, 6}
_SHORT = {1, 2, 3}
"""Digits at the end that no number sets apart by themselves."""
_GAPS_OF_FIVE_PAIRS = 4
"""Gaps between the pairs of a DDD and eight digits."""

_GROUPS = re.compile(r"\d+")
_FRACTION = re.compile(r"-?\d+\.\d+")
_PREFIX_LIKE_A_DDD = re.compile(r"\W*(?:55|(0)\W*[1-9]\d)")
"""The country's code without a plus, or a zero and a carrier."""
_CARRIER_BEHIND_A_PLUS = re.compile(r"\W*(?:00\W*)?55\W*(0)\W*[1-9]\d")
_ZERO_AND_TWO_IN_BRACKETS = re.compile(
    r"\W*(?:(?:00\W*)?55\W*)?(?:0\W{0,2}[(\[]\W{0,2}|[(\[]\W{0,2}0\W{0,2})([1-9]\d)\W{0,2}[)\]]"
)
"""A DDD with its zero, before all else but the country: ``(021)``, ``0(21)``. A carrier stands there, too, but hardly
alone in its brackets."""
_MOBILE = "9"
_IN_BRACKETS = re.compile(r"(?<!0)(?<!0 )[(\[]\W{0,2}([1-9]\d)\W{0,2}[)\]]")
"""Two digits, no zero at or before them: a DDD, or the country's code. Behind a zero it may be a carrier."""
_TWO_IN_BRACKETS = re.compile(r"\D*?(?:00\D*?)?[(\[]\W{0,3}(\d\d)\W{0,2}[)\]]")
"""What stands first, behind a plus or 00: a country's code, or a DDD."""
_COUNTRY = "55"


@dataclass(frozen=True, slots=True)
class _Written:
    """How a text writes a number's digits."""

    groups: list[int]
    """How many digits stand together."""
    gaps: set[int]
    """How many digits stand to the right of each place where something else stands between digits."""
    typed: int
    """Digits behind the DDD."""
    lacks_its_ninth: bool
    """It is a mobile that was typed without its ninth digit."""
    is_fraction: bool
    """It may be the number of a cell, which keeps no zeros at the end of its fraction."""

    @property
    def inside(self) -> set[int]:
        """The gaps between the digits behind the DDD."""
        return {gap for gap in self.gaps if gap < self.typed}

    @property
    def is_digit_by_digit(self) -> bool:
        return max(self.groups) == 1


def are_of_another_number(text: str, national: str) -> bool:
    """Tell whether a phone's text groups its digits otherwise than this number's, which was read from them.

    It would be another person's. ``national`` is of Brazil: a DDD and eight digits, or nine of a mobile. Of ``55 (98)
    276-6877`` the digits are a mobile of DDD 55; the brackets say that it is one of 98, which lacks a digit.
    """
    digits = _GROUPS.findall(text)
    groups = list(map(len, digits))
    count = sum(groups)
    gaps = {count - sum(groups[: at + 1]) for at in range(len(groups) - 1)}
    typed = len(national) - _DDD_DIGITS
    lacks_its_ninth = typed == _MOBILE_DIGITS and not "".join(digits).endswith(national)
    written = _Written(groups, gaps, typed - lacks_its_ninth, lacks_its_ninth, is_fraction(text))
    return (
        _has_lost_a_digit(written)
        or _ends_in_a_ddd(text, written)
        or _has_a_digit_too_many(text, national, written)
        or _begins_with_the_country(national, written)
        or not {*_IN_BRACKETS.findall(text)} <= {national[:_DDD_DIGITS], _COUNTRY}
    )


def tears_its_country(text: str, dial_code: str) -> bool:
    """Tell whether a phone with a plus, or 00, has its country's code in pieces, or a DDD in brackets in its place.

    Of ``+5 22 97682-3652`` one 5 was lost, and of ``+ (79) 97318-0951`` both: digits alone are Mexico's and Russia's.
    """
    digits = _GROUPS.findall(text)
    first = digits[0].removeprefix("00") or digits[1]
    in_brackets = _TWO_IN_BRACKETS.match(text)
    if in_brackets and in_brackets[1] != dial_code:
        return True
    return len(first) < len(dial_code) and max(map(len, digits)) > 1


def is_fraction(text: str) -> bool:
    """Tell whether a text is written as a number with a fraction, with nothing around it."""
    return _FRACTION.fullmatch(text) is not None


def _has_lost_a_digit(written: _Written) -> bool:
    """Tell whether the text groups its digits as one does who types more of them than are there.

    A Brazilian mobile may be typed without its ninth digit: eight, of which four are set apart, or pairs. Where they
    are grouped otherwise, ``9 1234-567`` or ``91234-567``, or where the DDD is torn, ``(1) 91234-5678``, nine were
    meant and another one is lost: with a ninth digit put in front this would be another person's number. So it is in
    a fraction: what was typed as 11.912345670 is the number 11.91234567.
    """
    if written.lacks_its_ninth and (written.is_fraction or written.inside not in _GAPS_OF_EIGHT):
        return True
    is_ddd_torn = written.typed + 1 in written.gaps
    return is_ddd_torn and not written.is_digit_by_digit


def _begins_with_the_country(national: str, written: _Written) -> bool:
    """Tell whether 55 may be the country, and what follows it a DDD whose number lacks a digit: ``55.98.276.6877``."""
    is_55 = national.startswith(_COUNTRY) and written.typed == _MOBILE_DIGITS and sum(written.groups) == len(national)
    return is_55 and {_MOBILE_DIGITS, _MOBILE_DIGITS - _DDD_DIGITS} <= written.gaps and not written.is_digit_by_digit


def _ends_in_a_ddd(text: str, written: _Written) -> bool:
    """Tell whether a DDD or an extension stands behind the number, which would then be read as beginning with a DDD.

    ``3234-5678 (11)`` would be 32 3456-7811. No number ends in so few digits of their own, unless all of it is in pairs
    or threes.
    """
    if written.is_digit_by_digit:
        return False
    inside = written.inside
    if written.typed not in written.gaps:
        return inside - {_LANDLINE_DIGITS} not in _GAPS_BEHIND_A_DDD_AT_ONCE
    if inside == {2, 4, 6}:
        return _sets_the_last_pair_apart(text)
    if inside == _GAPS_OF_THREES or inside == set(range(1, written.typed)):
        return False
    return not inside.isdisjoint(_SHORT) and inside & (_SHORT | _GAPS_OF_TWO_PAIRS) != _GAPS_OF_TWO_PAIRS


def _sets_the_last_pair_apart(text: str) -> bool:
    """Tell whether the last of five pairs is set apart in another way than the others: ``32.34.56.78 - 11``."""
    *others, last = _GROUPS.split(text)[-1 - _GAPS_OF_FIVE_PAIRS : -1]
    return {last}.isdisjoint(others) and len(set(others)) == 1


def _has_a_digit_too_many(text: str, national: str, written: _Written) -> bool:
    """Tell whether the DDD was read as a country or carrier, because a digit too many follows it.

    ``(55) 97274-61306`` would be a landline of DDD 97, and ``(021) 93234-56789`` one of DDD 93 that carrier 21 dials:
    another person's. Both have eight digits behind a prefix, and are grouped as somebody does who types nine. Of
    ``(021) 9991234567`` the brackets say that 21 is the DDD, and the 9 that a mobile follows.
    """
    has_plus = text.lstrip("([").startswith(("+", "00"))
    prefix = (_CARRIER_BEHIND_A_PLUS if has_plus else _PREFIX_LIKE_A_DDD).match(text)
    if prefix is None:
        return False
    before = sum(written.groups) - written.typed - _DDD_DIGITS
    # Behind a plus, 55 is no DDD: there are a zero and a carrier before the DDD, or the zero alone.
    least = sum(map(str.isdigit, prefix[0])) if has_plus else _DDD_DIGITS
    if written.typed != _LANDLINE_DIGITS or before < least or written.is_digit_by_digit:
        return False
    inside = written.inside
    is_prefix_apart, is_ddd_apart = written.typed + _DDD_DIGITS in written.gaps, _LANDLINE_DIGITS in written.gaps
    if inside not in _GAPS_OF_EIGHT or (is_prefix_apart and inside and not is_ddd_apart):
        return True
    in_brackets = _ZERO_AND_TWO_IN_BRACKETS.match(text)
    if in_brackets and in_brackets[1] != national[:_DDD_DIGITS] and national.startswith(_MOBILE):
        return True
    return bool(prefix[1]) and not is_prefix_apart  # a carrier is written apart, a DDD may not be
