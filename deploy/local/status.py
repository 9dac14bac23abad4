"""``make status``: how each process is, as a table for people."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

import psutil
from rich.text import Text

from deploy.local import health, settings, stack
from deploy.local import ports as ports_of
from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.process_names import service_of
from deploy.local.supervision import BAD_DEPLOY, RunningProcess
from deploy.processes import SERVERS

SECONDS = 2.0
"""A process that has not answered by then is not ready."""

HEADER = ("NAME", "STATE", "PID", "PORT", "UPTIME", "RESTARTS", "REASON")
_NUMBERS = HEADER[2:6]


class State(StrEnum):
    """How a process is."""

    READY = "ready"
    NOT_READY = "not ready"
    FROZEN = "frozen"
    """Held by a signal: it lives, and does nothing."""
    STOPPED = "stopped"
    GIVEN_UP = "given up"
    """It ended so that the supervisor does not start it again."""


_COLOURS = {State.READY: "green", State.STOPPED: "dim"}


@dataclass(frozen=True, slots=True)
class Condition:
    """A process and how it is; ``reason`` says why it is not ready."""

    process: RunningProcess
    state: State
    port: int | None
    reason: str = ""
    intended: bool = False
    """It is stopped because the user has asked for that."""

    @property
    def well(self) -> bool:
        return self.state is State.READY or self.intended


def conditions(instance: Instance) -> list[Condition]:
    """Return every process of the stack and how it is; all are asked at once."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it reports what is shown as the reason
    ports, scale = ports_of.load(instance), settings.load_scale(instance)

    async def ask() -> list[Condition]:
        return await asyncio.gather(
            *(_condition(instance, ports, process, scale) for process in stack.status(instance))
        )

    return asyncio.run(ask())


async def _condition(
    instance: Instance, ports: Ports | None, process: RunningProcess, scale: dict[str, int]
) -> Condition:
    try:
        port = ports[process.name] if ports else None
    except KeyError:  # a process of an earlier version of this checkout
        port = None
    settled = without_asking(process, held=_is_held(process.pid))
    if settled is None:
        reason = await _ask(instance, ports, process.name)
        return Condition(process, State.NOT_READY if reason else State.READY, port, reason or "")
    state, reason = settled
    if state is not State.STOPPED:
        return Condition(process, state, port, reason)
    if scale.get(service_of(process.name)) == 0:
        return Condition(process, state, port, "scaled to 0", intended=True)
    left = _left_running(instance, process.name)
    return Condition(process, state, port, f"pid {left} outlived its supervisor: `make up` replaces it" if left else "")


def without_asking(process: RunningProcess, *, held: bool) -> tuple[State, str] | None:
    """Return the state of a process and the reason; None when only the process itself can say."""
    if process.gave_up:
        code = f"it ended with code {process.exit_code}" if process.exit_code == BAD_DEPLOY else "it cannot be started"
        return State.GIVEN_UP, f"{code}: make logs SERVICE={process.name}"
    if process.state in ("stopped", "unknown"):
        return State.STOPPED, ""
    if held:
        return State.FROZEN, f"held by a signal; `kill -CONT {process.pid}` lets it go on"
    if process.pid == 0 or process.state != "running":
        return State.NOT_READY, "stopping" if process.state == "stopping" else "it ended and is started again"
    return None


async def _ask(instance: Instance, ports: Ports | None, name: str) -> str | None:
    if ports is None:
        return "its port is forgotten: `make down`, then `make up`"
    if service_of(name) in SERVERS:
        return await health.why_server_is_not_ready(instance, ports, name, seconds=SECONDS)
    return await asyncio.to_thread(health.why_service_is_not_ready, name, ports[name], seconds=SECONDS)


def _is_held(pid: int) -> bool:
    """Tell whether a process is stopped by a signal or a debugger."""
    with suppress(psutil.Error):
        return bool(pid) and psutil.Process(pid).status() in (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)
    return False


def _left_running(instance: Instance, name: str) -> int:
    """Return the pid of a process of ours that runs without its supervisor; 0 when there is none."""
    with suppress(psutil.Error, OSError, ValueError):
        pid = int((instance.state / "pids" / name).read_text())
        if psutil.Process(pid).environ().get("LEADFLOW_LOCAL_STATE") == str(instance.state):
            return pid
    return 0


def table(found: Sequence[Condition]) -> list[Text]:
    """Return the lines of the table, its header first; columns are two spaces apart or more."""
    rows = [HEADER, *map(_cells, found)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADER))]
    lines = []
    for number, row in enumerate(rows):
        style = "bold" if number == 0 else ""
        text = Text()
        for title, cell, width in zip(HEADER, row, widths, strict=True):
            padded = cell.rjust(width) if title in _NUMBERS else cell.ljust(width)
            colour = _COLOURS.get(found[number - 1].state, "bold red") if number and title == "STATE" else style
            text.append(padded, colour)
            text.append("  ")
        text.rstrip()
        lines.append(text)
    return lines


def _cells(condition: Condition) -> tuple[str, ...]:
    process = condition.process
    return (
        process.name,
        condition.state,
        str(process.pid or "-"),
        str(condition.port or "-"),
        duration(process.uptime) if process.pid else "-",
        str(process.restarts),
        condition.reason,
    )


def duration(seconds: int) -> str:
    """Return a time in its two largest units: ``45s``, ``3m05s``, ``2h14m``, ``3d04h``."""
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86_400
    if days:
        return f"{days}d{hours % 24:02}h"
    if hours:
        return f"{hours}h{minutes % 60:02}m"
    return f"{minutes}m{seconds % 60:02}s" if minutes else f"{seconds}s"


def summary(found: Sequence[Condition]) -> str:
    """Return what the table comes to."""
    if all(each.state is State.STOPPED for each in found):
        left = any(each.reason for each in found if not each.intended)
        return "The supervisor is gone: `make up` starts anew." if left else "The stack is down: `make up` starts it."
    ill = [each for each in found if not each.well]
    if not ill:
        return f"All {sum(each.state is State.READY for each in found)} processes are ready."
    named = [
        each.process.name if each.state is State.NOT_READY else f"{each.process.name} ({each.state})" for each in ill
    ]
    return f"{len(ill)} of {len(found)} processes {'is' if len(ill) == 1 else 'are'} not ready: {', '.join(named)}."
