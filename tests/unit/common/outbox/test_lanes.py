"""Lanes: a partition that takes nothing is left alone ever longer, and tried by one message at a time."""

import pytest

from libs.common.outbox.lanes import FULL_SECONDS, LONGEST_PAUSE_SECONDS, QUIET_SECONDS, TRIAL_SECONDS, Lanes
from tests.support.clocks import Clock

AWAY = ConnectionError()
LANE, OTHER = ("topic", 0), ("topic", 1)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lanes(clock: Clock) -> Lanes:
    return Lanes(most_messages=3, most_bytes=100, monotonic=clock)


def fail_together(lanes: Lanes, count: int) -> list[float]:
    for _ in range(count):
        lanes.sent(LANE, 1)
    return [lanes.failed(LANE, 1, AWAY) for _ in range(count)]


def test_a_healthy_lane_is_open_and_not_slow(lanes: Lanes) -> None:
    assert (lanes.wait(LANE), lanes.is_slow(LANE)) == (0.0, False)
    lanes.sent(LANE, 1)
    assert (lanes.wait(LANE), lanes.is_slow(LANE)) == (0.0, True)
    lanes.arrived(LANE, 1)
    assert (lanes.wait(LANE), lanes.is_slow(LANE)) == (0.0, False)


def test_a_lane_that_failed_is_closed_and_no_other(lanes: Lanes, clock: Clock) -> None:
    (pause,) = fail_together(lanes, 1)
    assert lanes.wait(LANE) == pause > 0
    assert lanes.is_slow(LANE)
    assert lanes.trouble(LANE) is AWAY
    assert (lanes.wait(OTHER), lanes.trouble(OTHER)) == (0.0, None)
    clock.now += pause
    assert (lanes.wait(LANE), lanes.trouble(LANE)) == (0.0, None)


def test_messages_that_fail_together_are_one_failure(lanes: Lanes) -> None:
    assert fail_together(lanes, 3) == [1.0, 1.0, 1.0]


def test_the_pause_doubles_up_to_the_longest(lanes: Lanes, clock: Clock) -> None:
    pauses = []
    for _ in range(40):
        (pause,) = fail_together(lanes, 1)
        pauses.append(pause)
        clock.now += pause
    assert pauses[:5] == pytest.approx([1, 2, 4, 8, 16])
    assert pauses[5:] == pytest.approx([LONGEST_PAUSE_SECONDS] * 35)


def test_one_message_tries_a_lane_that_failed_while_the_others_wait(lanes: Lanes, clock: Clock) -> None:
    (pause,) = fail_together(lanes, 1)
    clock.now += pause
    assert lanes.wait(LANE) == 0.0
    lanes.sent(LANE, 1)
    assert lanes.wait(LANE) == TRIAL_SECONDS
    lanes.arrived(LANE, 1)
    assert (lanes.wait(LANE), lanes.is_slow(LANE)) == (0.0, False)
    assert fail_together(lanes, 1) == [1.0]  # it begins anew


def test_a_lane_takes_so_many_messages(lanes: Lanes) -> None:
    for _ in range(3):
        assert lanes.wait(LANE) == 0.0
        lanes.sent(LANE, 1)
    assert lanes.wait(LANE) == FULL_SECONDS
    lanes.arrived(LANE, 1)
    assert lanes.wait(LANE) == 0.0


def test_a_lane_takes_so_many_bytes(lanes: Lanes) -> None:
    lanes.sent(LANE, 100)
    assert lanes.wait(LANE) == FULL_SECONDS
    lanes.arrived(LANE, 100)
    assert lanes.wait(LANE) == 0.0


def test_it_tells_which_lane_fails_until_that_works_however_long_nothing_is_sent_there(
    lanes: Lanes, clock: Clock
) -> None:
    assert lanes.failing() is None
    fail_together(lanes, 1)
    assert lanes.failing() == (LANE, AWAY)
    clock.now += 100 * QUIET_SECONDS
    assert lanes.failing() == (LANE, AWAY)
    lanes.sent(LANE, 1)
    assert lanes.failing() == (LANE, AWAY)
    lanes.arrived(LANE, 1)
    assert lanes.failing() is None


def test_of_a_lane_that_is_quiet_somebody_must_say_whether_it_still_fails(lanes: Lanes, clock: Clock) -> None:
    fail_together(lanes, 1)
    clock.now += QUIET_SECONDS
    assert lanes.quiet() == []
    clock.now += 1
    assert lanes.quiet() == [LANE]
    lanes.still_fails(LANE)
    assert lanes.quiet() == []
    assert lanes.failing() == (LANE, AWAY)
    clock.now += QUIET_SECONDS + 1
    assert lanes.quiet() == [LANE]
    lanes.forget(LANE)
    assert (lanes.failing(), lanes.quiet(), lanes.wait(LANE)) == (None, [], 0.0)


def test_a_lane_that_is_being_tried_is_not_quiet(lanes: Lanes, clock: Clock) -> None:
    fail_together(lanes, 1)
    clock.now += QUIET_SECONDS + 1
    lanes.sent(LANE, 1)
    assert lanes.quiet() == []
