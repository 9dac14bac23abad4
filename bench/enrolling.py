"""How fast one enroller is, what it holds, and what an import keeps of its speed beside it and beside its columns."""

import time
from dataclasses import dataclass

import psutil

from bench.client import Client
from bench.rows import csv_file
from bench.stack import Stack

WAIT_SECONDS = 600.0
LOOK_SECONDS = 0.25
"""Often enough, and the question itself takes of the time that is measured."""
# What leads has added to an imported lead's row: without it the import is as it was before there was a CRM.
_INDEXES = tuple(
    f"amigocare_leads_{name}"
    for name in ("by_time", "of_source", "public", "custom", "of_colleague", "in_status", "not_imported")
)
_WITHOUT = tuple(f"DROP INDEX amigocare.{name}" for name in _INDEXES)
_DEFAULTS = "ALTER TABLE amigocare.amigocare_leads ALTER public_id {} DEFAULT{}"
_ADDED = f"SELECT string_agg(indexdef, ';' ORDER BY indexname) FROM pg_indexes WHERE tablename = 'amigocare_leads' \
AND indexname IN {_INDEXES}"


@dataclass(frozen=True, slots=True)
class Turn:
    """Rates are rows or leads a second; ``growth`` is the enroller's memory at the end ÷ at a third of its work."""

    without_leads: float
    enroller_stopped: float
    enroller_beside: float
    enrolled: float
    growth: float
    memory: float
    """MiB, at most."""


def turn(stack: Stack, client: Client, start: int, rows: int) -> Turn:
    """Import three times, each into an empty platform: without what leads has added, without and with an enroller."""
    stack.scale("enroller", 0)
    without = _imported_without(stack, client, start, rows)
    stack.empty()
    stopped = rows / client.run(csv_file(start, rows), rows=rows).finished
    stack.settle()
    stack.scale("enroller", 1)
    enrolled, growth, memory = _followed(stack, rows)
    stack.empty()
    beside = rows / client.run(csv_file(start, rows), rows=rows).finished
    until_enrolled(stack, rows)
    return Turn(without, stopped, beside, enrolled, growth, memory)


def _imported_without(stack: Stack, client: Client, start: int, rows: int) -> float:
    stack.empty()
    indexes = str(stack.value(_ADDED)).split(";")
    stack.execute(*_WITHOUT, _DEFAULTS.format("DROP", ""))
    try:
        return rows / client.run(csv_file(start, rows), rows=rows).finished
    finally:
        stack.empty()
        stack.execute(_DEFAULTS.format("SET", " uuidv7()"), *indexes)


def _followed(stack: Stack, rows: int) -> tuple[float, float, float]:
    """Wait until the enroller has all leads; return leads a second, and what memory it held."""
    process = next(found for name, found in stack.processes().items() if name.startswith("enroller"))
    began, first, early, most = 0.0, 0, 0, 0
    until = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < until:
        done = int(stack.value("SELECT count(*) FROM crm.lead_search"))
        held = _resident(process)
        most = max(most, held)
        if done and not began:
            began, first = time.monotonic(), done
        if done < rows / 3:
            early = max(early, held)
        if done >= rows:
            return (rows - first) / (time.monotonic() - began), most / max(early, 1), most / 2**20
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"the enroller has not come to its end in {WAIT_SECONDS:.0f} s")


def until_enrolled(stack: Stack, rows: int, *, above: int = 0) -> None:
    """Wait until the enroller has come after, with so many leads of ids above that: what it writes belongs to them."""
    until = time.monotonic() + WAIT_SECONDS
    while int(stack.value(f"SELECT count(*) FROM crm.lead_search WHERE lead_id > {above}")) < rows:
        if time.monotonic() > until:
            raise RuntimeError(f"the enroller has not come to its end in {WAIT_SECONDS:.0f} s")
        time.sleep(LOOK_SECONDS)


def _resident(process: psutil.Process) -> int:
    return int(process.memory_info().rss)
