"""Cursors of the list."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.messages import ID_LIMIT
from services.leads.domain.list_cursor import ListPlace, WrongCursor, read_cursor, write_cursor

WRONG = ["", "1", "AAAAAQ==", "AAAAAQ", "_____w", "AAAAAAAAAAAAAAAA", "AAAAAAAAAAD_____", "f_________8AAAAB", "é"]


@given(st.datetimes(timezones=st.just(UTC)), st.integers(1, ID_LIMIT))
def test_a_cursor_says_where_the_page_goes_on(created_at: datetime, lead_id: int) -> None:
    place = ListPlace(created_at, lead_id)
    assert read_cursor(write_cursor(place)) == place


def test_a_cursor_fits_into_an_address_as_it_is() -> None:
    cursor = write_cursor(ListPlace(datetime(2026, 11, 30, 9, tzinfo=timezone(timedelta(hours=-3))), 7))
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert read_cursor(cursor).created_at == datetime(2026, 11, 30, 12, tzinfo=UTC)


@pytest.mark.parametrize("cursor", [*WRONG, "AA AAQ", "' OR 1=1", "A" * 200])
def test_what_we_did_not_give_is_no_cursor(cursor: str) -> None:
    with pytest.raises(WrongCursor):
        read_cursor(cursor)
