"""A server that does not answer, said in one line: which one, where, since when, and what went wrong."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from libs.common.errors import is_bad_day, reason


class NoAnswer(Exception):
    """A server is away, or refuses us. The text is for people and holds nothing personal."""


class Closable(Protocol):
    """A store with connections."""

    async def close(self) -> None: ...


StoreT = TypeVar("StoreT", bound=Closable)


@asynccontextmanager
async def closing(store: StoreT) -> AsyncIterator[StoreT]:
    """Close the store's connections at the end of the block."""
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def asking(place: str, *, at_most: float | None = None) -> AsyncIterator[None]:
    """Raise NoAnswer when what is asked within the block fails from outside, or takes over ``at_most`` seconds."""
    since, began = datetime.now(UTC), time.monotonic()
    try:
        async with asyncio.timeout(at_most):
            yield
    except Exception as error:
        if not is_bad_day(error):
            raise
        seconds = time.monotonic() - began
        raise NoAnswer(
            f"{place} has not answered since {since:%H:%M:%S} UTC ({seconds:.1f} s; {reason(error)})"
        ) from error


def quiet_drivers() -> None:
    """Keep aiokafka's own lines, hundreds while a server is away, from a person's terminal: ours says it in one."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
