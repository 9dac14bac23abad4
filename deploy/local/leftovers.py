"""Processes that outlived their supervisor: found by what they noted, and ended."""

import signal
import time
from contextlib import suppress
from pathlib import Path

import psutil

from deploy.local.instance import Instance
from deploy.local.process_names import ordered

GRACE_SECONDS = 10


def end_leftovers(instance: Instance) -> list[str]:
    """End what a killed supervisor left behind, and return the names.

    Each process of ours writes its pid before it becomes the program, so a number that was given to another
    program later is told by its start: it began after the note was written. Nothing else is touched.
    """
    found = {path.name: process for path in (instance.state / "pids").glob("*") if (process := _recorded(path))}
    for name, process in found.items():
        with suppress(psutil.NoSuchProcess):
            process.send_signal(signal.SIGINT if name == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(found.values(), timeout=GRACE_SECONDS)
    for process in stubborn:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)
    children = _children(instance)
    for process in children:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(children, timeout=GRACE_SECONDS)
    return ordered({*found, *(_name(process) for process in children)})


def forget_pids(instance: Instance) -> None:
    for path in (instance.state / "pids").glob("*"):
        path.unlink(missing_ok=True)


def wait_gone(pid: int, seconds: float) -> bool:
    """Wait for a process to end; tell whether it did."""
    deadline = time.monotonic() + seconds
    while psutil.pid_exists(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _recorded(path: Path) -> psutil.Process | None:
    """Return the live process that wrote this file."""
    try:
        process = psutil.Process(int(path.read_text()))
        # The note follows the start within milliseconds; 2 s are for the clocks' coarseness.
        if process.create_time() > path.stat().st_mtime + 2 or process.status() == psutil.STATUS_ZOMBIE:
            return None
    except (OSError, ValueError, psutil.NoSuchProcess):
        return None
    return process


def _children(instance: Instance) -> list[psutil.Process]:
    """Return what is left of this instance's processes' own children, such as the api's parsing pool.

    They carry the instance's folder in their environment, as every process of it does.
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.environ().get("LEADFLOW_LOCAL_STATE") == str(instance.state):
                found.append(process)
    return found


def _name(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return process.name()
    return str(process.pid)
