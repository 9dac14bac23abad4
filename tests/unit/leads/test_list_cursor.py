"""Cursors of the list."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.messages import ID_LIMIT
from services.leads.domain.list_cursor import WrongCursor, read_cursor, write_cursor


@given(st.integers(1, ID_LIMIT))
def test_a_cursor_says_where_the_page_goes_on(lead_id: int) -> None:
    assert read_cursor(write_cursor(lead_id)) == lead_id


@pytest.mark.parametrize("cursor", ["", "1", "AAAAAA", "_____w", "AAAAAQAA", "é", "AA AAQ", "' OR 1=1", "A" * 200])
def test_what_we_did_not_give_is_no_cursor(cursor: str) -> None:
    with pytest.raises(WrongCursor):
        read_cursor(cursor)
