"""What takes long to read waits for its turn: of all that wait, an event loop goes on with one at a time."""

import asyncio
from collections import deque
from collections.abc import Callable
from weakref import WeakKeyDictionary


class Turns:
    """What is left to be read of a loop's connections, and must not keep all others waiting.

    Were each to go on in each turn of the loop, a turn would be as long as they are many. So one of them goes on, in
    the order in which they came to wait, and then whatever else the loop has to do.
    """

    def __init__(self) -> None:
        self._waiting: deque[Callable[[], None]] = deque()

    def wait(self, go_on: Callable[[], None]) -> None:
        """Call ``go_on`` once, in a later turn of the running loop."""
        self._waiting.append(go_on)
        if len(self._waiting) == 1:
            asyncio.get_running_loop().call_soon(self._next)

    def _next(self) -> None:
        go_on = self._waiting.popleft()
        if self._waiting:
            # Before the call: should it fail, the others go on.
            asyncio.get_running_loop().call_soon(self._next)
        go_on()


_TURNS: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns_of(loop: asyncio.AbstractEventLoop) -> Turns:
    """Return the turns that all connections of a loop share, whatever port they came to."""
    return _TURNS.setdefault(loop, Turns())
