"""A WhatsApp provider that sets the pace, refuses some numbers and fails at others, and a rolling restart amid it."""

import time
from collections import Counter

import httpx

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file, row
from bench.shipped import taken_with
from bench.stack import Stack, running
from deploy.local.whatsapp_provider import Fate, fate

ROWS = 5_000
RATE = 50
"""Calls a second that the provider takes."""
REFUSED, FAILING = 20, 10
"""Of a thousand numbers."""
TRIES = 4
"""As shipped, of a number that the provider fails at while it answers others."""
OUTCOMES: dict[Fate, str] = {
    "present": "created",
    "absent": "not_on_whatsapp",
    "refused": "whatsapp_refused",
    "failing": "whatsapp_unknown",
}


def measure(runs: int) -> Part:
    settings = taken_with(LEADFLOW_WHATSAPP_ENABLED="true")
    what = (
        f"{ROWS:,} rows; a provider of {RATE} calls a second refuses {REFUSED / 10:g}% of the numbers and fails at"
        f" {FAILING / 10:g}% for good; both creators are restarted amid it, one after the other"
    )
    part = Part("whatsapp", what, settings)
    seconds: list[float] = []
    ratios: list[float] = []
    most: list[float] = []
    wrong: list[float] = []
    with running(settings) as stack, Client(stack) as client:
        stack.scale("creator", 2)
        for turn in range(runs):
            start = turn * ROWS
            _behave(stack)
            began = time.monotonic()
            import_id = client.post(csv_file(start, ROWS))
            time.sleep(ROWS / RATE / 3)
            _restart_creators(stack)
            _wait_for_the_end(client, import_id)
            seconds.append(time.monotonic() - began)
            asked: dict[str, int] = httpx.get(f"{stack.whatsapp_url}/asked").json()
            ratios.append(seconds[-1] / (sum(asked.values()) / RATE))
            most.append(max(asked.values()))
            wrong.append(_wrong(client, import_id, start))
    part.add(f"{ROWS:,} rows asked at {RATE} calls a second", "s", seconds)
    part.add("÷ the time that the provider allows", "ratio", ratios, ("<=", 1.25))
    part.add("most calls for one number", "calls", most, ("<=", TRIES))
    part.add("rows that ended otherwise than the provider says", "rows", wrong, ("<=", 0))
    return part


def _behave(stack: Stack) -> None:
    control = {"rate": RATE, "refused": REFUSED, "failing": FAILING, "limit": 1_000}
    httpx.post(f"{stack.whatsapp_url}/control", json=control).raise_for_status()


def _restart_creators(stack: Stack) -> None:
    """Stop each with SIGTERM, and let the supervisor start it anew: the second when the first has its partitions."""
    for name in ("creator", "creator-2"):
        stack.processes()[name].terminate()
        time.sleep(20)


def _wait_for_the_end(client: Client, import_id: int) -> None:
    deadline = time.monotonic() + 10 * ROWS / RATE
    while client.get(import_id)["status"] == "PROCESSING":
        if time.monotonic() > deadline:
            raise RuntimeError("the import does not end")
        time.sleep(0.2)


def _wrong(client: Client, import_id: int, start: int) -> int:
    """Count the rows that ended otherwise than the provider says of their numbers."""
    expected = {
        number + 2: OUTCOMES[fate(f"+55{row(start + number).phone}", refused=REFUSED, failing=FAILING)]
        for number in range(ROWS)
    }
    found = dict.fromkeys(expected, "created") | client.reasons(import_id)
    view = client.get(import_id)
    totals = (view["total_created"], view["total_existing"], view["total_errors"])
    if totals != (Counter(found.values())["created"], 0, len(client.reasons(import_id))):
        raise RuntimeError(f"totals and rows differ: {view}")
    return sum(found[number] != outcome for number, outcome in expected.items())
