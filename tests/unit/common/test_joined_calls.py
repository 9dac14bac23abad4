"""Calls that come while one is at work are done together: each has its own outcome, and one at fault is alone."""

import asyncio
from collections.abc import Hashable, Sequence

import pytest

from libs.common.errors import BadDay
from libs.common.joined_calls import Together

KIND, OTHER = 1, 2


class Work:
    """Holds each piece until it is let go on."""

    def __init__(self) -> None:
        self.pieces: list[tuple[Hashable, list[int]]] = []
        self.may_go_on = asyncio.Event()
        self.day: Exception | None = None

    async def do(self, kind: Hashable, given: Sequence[int]) -> list[int | Exception]:
        self.pieces.append((kind, list(given)))
        await self.may_go_on.wait()
        if self.day is not None:
            raise self.day
        if 13 in given:
            raise ZeroDivisionError("one of them")
        return [LookupError(each) if each < 0 else each * 2 for each in given]


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def begun(together: Together[int, int], *given: int, kind: int = KIND) -> list["asyncio.Task[int]"]:
    calls = [asyncio.create_task(together.do(kind, each)) for each in given]
    await settle()
    return calls


async def test_a_call_alone_waits_for_nobody_and_those_behind_it_go_together() -> None:
    work = Work()
    together = Together(work.do, most=3)
    calls = await begun(together, 1) + await begun(together, 2, 3, 4, 5) + await begun(together, 9, kind=OTHER)
    assert work.pieces == [(KIND, [1]), (OTHER, [9])]
    work.may_go_on.set()
    assert await asyncio.gather(*calls) == [2, 4, 6, 8, 10, 18]
    assert work.pieces[2:] == [(KIND, [2, 3, 4]), (KIND, [5])]


async def test_each_has_its_own_outcome() -> None:
    work = Work()
    work.may_go_on.set()
    calls = await begun(Together(work.do, most=10), 1, -2, 3)
    first, second, third = await asyncio.gather(*calls, return_exceptions=True)
    assert (first, third) == (2, 6)
    assert isinstance(second, LookupError)


async def test_one_at_fault_fails_alone() -> None:
    work = Work()
    together = Together(work.do, most=10)
    calls = await begun(together, 0) + await begun(together, 12, 13, 14)
    work.may_go_on.set()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert [done[0], done[1], done[3]] == [0, 24, 28]
    assert isinstance(done[2], ZeroDivisionError)


async def test_on_a_bad_day_all_are_told_at_once() -> None:
    """What is away for one is away for all: it is not asked again for each."""
    work = Work()
    work.day = BadDay("away")
    together = Together(work.do, most=10)
    calls = await begun(together, 1) + await begun(together, 2, 3)
    work.may_go_on.set()
    assert all(isinstance(each, BadDay) for each in await asyncio.gather(*calls, return_exceptions=True))
    assert len(work.pieces) == 2


async def test_who_goes_away_takes_nobody_along() -> None:
    work = Work()
    together = Together(work.do, most=10)
    calls = await begun(together, 1) + await begun(together, 2, 3)
    calls[0].cancel()
    calls[1].cancel()
    work.may_go_on.set()
    assert await calls[2] == 6
    with pytest.raises(asyncio.CancelledError):
        await calls[0]
    assert work.pieces[1:] == [(KIND, [2, 3])]
