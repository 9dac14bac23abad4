"""A digit too many or too few never makes another person's number."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from libs.fields.phones import Phone
from tests.unit.fields.test_phones import LANDLINE, MOBILE, outcome

TOO_MANY = [
    "(55) 97274-61306",
    "55 97274-61306",
    "(55) 978276-3484",
    "55 994195-0067",
    "(021) 93234-56789",
    "021 976682-6602",
    "(021) 9991234567",
    "(031) 9323456789",
    "[0 41] 99 9123-4567",
    "(031)99 9123-4567",
    "0(21) 9935555768",
    "0 (21) 99 3555-5768",
    "+55 0(14) 9946388261",
    "+55(012)9358274413",
    "(+55) (022)9977385869",
    "55 (0 22)9882739353",
    "0055 (0-15) 9749263981",
    "031 9641270340 1",
    "0319641270340",
    "(0xx43) 96412-70340",
    "(0xx55) 97274-61306",
    "0055 31 48744-76831",
    "0055 63 97046-05735",
    "0055 49 2666-573",
    "0031 6 123456789",
    "+55 031 946466-4281",
    "+55 (031) 946466-4281",
    "0055 031 946466-4281",
    "+55 (0)31 946466-4281",
    "55 3234-5678 12",
    "55(112000 0000",
    "55 (112000-0000",
    "11987654.321",
    "5511912345.678",
    "11.91234567",
    "21.98765432",
    "55.1191234567",
    "5511.91234567",
    "0.1191234567",
    "-11.91234567",
    "119123.4567",
    "\uff11\uff11.\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17",
]


@pytest.mark.parametrize("typed", TOO_MANY)
def test_a_digit_too_many_or_a_fraction_never_makes_another_persons_number(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@given(
    ddd=st.sampled_from(["11", "21", "31", "48", "55", "81", "99"]),
    country=st.sampled_from(["", "55", "0"]),
    number=st.integers(900_000_000, 999_999_999).map(str),
    at=st.integers(1, 12),
)
def test_a_fraction_never_makes_another_persons_number(ddd: str, country: str, number: str, at: int) -> None:
    """A cell's number has lost the zeros at the end of its fraction: 11.912345670 is 11.91234567."""
    typed = country + ddd + number
    whole, fraction = typed[:at], typed[at:].rstrip("0")
    # Of a country's code, a mobile and two zeros less there are as many digits as of a mobile of DDD 55.
    assume(fraction and (not country or len(whole + fraction) + 2 > len(typed)))
    assert outcome(f"{whole}.{fraction}") in ("phone_invalid", Phone("55", "BR", ddd + number))


@pytest.mark.parametrize("typed", ["11.912345678", "5511.912345678", "55.11912345678", "0.11912345678"])
def test_a_fraction_of_all_digits_is_a_phone(typed: str) -> None:
    assert outcome(typed) == MOBILE


@pytest.mark.parametrize("typed", ["11.32345678", "113234.5678", "5511.32345678"])
def test_a_fraction_that_is_a_landline_is_a_phone(typed: str) -> None:
    assert outcome(typed) == LANDLINE


@pytest.mark.parametrize("typed", ["(11)9123.4567", "11 9123.4567", "11.9123-4567", "11.9123.4567", "+55.11.9123.4567"])
def test_points_that_no_number_has_are_in_an_old_mobile(typed: str) -> None:
    assert outcome(typed) == Phone("55", "BR", "11991234567")


@pytest.mark.parametrize(
    "typed",
    [
        "(55) 11 3234-5678",
        "5511 3234-5678",
        "551132345678",
        "55 1132345678",
        "(55)(11)3234-5678",
        "55 11 32 34 56 78",
        "021 11 3234-5678",
        "(021 11) 3234-5678",
        "021 1132345678",
        "011 3234-5678",
        "01132345678",
        "0055 11 3234-5678",
        "005511 32345678",
        "(0xx11) 3234-5678",
        "+55 113234-5678",
        "(+55) (011) 3234-5678",
        "(+55) 011 3234-5678",
        "0055 011 3234-5678",
        "+55 (011)  3234-5678",
        "+55 - (011) - 3234-5678",
        "+55 (011) 32 34 56 78",
        "0(15)11 3234-5678",
        "0 (15) 11 3234-5678",
    ],
)
def test_a_landline_behind_a_prefix(typed: str) -> None:
    assert outcome(typed) == LANDLINE


AMID_DDDS = ["({0}) {1}-{2}", "{0} {1}-{2}", "0{0} {1}-{2}", "(0{0}) {1}-{2}", "0055 {0} {1}-{2}", "(0xx{0}) {1}-{2}"]


@given(
    form=st.sampled_from(AMID_DDDS),
    ddd=st.sampled_from(["11", "14", "15", "21", "31", "41", "43", "55", "65", "99"]),
    first=st.integers(96_000, 99_999).map(str),
    last=st.integers(0, 9_999).map("{:04d}".format),
    digit=st.sampled_from("0123456789"),
    at=st.integers(0, 9),
)
def test_no_mobile_with_a_digit_more_is_stored(form: str, ddd: str, first: str, last: str, digit: str, at: int) -> None:
    group = min(at, len(first))
    typed = form.format(ddd, first[:group] + digit + first[group:], last)
    if at > len(first):
        typed = form.format(ddd, first, last[: at - 6] + digit + last[at - 6 :])
    assert outcome(typed) == "phone_invalid", typed


LOST = [
    "(11) 9 1234-567",
    "(11) 9.1234-567",
    "(11) 9 123-4567",
    "11 9 1234567",
    "11 91 234 567",
    "(11) 9 8123-456",
    "(11) 91234-567",
    "+55 11 9 8123-456",
    "+55 (11) 9 812-3456",
    "(1) 98123-4567",
    "+55 1 98123-4567",
    "0 1 98123-4567",
    "1191234567.8",
    "1191234567,80",
    "1 1 9 1 2 3 4 5 6 7",
    "55 (98) 276-6877",
    "55 (98) 2766877",
    "55 [98] 888-8123",
    "(55)(98) 276-6877",
    "55 (97) 981-2345",
    "55.98.276.6877",
    "55 98 2766877",
    "(55) 98 276-6877",
]


@pytest.mark.parametrize("typed", LOST)
def test_a_lost_digit_never_makes_another_persons_number(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


SETS_NINTH_APART = [
    "({0}) 9 {1}-{2}",
    "{0} 9 {1} {2}",
    "({0}) 9.{1}-{2}",
    "{0}-9-{1}-{2}",
    "+55 {0} 9 {1}-{2}",
    "{0} 9 {1}{2}",
]
GROUPS_NINE = ["({0}) 9{1}-{2}", "{0} 9{1} {2}", "+55 ({0}) 9{1}-{2}"]


@given(
    form=st.sampled_from(SETS_NINTH_APART + GROUPS_NINE),
    ddd=st.sampled_from(["11", "21", "31", "48", "81", "19", "91", "99"]),
    first=st.integers(6_000, 9_999),
    last=st.integers(0, 9_999),
    data=st.data(),
)
def test_no_phone_with_a_digit_less_is_stored(form: str, ddd: str, first: int, last: int, data: st.DataObject) -> None:
    """Less the ninth digit it is an old phone, and so it is where that is written at once with what follows it."""
    typed = form.format(ddd, first, f"{last:04d}")
    assert isinstance(outcome(typed), Phone)
    ninth = typed.index("9", typed.index(ddd) + 2)
    end_of_group = ninth + 1 if form in SETS_NINTH_APART else ninth + 5
    at = data.draw(st.sampled_from([at for at, char in enumerate(typed) if char.isdigit() and at != ninth]))
    in_its_group = form in GROUPS_NINE and ninth < at < end_of_group
    of_the_country = typed.startswith("+") and at < typed.index(ddd)
    lost = typed[:at] + typed[at + 1 :]
    if in_its_group or of_the_country:
        return
    assert outcome(lost) == "phone_invalid", lost


@given(
    country=st.sampled_from(["", "55 ", "(55) ", "+55 ", "(+55) ", "0055 "]),
    ddd=st.integers(11, 99).map(str),
    number=st.text("0123456789", min_size=6, max_size=10),
    places=st.integers(0, 4),
)
def test_a_ddd_in_brackets_is_the_phone_s(country: str, ddd: str, number: str, places: int) -> None:
    assume(ddd != "55")  # the country's code stands in brackets, too
    typed = f"{country}({ddd}) {number[: -places or None]}-{number[len(number) - places :]}"
    found = outcome(typed)
    assert not isinstance(found, Phone) or found.country_code != "BR" or found.national.startswith(ddd), typed


@pytest.mark.parametrize(
    "typed", ["+55 (55) 98 276-6877", "+55 55 98 276 6877", "0055 (55) 98276-6877", "(55) 98276-6877"]
)
def test_a_mobile_of_ddd_55_behind_its_country(typed: str) -> None:
    assert outcome(typed) == Phone("55", "BR", "55982766877")


@pytest.mark.parametrize("typed", ["+493012345678.0", "+493012345678,00", "+49 30 12345678"])
def test_the_zero_of_a_decimal_is_no_digit_behind_a_plus_either(typed: str) -> None:
    assert outcome(typed) == Phone("49", "DE", "3012345678")


@pytest.mark.parametrize("typed", ["+49301234567.8", "+5511912345.678"])
def test_a_fraction_behind_a_plus_is_no_phone(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize(
    "typed",
    [
        *("+595 21 123-456/7", "+595 61 500123 / 4", "+49 30 1234567/68", "(+49) 30 1234567/68", "+39 06 1234567/8"),
        *("00595 21 123456/7", "(11) 3234-5678/79", "(11) 91234-5678/91234-5679"),
    ],
)
def test_two_numbers_of_any_country_are_not_one(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize(
    ("typed", "national"),
    [("+49 89/1234567", "891234567"), ("+49 (0)33056/123456", "33056123456"), ("0049 30/12345678", "3012345678")],
)
def test_a_slash_behind_an_area_is_none_between_numbers(typed: str, national: str) -> None:
    assert outcome(typed) == Phone("49", "DE", national)


@pytest.mark.parametrize("typed", ["905361234567", "90 5361234567", "905321234567", "(90) 532 123 45 67"])
def test_a_number_of_turkey_without_its_plus_is_no_collect_call_to_brazil(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize("country", ["", "+55 ", "55 ", "0055 ", "+55", "(55) "])
@pytest.mark.parametrize("area", ["(0xx11) ", "0xx11 ", "(0XX11)"])
def test_the_place_of_a_carrier_may_stand_behind_the_country(country: str, area: str) -> None:
    assert outcome(f"{country}{area}3234-5678") == Phone("55", "BR", "1132345678")


@pytest.mark.parametrize(
    "typed",
    [
        *("(11) 91234-5678 /", "(11) 91234-5678/", "+5511912345678 / ", "11 91234-5678 /", "/ (11) 91234-5678"),
        *("+55/11/91234/5678", "+55 11 91234/5678", "(55)(11)91234/5678", "11 91234/5678"),
    ],
)
def test_a_slash_without_a_number_behind_it_or_between_the_groups_of_one(typed: str) -> None:
    """Columns of phones are joined with one, of which the other may be blank."""
    assert outcome(typed) == Phone("55", "BR", "11912345678")


@pytest.mark.parametrize(
    "typed",
    [
        "+5 22 97682-3652",
        "+5 (22) 96301-6632",
        "+(5) 22 97682-3652",
        "005 22 97682-3652",
        "00 5 22 97682-3652",
        "+(79) 97318-0951",
        "+ (79) 97318-0951",
        "(+79) 97318-0951",
        "00(79) 97318-0951",
        "+ (74) 96602-5641",
        "+(35) 97702-6772",
        "+ [38] 98581-7009",
    ],
)
def test_a_country_in_pieces_never_makes_a_foreigners_number(typed: str) -> None:
    """As a CSV Excel writes ``+ (79) 97318-0951`` of a number without 55 in the format ``+## (##) #####-####``."""
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize(
    ("typed", "country"),
    [
        ("+7 912 345-67-89", "RU"),
        ("+(7) 912 345-67-89", "RU"),
        ("(+7 912) 345-67-89", "RU"),
        ("+79 12 345 67 89", "RU"),
        ("+1 (809) 555-1234", "DO"),
        ("(+351) 912 345 678", "PT"),
        ("00 351 912 345 678", "PT"),
        ("(00351) 912 345 678", "PT"),
        ("+ 3 5 1 9 1 2 3 4 5 6 7 8", "PT"),
        ("(+49) 911 123456", "DE"),
        ("00(49)911 123456", "DE"),
        ("00 21 1 212 555 1234", "US"),
    ],
)
def test_a_country_that_stands_together_is_read(typed: str, country: str) -> None:
    found = outcome(typed)
    assert isinstance(found, Phone)
    assert found.country_code == country
