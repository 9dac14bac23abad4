"""What is searched for and what it is compared with."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.leads.search_text import email_key, folded, phone_forms, prefix_query, wanted_phone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("João Pedro  Guimarães", "joao pedro guimaraes"),
        ("JOÃO", "joao"),
        ("Joa\u0303o", "joao"),
        ("D'Ávila-Conceição", "d avila conceicao"),
        ("john.doe+crm@Example.com", "john doe crm example com"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("ﬁrma", "firma"),
        ("  ", ""),
        ("王小明", "王小明"),
        ("&|!():*'\\", ""),
    ],
)
def test_accents_case_and_marks_are_folded(text: str, words: str) -> None:
    assert folded(text) == words


@given(st.text(st.characters(max_codepoint=127)))
def test_plain_texts_have_the_words_that_they_have_beside_others(text: str) -> None:
    """They take a shorter way; one letter beyond ASCII is enough for the long one."""
    assert f"{folded(text)} o".strip() == folded(f"{text} ó")


def test_texts_that_are_not_there_are_left_out() -> None:
    assert folded("Ana", None, "", "Müller") == "ana muller"


def test_each_word_may_be_a_beginning_and_none_is_syntax() -> None:
    assert prefix_query("Jo Gui") == "'jo':* & 'gui':*"
    assert prefix_query("a' & !b:*") == "'a':* & 'b':*"
    assert prefix_query("ana ANA Aná") == "'ana':*"
    assert prefix_query(" -- ") is None
    assert str(prefix_query(" ".join(f"w{number}" for number in range(50)))).count("&") == 9


@pytest.mark.parametrize(
    "spelling",
    [
        "34 91234-5678",
        "(34) 91234-5678",
        "+55 34 91234-5678",
        "5534912345678",
        "034912345678",
        "34 1234 5678",
        "34912345678",
    ],
)
def test_a_phone_is_found_by_any_spelling(spelling: str) -> None:
    stored = phone_forms("55", "BR", "34991234567") if spelling == "" else phone_forms("55", "BR", "34912345678")
    wanted = wanted_phone(spelling)
    if spelling == "34 1234 5678":  # a landline's form: no mobile lacks its ninth digit before 1 to 5
        assert wanted is None or not set(wanted) & set(stored)
    else:
        assert set(wanted or ()) & set(stored)


def test_a_mobile_is_found_without_its_ninth_digit() -> None:
    assert phone_forms("55", "BR", "11981234567") == ["5511981234567", "551181234567"]
    assert set(wanted_phone("11 8123-4567") or ()) & {"5511981234567"}
    assert phone_forms("91", "IN", "9876543210") == ["919876543210"]
    assert phone_forms(None, None, None) == []


@pytest.mark.parametrize("text", ["Ana", "ana@example.com", "2024", "1234567", "rua 12345678", "00000000000"])
def test_what_is_no_phone_is_searched_as_words(text: str) -> None:
    assert wanted_phone(text) is None


def test_addresses_of_one_person_have_one_key() -> None:
    assert email_key("John@Example.COM") == email_key("john@example.com") == "john@example.com"
    assert email_key(None) is email_key("") is None
