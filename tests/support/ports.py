"""Ports that nothing listens on.

They lie below those that Linux gives to outgoing connections (32768 and more): a port from among these is free when it
is asked for, and the end of some connection by the time that a server wants it. And they lie below those of the local
stacks (``deploy.local.ports.FIRST_BASE``).
"""

from collections.abc import Iterator
from itertools import cycle
from random import SystemRandom

from deploy.local.ports import FIRST_BASE, is_free

LOWEST = 10_000


def _in_turn() -> Iterator[int]:
    ports = list(range(LOWEST, FIRST_BASE))
    # By chance, so that the tests of two checkouts do not take each other's.
    SystemRandom().shuffle(ports)
    return cycle(ports)


_PORTS = _in_turn()


def free_port() -> int:
    """Return a port that nothing listens on now; the same one again only after all others had their turn."""
    return next(port for port in _PORTS if is_free(port))
