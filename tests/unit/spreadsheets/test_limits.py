"""What a file may cost follows from the rows that it may hold."""

from libs.spreadsheets.limits import Limits


def test_limits_of_bytes_follow_from_rows() -> None:
    assert Limits(max_rows=5_000).max_bytes == 20_480_000
    assert Limits(max_rows=1).max_bytes == 1 << 20
    assert Limits(max_rows=1, max_bytes=5).max_bytes == 5
