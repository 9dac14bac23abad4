"""Work in the background that is done turn by turn, with a pause between two turns that may be cut short."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress


async def pause(seconds: float, *, until: asyncio.Event) -> None:
    """Return after so many seconds, or as soon as ``until`` is set."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until.wait()


class Periodic(ABC):
    """A turn at once, and then one after each pause, until ``stop``. A turn must not raise: it would be the last."""

    def __init__(self) -> None:
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        """Take turns until ``stop``; the turn that is under way then comes to its end."""
        while not self._stopped.is_set():
            await self.turn()
            await pause(self.pause_seconds(), until=self._stopped)

    @abstractmethod
    async def turn(self) -> None: ...

    @abstractmethod
    def pause_seconds(self) -> float: ...
