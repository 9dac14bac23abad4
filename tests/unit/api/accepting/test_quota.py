"""The hourly quota: who may pass, and that Retry-After is neither too short nor a second too long."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.common.web.refusals import Refused
from services.api.accepting.domain.quota import PERIOD, PastImport, Quota, check_quota
from services.api.http.problems import PROBLEMS

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
QUOTA = Quota(rows=5_000, imports=5)


def ago(minutes: float, rows: int) -> PastImport:
    return PastImport(NOW - timedelta(minutes=minutes), rows)


def retry_after(past: list[PastImport], rows: int | None, *, quota: Quota = QUOTA, now: datetime = NOW) -> int | None:
    """Return the Retry-After of the refusal, None when the upload passes."""
    try:
        check_quota(quota, past, rows=rows, now=now)
    except Refused as refused:
        assert (refused.code, PROBLEMS[refused.code].status) == ("quota_exceeded", 429)
        return refused.retry_after
    return None


def test_a_refusal_says_to_programs_what_is_allowed_and_what_was_used() -> None:
    with pytest.raises(Refused) as refusal:
        check_quota(QUOTA, [ago(10, 4_999), ago(5, 1)], rows=1, now=NOW)
    assert refusal.value.facts == {
        "limits": {"rows": QUOTA.rows, "imports": QUOTA.imports, "seconds": 3_600},
        "used": {"rows": 5_000, "imports": 2},
    }


@pytest.mark.parametrize(
    ("past", "rows", "seconds"),
    [
        ([], 5_000, None),
        ([], 5_001, 3600),
        ([ago(10, 4_999)], 1, None),
        ([ago(10, 4_999)], 2, 50 * 60),
        ([ago(10, 5_000)], 1, 50 * 60),
        ([ago(50, 1_000), ago(20, 4_000)], 1, 10 * 60),
        ([ago(50, 1_000), ago(20, 4_000)], 1_000, 10 * 60),
        ([ago(50, 1_000), ago(20, 4_000)], 1_001, 40 * 60),
        ([ago(minute, 1) for minute in (50, 40, 30, 20)], 1, None),
        ([ago(minute, 1) for minute in (50, 40, 30, 20, 10)], 1, 10 * 60),
        ([ago(minute, 1) for minute in (50, 40, 30, 20, 10, 5)], 1, 20 * 60),  # the setting was lowered
        ([ago(minute, 1) for minute in (50, 40, 30, 20, 10)], 4_999, 40 * 60),  # imports, then rows
    ],
)
def test_an_upload_passes_or_waits_until_enough_of_the_hour_has_left(
    past: list[PastImport], rows: int, seconds: int | None
) -> None:
    assert retry_after(past, rows) == seconds


@pytest.mark.parametrize(
    ("past", "seconds"), [([ago(10, 5_000)], None), ([ago(minute, 0) for minute in (50, 40, 30, 20, 10)], 10 * 60)]
)
def test_before_the_file_is_read_only_the_number_of_imports_is_judged(
    past: list[PastImport], seconds: int | None
) -> None:
    assert retry_after(past, None) == seconds


def test_imports_count_even_when_they_had_no_rows() -> None:
    assert retry_after([ago(10, 0)] * 5, 1) == 50 * 60


def test_the_wait_is_rounded_up_to_whole_seconds() -> None:
    past = [PastImport(NOW - timedelta(minutes=59, seconds=58, microseconds=1), 5_000)]
    assert retry_after(past, 1) == 2
    assert retry_after(past, 1, now=NOW + timedelta(seconds=1, microseconds=999_998)) == 1


@pytest.mark.parametrize("hours", [1, 24])
def test_a_clock_that_jumped_back_never_makes_one_wait_longer_than_the_hour(hours: int) -> None:
    assert retry_after([PastImport(NOW + timedelta(hours=hours), 5_000)], 1) == 3600


def test_the_refusal_says_what_is_allowed_and_what_was_used() -> None:
    with pytest.raises(Refused) as caught:
        check_quota(QUOTA, [ago(10, 3_000), ago(5, 1_500)], rows=501, now=NOW)
    for said in ("5 imports", "5000 rows", "2 imports", "4500 rows"):
        assert said in caught.value.detail


past_imports = st.lists(
    st.builds(
        PastImport,
        created_at=st.integers(1, int(PERIOD / timedelta(milliseconds=1)) - 1).map(
            lambda milliseconds: NOW - timedelta(milliseconds=milliseconds)
        ),
        total_rows=st.integers(0, 120),
    ),
    max_size=8,
).map(lambda past: sorted(past, key=lambda each: each.created_at))


def of_the_hour(past: list[PastImport], now: datetime) -> list[PastImport]:
    return [each for each in past if each.created_at > now - PERIOD]


@given(past_imports, st.integers(0, 120), st.integers(1, 120), st.integers(1, 6))
def test_who_waits_as_long_as_retry_after_says_passes_and_not_a_second_earlier(
    past: list[PastImport], rows: int, quota_rows: int, quota_imports: int
) -> None:
    quota = Quota(rows=quota_rows, imports=quota_imports)
    seconds = retry_after(past, rows, quota=quota)
    if seconds is None or rows > quota_rows:
        return
    then = NOW + timedelta(seconds=seconds)
    assert retry_after(of_the_hour(past, then), rows, quota=quota, now=then) is None
    earlier = then - timedelta(seconds=1, milliseconds=1)
    if earlier > NOW:
        assert retry_after(of_the_hour(past, earlier), rows, quota=quota, now=earlier) is not None


@given(past_imports, st.integers(1, 120))
def test_what_passes_keeps_the_hour_within_the_quota(past: list[PastImport], rows: int) -> None:
    quota = Quota(rows=200, imports=4)
    if retry_after(past, rows, quota=quota) is None:
        assert sum(each.total_rows for each in past) + rows <= quota.rows
        assert len(past) + 1 <= quota.imports
