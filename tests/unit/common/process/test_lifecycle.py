"""A process starts what it holds in order, once its servers answer, and ends it in the other order."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from libs.common.errors import BadDay
from libs.common.process import lifecycle as module
from libs.common.process.lifecycle import EXIT_CANNOT_START, EXIT_DEAD, Lifecycle
from libs.common.trouble import Trouble
from tests.support.captured_logs import capture_logs
from tests.support.waiting import eventually


@pytest.fixture(autouse=True)
def _usual_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often the tests' own process looks for garbage is none of this matter."""
    monkeypatch.setattr(module, "collect_rarely", lambda: None)


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_PAUSE_SECONDS", 0.01)


class Told:
    """Remembers what was called."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def step(self, name: str, error: Exception | None = None) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            self.calls.append(name)
            if error is not None:
                raise error

        return call


class Work:
    """Background work that ends when it is told to."""

    def __init__(self, told: Told) -> None:
        self.trouble = Trouble("work", service="test")
        self._told = told
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        self._told.calls.append("run")
        await self._stopped.wait()
        self._told.calls.append("ran")

    def stop(self) -> None:
        self._told.calls.append("stop")
        self._stopped.set()


class Store:
    """A server that answers with ``error`` until that is None."""

    def __init__(self, told: Told, place: str, error: Exception | None = None) -> None:
        self.place = place
        self.error = error
        self.asked = 0
        self.patience: list[float] = []
        self._told = told

    async def ask(self, *, seconds: float) -> None:
        self.asked += 1
        self.patience.append(seconds)
        if self.error is not None:
            raise self.error
        self._told.calls.append(f"{self.place} answered")

    async def close(self) -> None:
        self._told.calls.append(f"close {self.place}")


async def until_started(lifecycle: Lifecycle) -> None:
    async def started() -> bool:
        return lifecycle.started

    await eventually(started, what="the start", seconds=5)
    await asyncio.sleep(0)  # background work begins at its turn


async def until_asked(store: Store, times: int) -> None:
    async def asked() -> bool:
        return store.asked >= times

    await eventually(asked, what=f"{times} questions", seconds=5)


async def test_what_was_started_last_is_closed_first_and_background_work_ends_before() -> None:
    told, lifecycle = Told(), Lifecycle("test")
    lifecycle.holds(Store(told, "store"))
    lifecycle.starts(told.step("start pool"), close=told.step("close pool"))
    lifecycle.connects(Store(told, "Kafka"), told.step("start broker"), close=told.step("close broker"))
    lifecycle.runs(Work(told))
    async with lifecycle.running():
        assert lifecycle.starting() == "starting"
        await until_started(lifecycle)
        assert lifecycle.starting() is None
        told.calls.append("work")
    started = ["store answered", "start pool", "Kafka answered", "start broker", "run", "work"]
    assert told.calls == [*started, "stop", "ran", "close broker", "close pool", "close store"]
    assert lifecycle.exit_code == 0


async def test_a_store_is_asked_for_ever_and_nothing_starts_before_it_answers() -> None:
    told, lifecycle = Told(), Lifecycle("test")
    store = Store(told, "PostgreSQL at db:5432", BadDay("password authentication failed"))
    other = Store(told, "MongoDB at chats:27017", ValueError("even an error that is no server's"))
    lifecycle.holds(store, other)
    lifecycle.starts(told.step("start pool"), close=told.step("close pool"))
    with capture_logs() as lines:
        async with lifecycle.running():
            await until_asked(store, 20)
            starting = lifecycle.starting()
            assert starting is not None
            assert "PostgreSQL at db:5432: password authentication failed, for " in starting
            assert "MongoDB at chats:27017: ValueError, for " in starting
            assert not lifecycle.reached
            assert told.calls == []
            assert store.patience[:5] == [4, 8, 16, 32, 32], "a busy machine needs longer than is convenient"
            store.error = BadDay("the database system is starting up")
            await until_asked(store, store.asked + 5)
            assert "starting up" in str(lifecycle.starting())
            store.error = other.error = None
            await until_started(lifecycle)
            answered = {"PostgreSQL at db:5432 answered", "MongoDB at chats:27017 answered"}
            assert (set(told.calls[:2]), told.calls[2:]) == (answered, ["start pool"])
    of_postgres = [line for line in lines if line.get("what") == store.place]
    assert [line["event"] for line in of_postgres] == ["failing", "failing", "works again"]
    assert lifecycle.exit_code == 0


async def test_a_connection_is_asked_for_when_all_else_has_started_and_started_until_it_succeeds() -> None:
    told, lifecycle = Told(), Lifecycle("test")
    kafka, tries = Store(told, "Kafka", BadDay("away")), 0

    async def start() -> None:
        nonlocal tries
        tries += 1
        told.calls.append("start")
        if tries < 3:
            raise OSError

    lifecycle.holds(Store(told, "store"))
    lifecycle.connects(kafka, start, close=told.step("close broker"))
    async with lifecycle.running():
        await until_asked(kafka, 2)
        assert lifecycle.reached
        (awaited,) = lifecycle.awaited()
        assert awaited.startswith("Kafka: away, for ")
        kafka.error = None
        await until_started(lifecycle)
        assert lifecycle.awaited() == []
    assert told.calls == [
        "store answered",
        "Kafka answered",
        *["start", "close broker"] * 2,
        "start",
        "close broker",
        "close store",
    ]


async def test_a_stop_in_the_middle_of_the_start_closes_what_was_begun_at_once() -> None:
    told, lifecycle, begun = Told(), Lifecycle("test"), asyncio.Event()

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    lifecycle.holds(Store(told, "store"))
    lifecycle.starts(hangs, close=told.step("close pool"))
    lifecycle.starts(told.step("never"), close=told.step("never"))
    lifecycle.runs(Work(told))
    async with asyncio.timeout(5):
        async with lifecycle.running():
            await begun.wait()
    assert told.calls == ["store answered", "stop", "close pool", "close store"]


async def test_what_cannot_start_for_a_reason_of_its_own_ends_the_process_and_runs_nothing() -> None:
    told, lifecycle = Told(), Lifecycle("test")
    lifecycle.holds(Store(told, "store"))
    lifecycle.starts(told.step("start pool", OSError("no process can be made")), close=told.step("close pool"))
    lifecycle.starts(told.step("never"), close=told.step("never"))
    lifecycle.runs(Work(told))

    async def ended() -> bool:
        return bool(lifecycle.exit_code)

    async with lifecycle.running():
        await eventually(ended, what="the end", seconds=5)
    assert lifecycle.exit_code == EXIT_CANNOT_START == 3
    assert told.calls == ["store answered", "start pool", "stop", "close pool", "close store"]


async def test_a_close_that_fails_leaves_nothing_else_open() -> None:
    told, lifecycle = Told(), Lifecycle("test")
    lifecycle.closes(told.step("first"), told.step("second", OSError("away")), told.step("third"))
    with pytest.raises(OSError, match="away"):
        async with lifecycle.running():
            await until_started(lifecycle)
    assert told.calls == ["third", "second", "first"]


async def test_background_work_that_ends_is_told_and_keeps_nothing_from_being_closed() -> None:
    class Failing(Work):
        async def run(self) -> None:
            raise OSError

    told, lifecycle = Told(), Lifecycle("test")
    lifecycle.holds(Store(told, "store"))
    lifecycle.runs(Failing(told), Work(told))
    with capture_logs() as lines:
        async with lifecycle.running():
            await until_started(lifecycle)
            await asyncio.sleep(0)
            assert lifecycle.dead() == "Failing has ended"
    assert lifecycle.dead() is None, "what ends while the process stops is no fault"
    assert told.calls[-2:] == ["ran", "close store"]
    assert {
        "event": "work in the background has ended",
        "work": "Failing",
        "error": "OSError",
        "log_level": "error",
    } in lines


async def test_a_process_that_only_a_new_start_helps_ends_also_where_nobody_asks_how_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)

    class Stuck(Lifecycle):
        why: str | None = None

        def dead(self) -> str | None:
            return self.why

    lifecycle = Stuck("test")
    with capture_logs() as lines:
        async with lifecycle.running():
            await until_started(lifecycle)
            await asyncio.sleep(0.05)
            assert lifecycle.exit_code == 0
            lifecycle.why = "it hears nothing"

            async def ended() -> bool:
                return lifecycle.exit_code == EXIT_DEAD == 70

            await eventually(ended, what="its end")
    assert {"event": "ends, to be started again", "why": "it hears nothing", "log_level": "error"} in lines


async def test_background_work_that_has_nothing_to_do_may_return() -> None:
    class Idle(Work):
        async def run(self) -> None:
            return None

    told, lifecycle = Told(), Lifecycle("test")
    lifecycle.runs(Idle(told))
    async with lifecycle.running():
        await until_started(lifecycle)
        await asyncio.sleep(0)
        assert lifecycle.dead() is None
