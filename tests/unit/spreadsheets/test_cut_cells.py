"""A text that is cut says so, to people and to this service, whatever program saves it in between."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.cut_cells import cut, is_cut


@given(text=st.text(max_size=40), most=st.integers(1, 40))
def test_a_text_that_is_cut_says_so_and_no_other_is_touched(text: str, most: int) -> None:
    short = cut(text, most)
    assert is_cut(short) if len(text) > most else short == text


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850", "utf-16", "gb18030"])
def test_no_program_loses_the_mark(encoding: str) -> None:
    assert is_cut(cut("x" * 30, 20).encode(encoding).decode(encoding) + " and what somebody wrote behind it")


@pytest.mark.parametrize("text", ["", "...", "[...]", "[... +]", "[+5]", "Ana [... + 5]"])
def test_other_texts_are_whole(text: str) -> None:
    assert not is_cut(text)
