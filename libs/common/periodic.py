"""Work in the background that is done turn by turn, with a pause between two turns."""

import asyncio
from abc import ABC, abstractmethod
from contextlib import suppress


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
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopped.wait(), self.pause_seconds())

    @abstractmethod
    async def turn(self) -> None: ...

    @abstractmethod
    def pause_seconds(self) -> float: ...
