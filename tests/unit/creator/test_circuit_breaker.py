"""When the WhatsApp provider is not called: after failures in a row, and when it wants fewer calls."""

import pytest

from services.creator.whatsapp import CircuitBreaker, Pace
from tests.support.clocks import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, seconds=10, monotonic=clock)


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        breaker.failed()


def test_it_lets_calls_pass_until_so_many_have_failed_in_a_row(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open


def test_an_answer_in_between_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert not breaker.is_open


def test_after_the_pause_a_call_may_try(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 9.9
    assert breaker.is_open
    clock.now += 0.1
    assert not breaker.is_open


def test_a_trial_that_fails_opens_it_again_at_once(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    assert not breaker.is_open
    breaker.failed()
    assert breaker.is_open


def test_a_trial_that_succeeds_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    breaker.succeeded()
    fail(breaker, 2)
    assert not breaker.is_open


def test_an_answer_closes_it_at_once(breaker: CircuitBreaker) -> None:
    fail(breaker, 3)
    breaker.succeeded()
    assert not breaker.is_open


def test_calls_wait_as_long_as_the_provider_says_and_no_longer_than_ten_seconds(clock: Clock) -> None:
    pace = Pace(monotonic=clock)
    assert pace.wait == 0
    pace.throttled(2)
    pace.throttled(1)
    assert pace.wait == 2
    clock.now += 2
    assert pace.wait == 0
    pace.throttled(3_600)
    assert pace.wait == 10


def test_where_the_provider_does_not_say_how_long_the_wait_doubles_until_it_answers(clock: Clock) -> None:
    pace = Pace(monotonic=clock)
    waits = []
    for _ in range(7):
        pace.throttled(None)
        waits.append(pace.wait)
        clock.now += pace.wait
    assert waits == [0.5, 1, 2, 4, 8, 10, 10]
    pace.answered()
    pace.throttled(None)
    assert pace.wait == 0.5
