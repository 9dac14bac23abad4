"""Places that are few, shared between those who compete for them: whoever takes all it can leaves some for others."""

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

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
        if not self.has_one_for(group):
            raise Refused(code)
        self.take(group)
        try:
            yield
        finally:
            self.give_back(group)
