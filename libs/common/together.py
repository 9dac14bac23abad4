"""Waiting for several things at once, so that none is left behind."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

Found = TypeVar("Found")


async def all_or_first_error(*starts: Awaitable[Found]) -> list[Found]:
    """Wait for all and return what they do; when one raises, cancel the others and raise that."""
    tasks = [asyncio.ensure_future(start) for start in starts]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def all_ended_then_first_error() -> AsyncIterator[list[asyncio.Future[Any]]]:
    """Give a list for what the block begins. Wait at its end for all of that, then raise the error that comes
    first in the list.

    For what must not be cut short: whoever tries again would meet it still under way. An error of the block itself
    waits as well, and is raised before one of the list.
    """
    begun: list[asyncio.Future[Any]] = []
    try:
        yield begun
    finally:
        outcomes = await asyncio.gather(*begun, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
