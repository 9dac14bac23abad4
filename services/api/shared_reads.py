"""Many who ask the same at once are answered by one read: fifty open browsers cost as much as one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


class SharedReads(Generic[Key, Answer]):
    """At most one read of a key at a time.

    Whoever asks while one runs shares the next one: an answer is never older than its question.
    """

    def __init__(self, read: Callable[[Key], Awaitable[Answer]]) -> None:
        self._read = read
        self._running: dict[Key, asyncio.Task[Answer]] = {}
        self._next: dict[Key, asyncio.Task[Answer]] = {}

    async def get(self, key: Key) -> Answer:
        """Return what a read finds that begins after this call; raise what it raises."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._take_turn(key))
        # Who stops waiting does not take the answer from the others.
        return await asyncio.shield(self._next[key])

    async def _take_turn(self, key: Key) -> Answer:
        if key in self._running:
            await asyncio.wait([self._running[key]])
        self._running[key] = self._next.pop(key)
        try:
            return await self._read(key)
        finally:
            del self._running[key]
