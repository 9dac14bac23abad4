"""``make logs``: the end of the processes' logs, and what they write from now on."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from deploy.local.instance import Instance, StackError
from deploy.local.processes import ordered

LINES = 15


@dataclass(slots=True)
class _Log:
    path: Path
    file: TextIO
    inode: int


def follow(instance: Instance, process: str | None) -> None:
    """Print until interrupted, which is how it ends; ``process`` is a name (``creator-2``), None for all.

    Follows a log through its rotation, and takes in processes that are added later.
    """
    instance.require()
    if process is not None and not (instance.logs / f"{process}.log").exists():
        known = ", ".join(ordered(path.stem for path in instance.logs.glob("*.log")))
        raise StackError(f"There is no log of {process!r}. There are: {known or 'none yet'}.")
    logs: dict[str, _Log] = {}
    first = True
    while True:
        for name in [process] if process else ordered(path.stem for path in instance.logs.glob("*.log")):
            _catch_up(logs, name, instance.logs / f"{name}.log", from_end=first)
        moved = False
        for name, log in logs.items():
            for line in log.file:
                print(f"{name:<12} {line.rstrip()}", flush=True)
                moved = True
        first = False
        if not moved:
            time.sleep(0.2)


def _catch_up(logs: dict[str, _Log], name: str, path: Path, *, from_end: bool) -> None:
    """Open a log that is new, or that was rotated or emptied."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    log = logs.get(name)
    if log and log.inode == status.st_ino and log.file.tell() <= status.st_size:
        return
    file = path.open(errors="replace")
    if from_end:
        lines = file.readlines()
        file.seek(0)
        for _ in lines[:-LINES]:
            file.readline()
    if log:
        log.file.close()
    logs[name] = _Log(path=path, file=file, inode=status.st_ino)
