"""Places that are few, shared between those who compete for them: whoever takes all it can leaves some for others."""

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import NamedTuple

from libs.common.web.refusals import Refused


class Shares:
    """``count`` places. A group may take another one while it holds fewer than are free.

    So one group alone gets half of them, two get a third each, and so on; and there is a place for a further one as
    long as there are fewer groups than places. (Choudhury and Hahne, "Dynamic queue length thresholds", 1998.)
    """

    def __init__(self, count: int) -> None:
        self._free = count
        self._held: Counter[Hashable] = Counter()

    def has_one_for(self, group: Hashable) -> bool:
        return self._held[group] < self._free

    def held_by(self, group: Hashable) -> int:
        return self._held[group]

    def take(self, group: Hashable) -> None:
        """Take a place that there is."""
        self._free -= 1
        self._held[group] += 1

    def give_back(self, group: Hashable) -> None:
        self._free += 1
        self._held[group] -= 1
        if not self._held[group]:
            del self._held[group]  # or every group that ever came would be kept

    @contextmanager
    def one(self, group: Hashable, *, code: str) -> Iterator[None]:
        """Hold a place during the block. Raises Refused with ``code`` at once when there is none for the group."""
        with self.perhaps_one(group) as is_held:
            if not is_held:
                raise Refused(code)
            yield

    @contextmanager
    def perhaps_one(self, group: Hashable) -> Iterator[bool]:
        """Hold a place during the block if there is one for the group, and say whether."""
        if not self.has_one_for(group):
            yield False
            return
        self.take(group)
        try:
            yield True
        finally:
            self.give_back(group)


class _Waiting(NamedTuple):
    group: Hashable
    only: Hashable
    turn: asyncio.Future[None]


class PlacesInTurn:
    """Shared places that can be waited for: of those for whom there is one, the group that holds the fewest is next.

    ``only`` names what one place at a time may be held for, whatever the group may have; None: nothing.
    """

    def __init__(self, count: int) -> None:
        self._shares = Shares(count)
        self._held_for: set[Hashable] = set()
        self._waiting: deque[_Waiting] = deque()

    @property
    def length(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def has_one_for(self, group: Hashable, only: Hashable = None) -> bool:
        return only not in self._held_for and self._shares.has_one_for(group)

    async def take(self, group: Hashable, only: Hashable = None) -> None:
        """Take a place, as soon as there is one; who is given up on while waiting has taken none."""
        if self.has_one_for(group, only):
            # Whoever waits though a place is free has its share already.
            self._take(group, only)
            return
        mine = _Waiting(group, only, asyncio.get_running_loop().create_future())
        self._waiting.append(mine)
        try:
            await mine.turn
        except asyncio.CancelledError:
            if mine.turn.done() and not mine.turn.cancelled():
                self.give_back(group, only)
            raise
        finally:
            with suppress(ValueError):
                self._waiting.remove(mine)

    def give_back(self, group: Hashable, only: Hashable = None) -> None:
        """Give a place back, and call whoever is next."""
        self._shares.give_back(group)
        self._held_for.discard(only)
        while ready := [each for each in self._waiting if not each.turn.done() and self.has_one_for(*each[:2])]:
            chosen = min(ready, key=lambda each: self._shares.held_by(each.group))  # the first of equals came first
            self._waiting.remove(chosen)
            self._take(chosen.group, chosen.only)
            chosen.turn.set_result(None)

    @asynccontextmanager
    async def one(self, group: Hashable) -> AsyncIterator[None]:
        """Hold a place during the block, which begins as soon as there is one."""
        await self.take(group)
        try:
            yield
        finally:
            self.give_back(group)

    def _take(self, group: Hashable, only: Hashable) -> None:
        self._shares.take(group)
        if only is not None:
            self._held_for.add(only)
