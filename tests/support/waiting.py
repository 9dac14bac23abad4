"""Waiting for something to become true: to a deadline, never by luck."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import httpx

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


@asynccontextmanager
async def answering(url: str, path: str, *, what: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of a server that was just started, once the server answers ``path``."""
    async with httpx.AsyncClient(base_url=url) as http:

        async def answers() -> httpx.Response | None:
            try:
                return await http.get(path)
            except httpx.TransportError:
                return None

        await eventually(answers, what=f"an answer of {what}")
        yield http
