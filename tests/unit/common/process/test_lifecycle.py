"""A process starts what it holds in order, and ends it in the other order, whatever fails in between."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from libs.common.process import lifecycle as module
from libs.common.process.lifecycle import Lifecycle


@pytest.fixture(autouse=True)
def _usual_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """How often the tests' own process looks for garbage is none of this matter."""
    monkeypatch.setattr(module, "collect_rarely", lambda: None)


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
        self._told = told
        self._stopped = asyncio.Event()

    async def run(self) -> None:
        self._told.calls.append("run")
        await self._stopped.wait()
        self._told.calls.append("ran")

    def stop(self) -> None:
        self._told.calls.append("stop")
        self._stopped.set()


async def test_what_was_started_last_is_closed_first_and_background_work_ends_before() -> None:
    told, lifecycle = Told(), Lifecycle()
    lifecycle.closes(told.step("close store"))
    lifecycle.runs(Work(told))
    lifecycle.starts(told.step("start pool"), close=told.step("close pool"))
    lifecycle.starts(told.step("start broker"), close=told.step("close broker"))
    async with lifecycle.running():
        await asyncio.sleep(0)
        told.calls.append("work")
    started = ["start pool", "start broker", "run", "work"]
    assert told.calls == [*started, "stop", "ran", "close broker", "close pool", "close store"]


async def test_a_start_that_fails_closes_what_was_started_and_runs_nothing() -> None:
    told, lifecycle = Told(), Lifecycle()
    lifecycle.closes(told.step("close store"))
    lifecycle.starts(told.step("start pool"), close=told.step("close pool"))
    lifecycle.starts(told.step("start broker", OSError("away")), close=told.step("close broker"))
    lifecycle.starts(told.step("never"), close=told.step("never"))
    lifecycle.runs(Work(told))
    with pytest.raises(OSError, match="away"):
        async with lifecycle.running():
            raise AssertionError
    assert told.calls == ["start pool", "start broker", "close broker", "close pool", "close store"]


async def test_a_close_that_fails_leaves_nothing_else_open() -> None:
    told, lifecycle = Told(), Lifecycle()
    lifecycle.closes(told.step("first"), told.step("second", OSError("away")), told.step("third"))
    with pytest.raises(OSError, match="away"):
        async with lifecycle.running():
            pass
    assert told.calls == ["third", "second", "first"]


async def test_background_work_that_fails_keeps_nothing_from_being_closed() -> None:
    class Failing(Work):
        async def run(self) -> None:
            raise OSError

    told, lifecycle = Told(), Lifecycle()
    lifecycle.closes(told.step("close store"))
    lifecycle.runs(Failing(told), Work(told))
    async with lifecycle.running():
        await asyncio.sleep(0)
    assert told.calls[-2:] == ["ran", "close store"]
