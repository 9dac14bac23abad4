"""Several things at once: what happens to the others when one fails."""

import asyncio

import pytest

from libs.common.together import all_ended_then_first_error, all_or_first_error


async def test_the_first_that_cannot_start_ends_the_others() -> None:
    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async def fails() -> None:
        raise ConnectionError("away")

    with pytest.raises(ConnectionError, match="away"):
        await all_or_first_error(waits(), fails())
    assert cancelled.is_set()


class Work:
    """Ends when it is let, with the error that it is given."""

    def __init__(self, error: Exception | None = None) -> None:
        self.may_end = asyncio.Event()
        self.ended = asyncio.Event()
        self._error = error

    async def do(self) -> None:
        await self.may_end.wait()
        self.ended.set()
        if self._error is not None:
            raise self._error


async def test_what_was_begun_ends_before_an_error_of_it_is_raised() -> None:
    failing, slow, late = Work(ConnectionError("first")), Work(), Work(ValueError("second"))

    async def together() -> None:
        async with all_ended_then_first_error() as begun:
            begun.extend(asyncio.create_task(each.do()) for each in (failing, slow, late))

    waiting = asyncio.create_task(together())
    for each in (late, failing):
        each.may_end.set()
        await each.ended.wait()
    await asyncio.sleep(0)
    assert not waiting.done()
    slow.may_end.set()
    with pytest.raises(ConnectionError, match="first"):
        await waiting
    assert slow.ended.is_set()


async def test_an_error_of_the_block_waits_for_what_was_begun_and_comes_before_its_errors() -> None:
    work = Work(ConnectionError("of the work"))

    async def together() -> None:
        async with all_ended_then_first_error() as begun:
            begun.append(asyncio.create_task(work.do()))
            asyncio.get_running_loop().call_soon(work.may_end.set)
            raise ValueError("of the block")

    with pytest.raises(ValueError, match="of the block"):
        await together()
    assert work.ended.is_set()


async def test_nothing_begun_and_nothing_failed_raise_nothing() -> None:
    async with all_ended_then_first_error() as begun:
        assert begun == []
    async with all_ended_then_first_error() as begun:
        work = Work()
        work.may_end.set()
        begun.append(asyncio.create_task(work.do()))
    assert work.ended.is_set()
