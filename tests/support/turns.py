"""Counting the turns of an event loop, where how long they take would say more of the machine than of the code."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


@asynccontextmanager
async def counted_turns() -> AsyncIterator[Callable[[], int]]:
    """Return what tells in which turn of the running loop it is called, from 0."""
    loop = asyncio.get_running_loop()
    turn = 0
    handle: asyncio.Handle

    def count() -> None:
        nonlocal turn, handle
        turn += 1
        handle = loop.call_soon(count)

    handle = loop.call_soon(count)
    try:
        yield lambda: turn
    finally:
        handle.cancel()
