"""What a small import waits for while another company's huge one runs."""

import time

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import running

HUGE, SMALL = 1_000_000, 1_000


def measure(runs: int) -> Part:
    what = f"{SMALL:,} rows of one company, alone and while {HUGE:,} rows of another are imported"
    part = Part("fairness", what, taken_with())
    alone: list[float] = []
    beside: list[float] = []
    with (
        running(part.settings) as stack,
        Client(stack) as huge,
        Client(stack, company_id=2, user_id=3, account_id=3) as small,
    ):
        small.run(csv_file(900_000_000, SMALL), rows=SMALL)
        for turn in range(runs):
            file = csv_file(800_000_000 + turn * SMALL, SMALL)
            alone.append(small.run(file, rows=SMALL).finished)
        import_id = huge.post(csv_file(0, HUGE))
        _wait_for_chunks(huge, import_id)
        for turn in range(runs):
            file = csv_file(850_000_000 + turn * SMALL, SMALL)
            beside.append(small.run(file, rows=SMALL).finished)
            if huge.get(import_id)["status"] != "PROCESSING":
                raise RuntimeError("the huge import ended too early to be in anybody's way")
            time.sleep(1)
    part.add(f"{SMALL:,} rows alone", "ms", [1000 * seconds for seconds in alone])
    part.add(f"{SMALL:,} rows beside {HUGE:,}", "ms", [1000 * seconds for seconds in beside])
    ratios = [late / early for late, early in zip(sorted(beside), sorted(alone), strict=True)]
    part.add("beside ÷ alone", "ratio", ratios, ("<=", 3))
    return part


def _wait_for_chunks(client: Client, import_id: int) -> None:
    """Wait until the huge import is well under way."""
    deadline = time.monotonic() + 120
    while not client.get(import_id)["progress"]["processed_rows"]:
        if time.monotonic() > deadline:
            raise RuntimeError("the huge import does not begin")
        time.sleep(0.2)
