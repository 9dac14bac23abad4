"""Waiting for something to become true: to a deadline, never by luck."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def eventually(look: Callable[[], Awaitable[T | None]], *, seconds: float = 30.0, what: str = "it") -> T:
    """Call ``look`` until it returns something true; return that. Raises AssertionError at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = await look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not come true within {seconds:.0f} s (last: {found!r})")
        await asyncio.sleep(0.05)
