"""What the command line decides: pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import Any


class Exit(IntEnum):
    """How a command ends. 2 is also typer's own for wrong usage, 130 the shell's for Ctrl-C."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    ROW_ERRORS = 3
    SIGN_IN = 4
    REFUSED = 5
    WAIT = 6
    CANCELED = 7
    INTERRUPTED = 130


SIGN_IN_STATUSES, WAIT_STATUSES = {401, 403}, {429, 503}
SERVER_ERRORS = 500
STEP_PERCENT = 10
"""How far an import gets between two lines where there is no terminal."""


class WrongUse(Exception):
    """Say it in another way: the text says what is wrong."""


def exit_of_status(status: int) -> Exit:
    """Return how a command ends whose call was answered with this HTTP status, an error."""
    if status in SIGN_IN_STATUSES:
        return Exit.SIGN_IN
    if status in WAIT_STATUSES:
        return Exit.WAIT
    return Exit.FAILED if status >= SERVER_ERRORS else Exit.REFUSED


def exit_of_import(found: Mapping[str, Any]) -> Exit:
    """Return how a command ends that has watched an import to its end, by the ledger's own word."""
    if found["status"] == "FAILED":
        return Exit.CANCELED if found["failure_reason"] == "canceled" else Exit.FAILED
    return Exit.ROW_ERRORS if found["total_errors"] else Exit.DONE


def exit_of_preview(found: Mapping[str, Any], *, skip_invalid: bool) -> Exit:
    """Return how the import would end whose preview this is, as far as a preview can know."""
    if found["missing"] or (found["total_errors"] and not skip_invalid):
        return Exit.REFUSED
    if any(warning["code"] == "over_quota" for warning in found["warnings"]):
        return Exit.WAIT
    return Exit.ROW_ERRORS if found["total_errors"] else Exit.DONE


def is_older(created_at: str, *, now: str, seconds: float) -> bool:
    """Tell whether something was made more than so many seconds before ``now``: two times (ISO 8601) of one clock."""
    return datetime.fromisoformat(created_at) < datetime.fromisoformat(now) - timedelta(seconds=seconds)


def idempotency_key(sha256: str, data: Mapping[str, Any]) -> str:
    """Return the key of a file and what is said of it: the same for a second run, another for anything else."""
    said = json.dumps(data, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(f"{sha256}\n{said}".encode()).hexdigest()


def mapping_of(given: Sequence[str]) -> dict[str, str | None]:
    """Return header -> field of ``Celular=phone``; an empty field is none. Raises WrongUse without ``=``."""
    mapping: dict[str, str | None] = {}
    for each in given:
        # A header may hold the sign, a field never does.
        header, sign, name = each.rpartition("=")
        if not sign or not header:
            raise WrongUse(each)
        mapping[header] = name.strip() or None
    return mapping


def chosen_id(wanted: str, choices: Sequence[Mapping[str, Any]]) -> int | None:
    """Return the id of the only choice with this name, whatever its case, or None."""
    found = [each["id"] for each in choices if each["name"].casefold() == wanted.strip().casefold()]
    return found[0] if len(found) == 1 else None


@dataclass
class Steps:
    """Which lines say how far an import is where there is no terminal."""

    last: int = -1

    def due(self, percent: float) -> bool:
        """Return whether another ten per cent have ended since it was last due."""
        step = int(percent) // STEP_PERCENT
        if step <= self.last:
            return False
        self.last = step
        return True


@dataclass
class EventLines:
    """Reads server-sent events (the HTML standard's form) line by line."""

    last_id: str | None = None
    _kind: str = ""
    _data: list[str] = field(default_factory=list)

    def feed(self, line: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield (kind, data) when the line ends an event."""
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "data":
                self._data.append(value)
            elif name == "event":
                self._kind = value
            elif name == "id":
                self.last_id = value
            return
        if self._data:
            yield self._kind or "message", json.loads("\n".join(self._data))
        self._kind, self._data = "", []
