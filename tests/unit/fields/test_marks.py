"""Accents and the like, very many of them on one letter: what puts them in order takes the square of their number."""

import sys
import unicodedata
from collections.abc import Callable
from itertools import groupby
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fields.custom_values import parse_string
from libs.fields.emails import parse_email
from libs.fields.invalid_value import InvalidValue
from libs.fields.more_fields import parse_more_text, parse_notes
from libs.fields.names import parse_name
from libs.fields.tags import parse_tags
from libs.fields.text import has_too_many_marks, tidy, with_few_marks
from libs.leads.search_text import folded
from libs.spreadsheets.columns import header_key
from services.api.http.file_names import clean_name
from services.api.reading.domain.own_names import key_of, label_key
from services.leads.domain.written_fields import lines
from services.operator.erasing.domain import Person

MOST = 30
ABOVE, BELOW, OF_LETTERS = "\u0301", "\u0316", "\u0f73"
UNORDERED = "\u0345" * 100 + "\u0334" * 100


def longest_row(text: str) -> int:
    """Return how many marks stand in a row at most."""
    rows = (len(list(row)) for is_mark, row in groupby(text, key=is_of_marks) if is_mark)
    return max(rows, default=0)


def is_of_marks(char: str) -> bool:
    decomposed = unicodedata.decomposition(char).split()
    first = chr(int(next(part for part in decomposed if part[0] != "<"), 16)) if decomposed else char
    return bool(unicodedata.combining(char) or unicodedata.combining(first))


READERS: dict[str, tuple[Callable[[str], object], str]] = {
    "a name": (parse_name, f"a{UNORDERED}"),
    "tags": (parse_tags, f"a{UNORDERED}"),
    "a further field": (parse_more_text, f"a{UNORDERED}"),
    "a field of the company's own": (parse_string, f"a{UNORDERED}"),
    "notes": (parse_notes, f"a{UNORDERED}\nb\n{UNORDERED}"),
    "an address": (parse_email, f"a{UNORDERED}@example.com"),
    "an address's domain": (parse_email, f"ana@a{UNORDERED}.com"),
    "a header": (header_key, f"a{UNORDERED}"),
    "a header that becomes a key": (key_of, f"a{UNORDERED}"),
    "a label that is compared": (label_key, f"a{UNORDERED}"),
    "a file's name": (clean_name, f"a{UNORDERED}.csv"),
    "what a lead is found by": (folded, f"a{UNORDERED}"),
    "what is written into a lead": (lines, f"a{UNORDERED}\nb"),
    "a text that may name somebody": (Person(email="a@b.c").is_named_in, f"a{UNORDERED}"),
}


@pytest.mark.parametrize("kind", READERS)
def test_no_long_row_of_marks_is_put_in_order(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    normalize, rows = unicodedata.normalize, [0]

    def watched(form: Literal["NFC", "NFD", "NFKC", "NFKD"], text: str) -> str:
        rows.append(longest_row(text))
        return normalize(form, text)

    monkeypatch.setattr(unicodedata, "normalize", watched)
    read, text = READERS[kind]
    try:
        read(text)
    except InvalidValue as refused:
        assert refused.code == "email_invalid"
    assert max(rows) <= MOST


def test_a_text_with_as_many_marks_as_any_language_writes_is_composed() -> None:
    assert tidy(f"Joa\u0303o {'x' * 40}") == f"João {'x' * 40}"
    text = "b" + "e\u0301\u0316" + BELOW * (MOST - 2)
    assert tidy(text) == unicodedata.normalize("NFC", text) != text


@pytest.mark.parametrize("marks", [ABOVE * MOST + BELOW, BELOW * MOST + ABOVE, OF_LETTERS * (MOST + 1)])
def test_a_text_with_more_stays_as_it_is(marks: str) -> None:
    text = f"Joa\u0303o {marks}"
    assert tidy(text) == text
    assert parse_name(text) == text


def test_letters_are_found_whatever_stands_on_them() -> None:
    assert folded(f"Joa{ABOVE * 5_000}\u0303o") == "joao"
    assert header_key(f"Telefo{BELOW * 200}ne") == "telefone"
    assert clean_name(f"Joa\u0303{ABOVE * 5_000}o.csv") == "João.csv"


@given(text=st.lists(st.tuples(st.sampled_from(["a", ABOVE, BELOW, OF_LETTERS]), st.integers(1, 70))))
def test_rows_of_marks_are_counted_wherever_they_stand(text: list[tuple[str, int]]) -> None:
    whole = "".join(char * count for char, count in text)
    assert has_too_many_marks(whole) is (longest_row(whole) > MOST)
    few = with_few_marks(whole)
    assert longest_row(few) == min(longest_row(whole), MOST)
    assert few.replace(ABOVE, "").replace(BELOW, "").replace(OF_LETTERS, "") == "a" * whole.count("a")


def test_every_character_that_begins_with_a_mark_when_it_is_taken_apart_is_one() -> None:
    chars = (chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    marks = [char for char in chars if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])]
    assert len(marks) > 900
    assert [char for char in marks if not has_too_many_marks(char * (MOST + 1))] == []
