"""What is a phone, in which form it is stored, and that the fast path decides as ``phonenumbers`` does."""

import itertools
import re

import phonenumbers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.fields.invalid_value import InvalidValue
from libs.fields.phone_forms import both_forms
from libs.fields.phones import Phone, parse_any_phone, parse_phone, plain_phone
from libs.fields.text import trimmed

MOBILE = Phone("55", "BR", "11912345678")
LANDLINE = Phone("55", "BR", "1132345678")


def outcome(cell: str) -> Phone | str:
    try:
        return parse_phone(trimmed(cell))
    except InvalidValue as invalid:
        return invalid.code


def slow_outcome(cell: str) -> Phone | str:
    try:
        return parse_any_phone(cell)
    except InvalidValue as invalid:
        return invalid.code


@pytest.mark.parametrize(
    "typed",
    [
        "11912345678",
        "+55 11 91234-5678",
        "+5511912345678",
        "5511912345678",
        "55 11 91234-5678",
        "55 (11) 91234-5678",
        "(55) 11 91234-5678",
        "(+55) 11 91234-5678",
        "+55 (0)11 91234-5678",
        "(011) 91234 5678",
        "011 91234 5678",
        "(11) 9 1234-5678",
        "11 9.1234.5678",
        "11.91234.5678",
        "11-91234-5678",
        "11/91234-5678",
        "[11] 91234-5678",
        "1 1 9 1 2 3 4 5 6 7 8",
        "0055 11 91234-5678",
        "005511912345678",
        "0 15 11 91234-5678",
        "01511912345678",
        "0015 55 11 91234-5678",
        "9011912345678",
        "(0xx11) 91234-5678",
        "0XX11 91234-5678",
        "'+55 11 91234-5678",
        "'11912345678",
        "p:+5511912345678",
        "p:+55 11 91234-5678",
        "11912345678.0",
        "5511912345678,00",
        "  11912345678\t",
        "\u202a+55 11 91234\u20115678\u202c",
        "11\u00a091234\u20135678",
        "\uff0b\uff15\uff15\uff11\uff11\uff19\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "11 912\u200b34-5678",
    ],
)
def test_one_mobile_however_it_is_typed(typed: str) -> None:
    assert outcome(typed) == MOBILE


@pytest.mark.parametrize("typed", ["1132345678", "(11) 3234-5678", "+551132345678", "0 21 11 3234-5678", "01132345678"])
def test_landlines_are_accepted(typed: str) -> None:
    assert outcome(typed) == LANDLINE


@pytest.mark.parametrize("first", "6789")
@pytest.mark.parametrize("form", ["11{}1234567", "(11) {}123-4567", "+5511{}1234567", "0 15 11 {}1234567"])
def test_a_mobile_without_its_ninth_digit_gets_it(first: str, form: str) -> None:
    assert outcome(form.format(first)) == Phone("55", "BR", f"119{first}1234567")


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("55 91234-5678", Phone("55", "BR", "55912345678")),
        ("5591234567", Phone("55", "BR", "55991234567")),
        ("5532345678", Phone("55", "BR", "5532345678")),
        ("5555912345678", Phone("55", "BR", "55912345678")),
        ("0055 34 91234-5678", Phone("55", "BR", "34912345678")),
    ],
)
def test_ddd_55_and_dial_code_55_are_told_apart(typed: str, stored: Phone) -> None:
    assert outcome(typed) == stored


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("+351 912 345 678", Phone("351", "PT", "912345678")),
        ("00351 912 345 678", Phone("351", "PT", "912345678")),
        ("+1 305 345-0147", Phone("1", "US", "3053450147")),
        ("+1 (416) 555-0123", Phone("1", "CA", "4165550123")),
        ("+1 809 234 5678", Phone("1", "DO", "8092345678")),
        ("+54 9 11 3456-7890", Phone("54", "AR", "91134567890")),
        ("+39 06 1234 5678", Phone("39", "IT", "0612345678")),
        ("+7 701 234 5678", Phone("7", "KZ", "7012345678")),
        ("+44 20 7946 0958", Phone("44", "GB", "2079460958")),
        ("0021 1 212 555 0123", Phone("1", "US", "2125550123")),
    ],
)
def test_numbers_of_other_countries_need_a_plus_and_keep_their_country(typed: str, stored: Phone) -> None:
    assert outcome(typed) == stored


@pytest.mark.parametrize(
    "typed",
    [
        "91234-5678",
        "3234-5678",
        "12345",
        "ligar depois",
        "11 91234-567",
        "(11)91234 567",
        "11 91234-56789",
        "(20) 91234-5678",
        "(00) 91234-5678",
        "11 1234-5678",
        "11 0234-5678",
        "11 81234-5678",
        "11 91234-5678 ramal 12",
        "11 91234-5678 x12",
        "11 91234-5678;ext=3",
        "11 91234-5678 #3",
        "tel:+5511912345678",
        "p:11912345678",
        "p: +5511912345678",
        "p:p:+5511912345678",
        "'p:+5511912345678",
        "xp:+5511912345678",
        "whatsapp:+5511912345678",
        "11912345678 / 11912345679",
        "11 3234-5678/79",
        "11 9234-5678/9",
        "11912345678, 11912345679",
        "11912345678\n11912345679",
        "11 91234-5678 ou 11 91234-5679",
        "+55 +55 11 91234-5678",
        "11+912345678",
        "*11912345678",
        "0800 123 4567",
        "4004-1234",
        "190",
        "+5508001234567",
        "+800 1234 5678",
        "+351 912 345",
        "351 912 345 678",
        "+999 12345678",
        "-11912345623",
        "\u221211912345623",
        "-912345634",
        "-1191234562,5",
        "+",
        "'",
        "-",
        "\x00" + "11912345678\x0011",
        "11912345678\ud800",
        "\u0663",
        "1" * 400,
        "#N/A",
    ],
)
def test_what_is_not_exactly_one_valid_number_is_refused(typed: str) -> None:
    assert outcome(typed) == "phone_invalid"


@pytest.mark.parametrize("typed", ["", " ", "\u00a0", "\u200b\ufeff", "\x00"])
def test_an_empty_cell_is_said_to_be_empty(typed: str) -> None:
    assert outcome(typed) == "phone_missing"


@pytest.mark.parametrize("typed", ["5,51E+12", "5.51E+12", "5,51191E+12", "5E+12", "5,51e12", "'5,51E+12"])
def test_a_shortened_number_says_why(typed: str) -> None:
    assert outcome(typed) == "phone_scientific"


def test_a_decimal_zero_does_not_become_a_digit() -> None:
    """As digits alone 1191234567.0, an old mobile, would be another person's number: 11 91234-5670."""
    assert outcome("1191234567.0") == Phone("55", "BR", "11991234567")


# The fast path


def valid(kind: str, candidates: list[str]) -> set[str]:
    """Return the candidates that match the pattern by which ``phonenumbers`` decides on a kind of number."""
    pattern = getattr(phonenumbers.PhoneMetadata.metadata_for_region("BR"), kind).national_number_pattern
    return set(re.findall(f"^(?:{pattern})$", "\n".join(candidates), re.MULTILINE))


def test_every_ddd_and_prefix_is_decided_as_phonenumbers_decides() -> None:
    """All DDDs with all prefixes of four digits, with and without a ninth digit, the last four ever different."""
    prefixes = [(f"{prefix:04}", f"{prefix * 7919 % 10_000:04}") for prefix in range(10_000)]
    short = [f"{ddd}{prefix}{rest}" for ddd in range(10, 100) for prefix, rest in prefixes]
    long = [f"{ddd}9{prefix}{rest}" for ddd in range(10, 100) for prefix, rest in prefixes]
    landlines, mobiles = valid("fixed_line", short), valid("mobile", long)
    completed = [with_ninth if number[2] in "6789" else number for number, with_ninth in zip(short, long, strict=True)]
    of_short = [phone and phone.national for phone in map(plain_phone, short)]
    assert of_short == [number if number in landlines or number in mobiles else None for number in completed]
    of_long = [phone and phone.national for phone in map(plain_phone, long)]
    assert of_long == [number if number in mobiles else None for number in long]


@pytest.mark.parametrize(("kind", "ninth"), [("fixed_line", ""), ("mobile", "9")])
def test_the_last_four_digits_never_decide(kind: str, ninth: str) -> None:
    fillings = ["0000", "0001", "1111", "1234", "5050", "8999", "9000", "9999"]
    areas = [f"{ddd}{ninth}{prefix:04}" for ddd in range(10, 100) for prefix in range(0, 10_000, 101)]
    found = {rest: {number[:-4] for number in valid(kind, [area + rest for area in areas])} for rest in fillings}
    assert found["0000"]
    assert all(valid_areas == found["0000"] for valid_areas in found.values())


def test_the_slow_path_decides_the_same_for_every_ddd_and_first_digit() -> None:
    """With the whole of ``phonenumbers``: parsing, validity, kind, region."""
    for ddd, first in itertools.product(range(100), range(10)):
        for number in (f"{ddd:02}{first}0000000", f"{ddd:02}9{first}0000000"):
            assert outcome(number) == slow_outcome(number), number


separators = st.sampled_from(["", " ", "-", ".", "  ", "/", "\u00a0", "\u2011", ")"])
digits = st.integers(0, 9_999).map("{:04}".format)
generated = st.builds(
    "".join,
    st.tuples(
        st.sampled_from(["", "+55", "55", "+55 ", "55 ", "+55-", "0", "0055", "+", "+1 ", "0 15 ", "90"]),
        st.sampled_from(["", "(", "(0", "0"]),
        st.one_of(st.integers(10, 99).map(str), st.sampled_from(["11", "55", "21", "34"])),
        st.sampled_from(["", ") ", ")", " ", "-", ".", "/"]),
        st.sampled_from(["", "9", "9 ", "9."]),
        digits,
        separators,
        digits,
        st.sampled_from(["", "", "", "1", " 1", ".0", "/12", "x"]),
    ),
)


@settings(max_examples=600)
@given(typed=generated)
def test_both_paths_agree_on_every_generated_form(typed: str) -> None:
    plain = plain_phone(typed)
    assert plain is None or plain == slow_outcome(typed)


@settings(max_examples=300)
@given(typed=st.text(alphabet="0123456789+-() .'/xe,E\t\u00a0\ud800\x00", max_size=24) | st.text(max_size=30))
def test_any_text_gives_a_phone_or_a_code(typed: str) -> None:
    phone = outcome(typed)
    if isinstance(phone, str):
        assert phone in {"phone_missing", "phone_invalid", "phone_scientific"}
    else:
        assert phonenumbers.is_valid_number(phonenumbers.parse(f"+{phone.dial_code}{phone.national}"))
        assert outcome(f"+{phone.dial_code} {phone.national}") == phone, "canonical forms are stable"


# What the platform may hold


@pytest.mark.parametrize(
    ("phone", "forms"),
    [
        (("BR", "11981234567"), ("11981234567", "1181234567")),
        (("BR", "11961234567"), ("11961234567", "1161234567")),
        (("BR", "11991234567"), ("11991234567", "1191234567")),
        (("BR", "11951234567"), ("11951234567",)),
        (("BR", "11912345678"), ("11912345678",)),
        (("BR", "1132345678"), ("1132345678",)),
        (("AR", "91187654321"), ("91187654321",)),
        (("PT", "912345678"), ("912345678",)),
    ],
)
def test_both_forms_are_of_old_brazilian_mobiles_only(phone: tuple[str, str], forms: tuple[str, ...]) -> None:
    assert both_forms(*phone) == forms


@given(number=st.builds("{}{}".format, st.sampled_from(["11", "21", "55"]), st.integers(60_000_000, 99_999_999)))
def test_the_old_form_is_read_as_the_same_phone(number: str) -> None:
    phone = parse_phone(number)
    assert both_forms(phone.country_code, phone.national) == (phone.national, number)
