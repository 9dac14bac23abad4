"""What a process keeps from its neighbours: its environment holds the passwords of every server."""

import ctypes

_PR_SET_DUMPABLE = 4
"""prctl(2)."""


def hide_from_neighbours() -> None:
    """Close this process' environment, memory and files (``/proc/PID/…``) to other processes of the same user.

    A reader of files that a hostile file has taken over runs as that user, too. No dump of the memory is written
    either. Raises OSError when the system refuses.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")
