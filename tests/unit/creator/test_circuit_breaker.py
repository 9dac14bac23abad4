"""The WhatsApp provider's circuit breaker: opens after failures in a row, tries again after a pause."""

import pytest

from services.creator.whatsapp import CircuitBreaker, ProviderAway


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


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
    breaker.check()
    breaker.failed()
    with pytest.raises(ProviderAway, match="circuit is open"):
        breaker.check()


def test_an_answer_in_between_starts_the_count_anew(breaker: CircuitBreaker) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    breaker.check()


def test_after_the_pause_a_call_may_try(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 9.9
    with pytest.raises(ProviderAway):
        breaker.check()
    clock.now += 0.1
    breaker.check()


def test_a_trial_that_fails_opens_it_again_at_once(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    breaker.check()
    breaker.failed()
    with pytest.raises(ProviderAway):
        breaker.check()


def test_a_trial_that_succeeds_closes_it(breaker: CircuitBreaker, clock: Clock) -> None:
    fail(breaker, 3)
    clock.now += 10
    breaker.succeeded()
    fail(breaker, 2)
    breaker.check()
