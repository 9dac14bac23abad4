"""Names, CPFs, e-mail addresses and tags: what is accepted, what is stored, and fast paths equal to the libraries."""

import sys
import unicodedata
from collections.abc import Callable

import pytest
from email_validator import SPECIAL_USE_DOMAIN_NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from validate_docbr import CPF

from libs.fields.cpf import has_cpf_check_digits, parse_cpf
from libs.fields.emails import parse_any_email, parse_email
from libs.fields.invalid_value import InvalidValue
from libs.fields.names import parse_name
from libs.fields.tags import parse_tags
from libs.fields.text import TRIMMED, trimmed


def outcome(parse: Callable[[str], object], cell: str) -> object:
    """Return what a parser makes of a cell, which it gets trimmed."""
    try:
        return parse(trimmed(cell))
    except InvalidValue as invalid:
        return f"refused: {invalid.code}"


# Around every value


def test_everything_that_is_trimmed_is_invisible() -> None:
    """``trimmed`` relies on it: what is printable holds nothing to trim but spaces."""
    assert [char for char in TRIMMED if char.isprintable()] == [" "]


def test_all_spaces_controls_and_zero_width_characters_are_trimmed() -> None:
    invisible = {"Zs", "Zl", "Zp", "Cc"}
    chars = map(chr, range(sys.maxunicode + 1))
    spaces = {char for char in chars if unicodedata.category(char) in invisible or char.isspace()}
    assert spaces <= set(TRIMMED)
    assert set("\u200b\u200c\u200d\u2060\ufeff\u00ad\u200e\u200f\u202a\u202c\u2066\u2069") <= set(TRIMMED)


@given(text=st.text(alphabet=st.sampled_from([*TRIMMED, "a", "é", "😀"])))
def test_trimming_takes_all_of_them_from_both_ends(text: str) -> None:
    assert trimmed(text) == text.strip(TRIMMED)


# Names


@pytest.mark.parametrize(
    ("cell", "name"),
    [
        ("Ana", "Ana"),
        ("  Ana Souza\u00a0", "Ana Souza"),
        ("\ufeffAna\u200b", "Ana"),
        ("Conceição D'Ávila", "Conceição D'Ávila"),
        ("Padaria\nMatriz", "Padaria Matriz"),
        ("Padaria\r\n\r\nMatriz", "Padaria Matriz"),
        ("A\tB", "A B"),
        ("A\u2028B", "A B"),
        ("Joa\u0303o", "João"),
        ("An\x00a", "Ana"),
        ("A\ud800na", "Ana"),
        ("👩\u200d⚕\ufe0f Dra. Zélia", "👩\u200d⚕\ufe0f Dra. Zélia"),
        ("é" * 255, "é" * 255),
        ("e\u0301" * 255, "é" * 255),
    ],
)
def test_names(cell: str, name: str) -> None:
    assert outcome(parse_name, cell) == name


def test_what_ends_a_line_of_notes_is_a_blank_in_a_name() -> None:
    ends = [char for char in map(chr, range(sys.maxunicode + 1)) if len(f"A{char}B".splitlines()) == 2]
    assert {parse_name(f"A{char}B") for char in ends} == {"A B"}


@pytest.mark.parametrize("cell", ["", " ", "\u00a0\u200b", "\x00", "\n", "\ud800", "0", " 0 "])
def test_a_name_is_required(cell: str) -> None:
    assert outcome(parse_name, cell) == "refused: name_missing"


@pytest.mark.parametrize("cell", ["x" * 256, "é" * 256, "e\u0301" * 5_000, "\u0301\u0316" * 16_000])
def test_a_name_has_at_most_255_characters(cell: str) -> None:
    assert outcome(parse_name, cell) == "refused: name_too_long"


# CPFs


@pytest.mark.parametrize(
    ("cell", "cpf"),
    [
        ("529.982.247-25", "52998224725"),
        ("52998224725", "52998224725"),
        ("529 982 247 25", "52998224725"),
        ("529.982.247/25", "52998224725"),
        ("529.982.247\u201325", "52998224725"),
        ("\u00a052998224725 ", "52998224725"),
        ("'01234567890", "01234567890"),
        ("1234567890", "01234567890"),
        ("12.345.678-90", "01234567890"),
        ("312130570", "00312130570"),
        ("12345601", "00012345601"),
        ("12345601.0", "00012345601"),
        ("52998224725.0", "52998224725"),
        ("1234567890,0", "01234567890"),
        ("", None),
        ("  ", None),
        ("\x00", None),
    ],
)
def test_cpfs(cell: str, cpf: str | None) -> None:
    assert outcome(parse_cpf, cell) == cpf


@pytest.mark.parametrize(
    "cell",
    [
        "529.982.247-24",
        "423.685.147-4",  # the check digits of 042.368.514-74 hold
        "627.945.20-18",
        "1940-03-14",
        "1940-03-14 00:00",
        "111.111.111-11",
        "00000000000",
        "0",
        "191",
        "9999973",  # the check digits of 000.099.999-73 hold
        "1-91",
        "529982247250",
        "1234567891",
        "abc",
        "-",
        "'",
        "52998224725x",
        "5,299822E+10",
        "\u0665\u0662\u0669\u0669\u0668\u0662\u0662\u0664\u0667\u0662\u0665",
        "529\x00982\x0024725",
        "52998224725\ud800",
        "#N/A",
        "9" * 5_000,
    ],
)
def test_what_is_no_cpf(cell: str) -> None:
    assert outcome(parse_cpf, cell) == "refused: cpf_invalid"


def with_check_digits(nine: str) -> str:
    first = CPF()._generate_first_digit(list(nine))
    return nine + first + CPF()._generate_second_digit(list(nine + first))


LEAST_DIGITS = 8
"""Of a CPF whose zeros are eaten; fewer are no CPF, whatever their check digits are."""

nine_digits = st.integers(0, 999_999_999).map("{:09}".format)
cpf_digits = st.one_of(
    st.integers(0, 99_999_999_999).map("{:011}".format),
    nine_digits.map(with_check_digits),
    st.integers(0, 9).map(lambda digit: str(digit) * 11),
)


@given(digits=nine_digits.map(with_check_digits), at=st.integers(3, 10))
def test_a_cpf_in_its_groups_that_has_lost_a_digit_is_nobody_s(digits: str, at: int) -> None:
    typed = f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}"
    at += at // 3
    assert typed[at].isdigit()
    assert outcome(parse_cpf, typed[:at] + typed[at + 1 :]) == "refused: cpf_invalid"


@given(digits=cpf_digits)
def test_check_digits_hold_as_validate_docbr_says(digits: str) -> None:
    assert has_cpf_check_digits(digits) == CPF().validate(digits)


@given(digits=cpf_digits, masked=st.booleans(), lost=st.booleans())
def test_cpfs_are_decided_as_validate_docbr_decides(digits: str, masked: bool, lost: bool) -> None:
    typed = f"{digits[:3]}.{digits[3:6]}.{digits[6:9]}-{digits[9:]}" if masked else digits
    typed = typed.lstrip("0.") or "0" if lost else typed
    is_cpf = CPF().validate(digits) and sum(map(str.isdigit, typed)) >= LEAST_DIGITS
    assert outcome(parse_cpf, typed) == (digits if is_cpf else "refused: cpf_invalid")


@given(digits=st.integers(1, 99_999).map("{:09}".format).map(with_check_digits))
def test_no_short_number_of_an_office_is_somebodys_cpf(digits: str) -> None:
    assert CPF().validate(digits)
    assert outcome(parse_cpf, digits.lstrip("0")) == "refused: cpf_invalid"
    assert outcome(parse_cpf, digits) == digits


# E-mail addresses


@pytest.mark.parametrize(
    ("cell", "email"),
    [
        ("ana@padaria.com.br", "ana@padaria.com.br"),
        (" Ana.Souza+tag@PADARIA.com.br\u200b", "Ana.Souza+tag@padaria.com.br"),
        ("INFO@padaria.com.br", "info@padaria.com.br"),
        ("josé@padaria.com.br", "josé@padaria.com.br"),
        ("jose\u0301@padaria.com.br", "josé@padaria.com.br"),
        ("ana@açaí.com.br", "ana@açaí.com.br"),
        ("ana@xn--aa-4iaz.com.br", "ana@açaí.com.br"),
        ("ana@example.com", "ana@example.com"),
        ("x" * 242 + "@example.com", "x" * 242 + "@example.com"),
        ("", None),
        (" \u00a0", None),
    ],
)
def test_emails(cell: str, email: str | None) -> None:
    assert outcome(parse_email, cell) == email


@pytest.mark.parametrize(
    "cell",
    [
        "ana",
        "ana@",
        "@padaria.com.br",
        "ana souza@padaria.com.br",
        "ana@padaria",
        "ana@padaria.com.br;bia@padaria.com.br",
        "Ana <ana@padaria.com.br>",
        '"ana"@padaria.com.br',
        "ana@[127.0.0.1]",
        "ana@padaria..com.br",
        ".ana@padaria.com.br",
        "ana.@padaria.com.br",
        "ana@-padaria.com.br",
        "ana@padaria.c0",
        "ana@pa--daria.com.br",
        "ana@test",
        "ana@loja.test",
        "ana@loja.local",
        "ana@localhost",
        "ana@loja.invalid",
        "an\x00a@padaria.com.br",
        "ana@pad\x1baria.com.br",
        "an\ud800a@padaria.com.br",
        "ana@" + "d" * 64 + ".com.br",
        "x" * 243 + "@example.com",
        "#N/A",
    ],
)
def test_what_is_no_email(cell: str) -> None:
    assert outcome(parse_email, cell) == "refused: email_invalid"


def test_an_email_has_at_most_255_characters() -> None:
    assert outcome(parse_email, "x" * 244 + "@example.com") == "refused: email_too_long"
    assert outcome(parse_email, "x" * 32_000 + "@example.com") == "refused: email_too_long"


labels = st.from_regex(r"[a-zA-Z0-9-]{1,8}", fullmatch=True) | st.sampled_from(
    ["xn--aa-4iaz", "a--b", "d" * 63, "d" * 64]
)
top_labels = st.sampled_from(["com", "BR", "c0m", "x", "TEST", *SPECIAL_USE_DOMAIN_NAMES]) | labels
local_parts = st.from_regex(r"[a-zA-Z0-9_!#$%&'*+/=?^`{|}~.@ -]{0,12}", fullmatch=True) | st.sampled_from(
    ["Info", "NEWS", "a" * 64, "a" * 65, "a" * 240, '"a b"', "josé"]
)
addresses = st.builds(
    lambda local, middle, top: f"{local}@{'.'.join([*middle, top])}",
    local_parts,
    st.lists(labels, max_size=3),
    top_labels,
)


@settings(max_examples=500)
@given(address=addresses)
def test_plain_addresses_are_decided_as_email_validator_decides(address: str) -> None:
    """Trimmed and within the limit: beyond it the answer is another code."""
    text = trimmed(address)[:255]
    assert outcome(parse_email, text) == outcome(parse_any_email, text)


@settings(max_examples=200)
@given(text=st.text(min_size=1, max_size=40) | st.builds("{}@{}".format, st.text(max_size=12), st.text(max_size=12)))
def test_any_text_is_an_address_or_not(text: str) -> None:
    email = outcome(parse_email, text)
    assert email is None or isinstance(email, str)
    if isinstance(email, str) and not email.startswith("refused"):
        email.encode()
        assert "\x00" not in email


# Tags


@pytest.mark.parametrize(
    ("cell", "tags"),
    [
        ("", ()),
        (" , ,", ()),
        ("VIP", ("VIP",)),
        ("VIP, Zona Sul", ("VIP", "Zona Sul")),
        (",VIP,,Zona Sul ,", ("VIP", "Zona Sul")),
        ("VIP, vip, Vip , Zona Sul", ("VIP", "Zona Sul")),
        ("Ação, AÇÃO", ("Ação",)),
        ("Promoc\u0327a\u0303o, Promoção", ("Promoção",)),
        ("a,b,c,d,e", ("a", "b", "c", "d", "e")),
        ("a,b,c,d,e,A,B", ("a", "b", "c", "d", "e")),
        ("a\u200b,\u00a0b", ("a", "b")),
        ("duas\nlinhas, x", ("duas linhas", "x")),
        ("V\x00IP, a\ud800b", ("VIP", "ab")),
        ("x" * 255, ("x" * 255,)),
    ],
)
def test_tags(cell: str, tags: tuple[str, ...]) -> None:
    assert outcome(parse_tags, cell) == tags


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("a,b,c,d,e,f", "tags_too_many"),
        ("x" * 256, "tags_too_long"),
        (",".join("x" * 60 for _ in range(5)), "tags_too_long"),
    ],
)
def test_too_many_and_too_long_tags(cell: str, code: str) -> None:
    assert outcome(parse_tags, cell) == f"refused: {code}"
