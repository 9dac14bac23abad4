"""Many who ask the same at once are answered by one read: fifty open browsers cost as much as one."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Answer = TypeVar("Answer")


AT_ONCE = 2
"""Reads of a key at the same time. With one, whoever asks just after it began would wait for the rest of it and then
for the whole next one, because an answer must not be older than its question."""


class SharedReads(Generic[Key, Answer]):
    """At most ``AT_ONCE`` reads of a key at a time.

    Whoever asks while those run shares the next one: an answer is never older than its question.
    """

    def __init__(self, read: Callable[[Key], Awaitable[Answer]]) -> None:
        self._read = read
        self._running: defaultdict[Key, set[asyncio.Task[Answer]]] = defaultdict(set)
        self._next: dict[Key, asyncio.Task[Answer]] = {}

    async def get(self, key: Key) -> Answer:
        """Return what a read finds that begins after this call; raise what it raises."""
        if key not in self._next:
            self._next[key] = asyncio.create_task(self._take_turn(key))
        # Shielded: a caller that stops waiting must not cancel the read that others wait for, too.
        return await asyncio.shield(self._next[key])

    async def _take_turn(self, key: Key) -> Answer:
        while len(self._running[key]) >= AT_ONCE:
            await asyncio.wait(self._running[key], return_when=asyncio.FIRST_COMPLETED)
        this = self._next.pop(key)
        self._running[key].add(this)
        try:
            return await self._read(key)
        finally:
            self._running[key].discard(this)
            if not self._running[key] and key not in self._next:
                del self._running[key]
