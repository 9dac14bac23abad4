"""The running processes as ``make -s status`` lists them; holding one still; killing one."""

import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest

from deploy.local import stack
from tests.support.stack import INSTANCE, instance_of

needs_local_stack = pytest.mark.skipif(
    os.environ.get("LEADFLOW_TEST_STACK") == "docker", reason="holds or kills processes of the local stack"
)


def running(instance: str = INSTANCE) -> dict[str, int]:
    """Return the pids of an instance's running processes by name, as ``make -s status`` prints them."""
    found = stack.status(instance_of(instance))
    return {process.name: process.pid for process in found if process.state == "running" and process.pid}


def with_children(*names: str) -> list[int]:
    """Return the pids of these processes and of all that they started."""
    pids = running()
    found = [psutil.Process(pids[name]) for name in names]
    return [each.pid for process in found for each in (process, *process.children(recursive=True))]


def cpu_seconds(pids: Iterable[int]) -> dict[int, float]:
    """Return how long each of these processes that lives has worked until now.

    What else the machine does adds little to it, where it may double the time that a clock tells. By process, since
    what one that has ended worked is in no later sum.
    """
    found = {}
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found[pid] = _worked(psutil.Process(pid))
    return found


def worked_since(before: Mapping[int, float], pids: Iterable[int]) -> float:
    """Return how many seconds these processes have worked since ``before``: new ones from their start."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in cpu_seconds(pids).items())


def _worked(process: psutil.Process) -> float:
    try:
        # In nanoseconds, of each thread. What psutil knows is in hundredths of a second: much for one call.
        files = Path(f"/proc/{process.pid}/task").glob("*/schedstat")
        return sum(int(file.read_text().split()[0]) for file in files) / 1e9
    except OSError:
        times = process.cpu_times()
        return float(times.user + times.system)


def kill(pid: int) -> None:
    os.kill(pid, signal.SIGKILL)


@contextmanager
def held(name: str) -> Iterator[None]:
    """Hold a process still, so that an import stays in progress for as long as the test needs."""
    pids = running()
    assert name in pids, f"{name} does not run: {[each for each in stack.status(instance_of()) if each.name == name]}"
    pid = pids[name]
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
