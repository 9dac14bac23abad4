"""The running processes as ``make -s status`` lists them; holding one still; killing one."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local import stack
from deploy.local.instance import Instance
from tests.support.stack import INSTANCE, ROOT

needs_local_stack = pytest.mark.skipif(
    os.environ.get("LEADFLOW_TEST_STACK") == "docker", reason="holds or kills processes of the local stack"
)


def running(instance: str = INSTANCE) -> dict[str, int]:
    """Return the pids of an instance's running processes by name, as ``make -s status`` prints them."""
    found = stack.status(Instance(name=instance, local=ROOT / ".local"))
    return {process.name: process.pid for process in found if process.state == "running" and process.pid}


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@contextmanager
def held(name: str) -> Iterator[None]:
    """Hold a process still, so that an import stays in progress for as long as the test needs."""
    pid = running()[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
