"""Which lists are known to be longer than is counted: finding that out again for each page is most of its work."""

import time
from collections.abc import Callable, Hashable

SECONDS = 10.0
"""So long it is believed. A list that has become short meanwhile is said to be long for as long."""
MOST = 10_000
"""Lists that are known at the same time: what is asked for is the callers' choice."""


class LargeTotals:
    """What was found, in this process. A total that is told as exact is always counted."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._until: dict[Hashable, float] = {}

    def has(self, asked: Hashable) -> bool:
        """Tell whether this list was longer a moment ago."""
        return self._until.get(asked, 0.0) > self._monotonic()

    def note(self, asked: Hashable) -> None:
        """Note that this list is longer."""
        self._until.pop(asked, None)  # what was noted last is forgotten last
        while len(self._until) >= MOST:
            del self._until[next(iter(self._until))]
        self._until[asked] = self._monotonic() + SECONDS
