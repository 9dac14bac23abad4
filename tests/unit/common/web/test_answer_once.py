"""Many ask at once whether a process is ready, and some hang up before they know."""

import asyncio

import pytest

from libs.common.web.private_port import answer_once


class Looks:
    """A look that takes as long as the test wants."""

    def __init__(self) -> None:
        self.begun = 0
        self.may_end = asyncio.Event()

    async def __call__(self) -> str | None:
        self.begun += 1
        await self.may_end.wait()
        return f"look {self.begun}"


async def test_who_hangs_up_takes_the_answer_from_nobody() -> None:
    looks = Looks()
    ready = answer_once(looks, seconds=1, clock=lambda: 0.0)
    leaves, stays = asyncio.ensure_future(ready()), asyncio.ensure_future(ready())
    await asyncio.sleep(0)
    leaves.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaves
    looks.may_end.set()
    assert await stays == "look 1"
    assert await ready() == "look 1", "what it found serves the next one, too"
    assert looks.begun == 1


async def test_an_answer_serves_for_so_long_from_when_it_was_looked_for() -> None:
    clock = [0.0]
    looks = Looks()
    looks.may_end.set()
    ready = answer_once(looks, seconds=1, clock=lambda: clock[0])
    for seconds, answer in ((0.0, "look 1"), (1.0, "look 1"), (1.1, "look 2"), (2.1, "look 2"), (2.2, "look 3")):
        clock[0] = seconds
        assert await ready() == answer


async def test_a_look_that_was_cancelled_is_no_answer() -> None:
    """As at the end of a loop's tasks, by whoever runs it: the next one looks anew."""
    looks = Looks()
    ready = answer_once(looks, seconds=60, clock=lambda: 0.0)
    others = asyncio.all_tasks()
    asker = asyncio.ensure_future(ready())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (look,) = asyncio.all_tasks() - others - {asker}
    look.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asker
    looks.may_end.set()
    assert await ready() == "look 2"
