"""``make logs``: the end of the processes' logs, and what they write from now on."""

import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from rich.console import Console

from deploy.local.instance import CHECKOUT, Instance, StackError
from deploy.local.log_lines import QUIET, Line, matters, read_line, shown
from deploy.local.process_names import ordered, service_of

LINES = 40
"""Shown of what was written before."""

_TAIL_BYTES = 256 * 1024
_NAME_WIDTH = len("finalizer-20")
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(slots=True)
class _Log:
    """An open log, what its last line was, and the beginning of one whose end is not written yet."""

    file: BinaryIO
    inode: int
    unfinished: bytes = b""
    time: datetime = _LONG_AGO
    last_shown: bool = True


def follow(instance: Instance, wanted: str | None) -> None:
    """Print until interrupted, which is how it ends; ``wanted`` is a service or a process, None for all.

    Of all, servers are shown only where something went wrong. Follows a log through its rotation, and takes in
    processes that are added later.
    """
    instance.require()
    names = _names(instance, wanted)
    if not names:
        known = ", ".join(_names(instance, None))
        raise StackError(f"There is no log of {wanted!r}. There are: {known or 'none yet'}.")
    print(what_is_followed(wanted, names, _short(instance.logs)), file=sys.stderr, flush=True)
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    logs: dict[str, _Log] = {}
    before: int | None = LINES
    while True:
        lines: list[tuple[datetime, str, Line]] = []
        for name in _names(instance, wanted):
            path, everything = instance.logs / f"{name}.log", wanted is not None
            if name in logs:
                lines += _new_lines(logs[name], name, everything=everything)
            if _catch_up(logs, name, path, from_end=before is not None):
                lines += _new_lines(logs[name], name, everything=everything)
        # What several processes wrote meanwhile, in its order.
        lines.sort(key=lambda line: line[0])
        now = datetime.now().astimezone()
        for _, name, line in lines[-before:] if before else lines:
            console.print(shown(name, line, now=now, width=_NAME_WIDTH))
        before = None
        if not lines:
            time.sleep(0.2)


def what_is_followed(wanted: str | None, names: Iterable[str], folder: str) -> str:
    """Return what is said at the beginning."""
    names = list(names)
    if wanted is not None:
        return f"Following all of {', '.join(f'{folder}/{name}.log' for name in names)}. Ctrl-C ends."
    services = [name for name in names if service_of(name) not in QUIET]
    quiet = [name for name in names if service_of(name) in QUIET]
    return (
        f"Following {', '.join(services) or 'no service yet'}, and what goes wrong in {', '.join(quiet)}."
        " Ctrl-C ends.\nOne alone, with all it says: make logs SERVICE=creator, or a server: SERVICE=mongo."
        f" As they were written: {folder}"
    )


def _short(path: Path) -> str:
    return str(path.relative_to(CHECKOUT)) if path.is_relative_to(CHECKOUT) else str(path)


def _names(instance: Instance, wanted: str | None) -> list[str]:
    """Return the processes that have a log: all, those of a service, or one."""
    names = ordered(path.stem for path in instance.logs.glob("*.log"))
    return [name for name in names if wanted in (None, name, service_of(name))]


def _catch_up(logs: dict[str, _Log], name: str, path: Path, *, from_end: bool) -> bool:
    """Open a log that is new, or that was rotated or emptied; tell whether it was."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return False
    log = logs.get(name)
    if log and log.inode == status.st_ino and log.file.tell() <= status.st_size:
        return False
    file = path.open("rb")
    if from_end and status.st_size > _TAIL_BYTES:
        file.seek(status.st_size - _TAIL_BYTES)
        file.readline()
    if log:
        log.file.close()
    logs[name] = _Log(file=file, inode=status.st_ino)
    return True


def _new_lines(log: _Log, name: str, *, everything: bool) -> list[tuple[datetime, str, Line]]:
    """Return what was written since the last look and is to be shown."""
    found = []
    *texts, log.unfinished = (log.unfinished + log.file.read()).split(b"\n")
    for text in texts:
        line = read_line(name, text.decode(errors="replace").rstrip("\r"))
        if not line.continues:
            log.last_shown = everything or matters(name, line)
        log.time = line.time or log.time
        if log.last_shown:
            found.append((log.time, name, line))
    return found
