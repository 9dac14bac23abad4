"""What is done with a message whose handler raised: kinds of errors are counted apart, by a clock of the test's own."""

from typing import Any, cast

import asyncpg
import pytest
from aiokafka import ConsumerRecord
from faststream.kafka import KafkaBroker

from libs.common.errors import BadDay, BadMessage, NotFinished
from libs.common.kafka.delivery import UNFORESEEN_ATTEMPTS, Delivery
from libs.common.settings import KafkaSettings
from libs.common.topics import DeadLetters

PLACE = ("a.topic.v1", 3)
SETTINGS = KafkaSettings(
    backoff_max_seconds=0.001, unforeseen_seconds=30, bad_messages_in_a_row=5, bad_deploy_told_seconds=0
)


class Letters:
    """A broker that keeps what it is given."""

    def __init__(self) -> None:
        self.published: list[dict[str, str]] = []

    async def publish(self, body: bytes, *, topic: str, key: bytes | None, headers: dict[str, str]) -> None:
        self.published.append(headers)


class Tried:
    """A delivery, its dead letters, and its time."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.letters = Letters()
        self.gave_up = 0
        self.delivery = Delivery(
            SETTINGS,
            service="test",
            dead_letters=DeadLetters("dead.v1"),
            on_bad_deploy=self._give_up,
            jitter=lambda: 0.0,
            monotonic=lambda: self.now,
        )
        self.delivery.connect(cast(KafkaBroker, self.letters))

    def _give_up(self) -> None:
        self.gave_up += 1

    async def fail(self, error: Exception, *, offset: int = 7, after: float = 0.0) -> bool:
        """Let the handler raise ``after`` so many seconds; tell whether the message is done with."""
        self.now += after
        return await self.delivery.failed(record(offset), error)


def record(offset: int) -> ConsumerRecord[Any, Any]:
    return ConsumerRecord(*PLACE, offset, 0, 0, b"k", b"{}", None, 1, 2, [])


@pytest.fixture
def tried() -> Tried:
    return Tried()


async def test_a_bad_message_goes_to_the_dead_letter_at_once(tried: Tried) -> None:
    assert await tried.fail(BadMessage("no such thing"))
    (letter,) = tried.letters.published
    assert letter["x-attempt"] == "1"


async def test_bad_days_do_not_count_as_tries_of_an_unforeseen_error(tried: Tried) -> None:
    for _ in range(10):
        assert not await tried.fail(BadDay("PostgreSQL is away"), after=60)
    for _ in range(UNFORESEEN_ATTEMPTS):
        assert not await tried.fail(KeyError("x"), after=1)
    assert tried.letters.published == []
    assert await tried.fail(KeyError("x"), after=30)
    (letter,) = tried.letters.published
    assert letter["x-attempt"] == str(10 + UNFORESEEN_ATTEMPTS + 1)


async def test_an_unforeseen_error_is_tried_again_for_half_a_minute_at_least(tried: Tried) -> None:
    seconds = 0
    while not await tried.fail(KeyError("x"), after=1):
        seconds += 1
    assert seconds == SETTINGS.unforeseen_seconds


async def test_a_slow_unforeseen_error_is_tried_three_times_all_the_same(tried: Tried) -> None:
    done = [await tried.fail(KeyError("x"), after=100) for _ in range(UNFORESEEN_ATTEMPTS)]
    assert done == [False, False, True]


async def test_another_message_begins_to_count_anew(tried: Tried) -> None:
    assert not await tried.fail(KeyError("x"), offset=1)
    assert not await tried.fail(KeyError("x"), offset=1, after=60)
    assert not await tried.fail(KeyError("x"), offset=2, after=60)
    assert not await tried.fail(KeyError("x"), offset=2, after=1)
    assert not await tried.fail(KeyError("x"), offset=2, after=1)


async def test_a_wrong_password_never_reaches_the_dead_letter_and_stops_nothing(tried: Tried) -> None:
    for _ in range(200):
        assert not await tried.fail(asyncpg.InvalidPasswordError("for user"), after=30)
    assert tried.letters.published == []
    assert tried.gave_up == 0


async def test_a_bad_day_that_lasts_is_told_with_its_reason(tried: Tried) -> None:
    assert tried.delivery.trouble(PLACE, lasting=0) is None
    await tried.fail(BadDay("MongoDB is away"))
    await tried.fail(BadDay("PostgreSQL is away"), after=59)
    assert tried.delivery.trouble(PLACE, lasting=60) is None
    await tried.fail(BadDay("PostgreSQL is away"), after=1)
    assert tried.delivery.trouble(PLACE, lasting=60) == "BadDay: PostgreSQL is away, for 60 s"
    tried.delivery.succeeded(record(7))
    assert tried.delivery.trouble(PLACE, lasting=0) is None


async def test_a_step_of_a_long_work_comes_again_at_once_and_is_progress_not_trouble(tried: Tried) -> None:
    assert not await tried.fail(BadDay("PostgreSQL is away"))
    for step in range(1, 50):
        assert not await tried.fail(NotFinished())
        assert tried.delivery.progress[PLACE] == step
        assert tried.delivery.trouble(PLACE, lasting=0) is None
    assert tried.letters.published == []
