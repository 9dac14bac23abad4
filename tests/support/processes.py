"""The running processes as ``make -s status`` lists them; holding one still; killing one."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.stack import local


def pid_of(name: str) -> int:
    """Return the pid of a running process of the test instance."""
    return running()[name]


def running() -> dict[str, int]:
    lines = [line.split() for line in local("status").splitlines()]
    return {name: int(pid) for name, state, pid, _ in lines if state == "running"}


def kill(name: str) -> int:
    """``kill -9``; return the pid that is gone."""
    pid = pid_of(name)
    os.kill(pid, signal.SIGKILL)
    return pid


@contextmanager
def held(name: str) -> Iterator[None]:
    """Hold a process still, so that an import stays in progress for as long as the test needs."""
    pid = pid_of(name)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
