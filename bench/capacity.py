"""What a row weighs on the real servers, and an import's speed beside tables as they are after years."""

import os
import time

from bench.client import Client
from bench.enrolling import until_enrolled
from bench.figures import Part
from bench.lead_database import fill
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import Stack, running
from bench.weights import connections, idle, per_row, weigh

ROWS = int(os.environ.get("LEADFLOW_BENCH_ROWS", "50000"))
LEADS = int(os.environ.get("LEADFLOW_BENCH_LEADS", "5000000"))
LEDGER_ROWS = int(os.environ.get("LEADFLOW_BENCH_LEDGER", "20000000"))
"""Rows that became no leads. All three are for looking at the benchmark itself: figures are of the sizes given here."""

WEIGHTS = "a row's {}"
AT_ONCE = 1_000_000
IDLE_SECONDS = 10.0
"""Processes look for work when there is none, too. That is not a row's, and takes more of a slow machine."""
_LEDGER = """
INSERT INTO amigocare.lead_import_rows (import_id, row_number, chunk_index, outcome, reason, detail, cells)
SELECT 1000000000 + n / 5000, n % 5000, n % 5000 / 2000, 'existing', 'lead_exists', '',
       jsonb_build_array('Maria Souza ' || n, '11' || (900000000 + n)::text, '', 'lead' || n || '@example.com', '')
FROM generate_series({first}, {last}) AS n
"""


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows; then beside {LEADS:,} leads and {LEDGER_ROWS:,} rows of imports that ended"
    part = Part("capacity", what, taken_with())
    weights: list[dict[str, float]] = []
    empty: list[float] = []
    full: list[float] = []
    with running(part.settings) as stack, Client(stack) as client:
        _import(stack, client, 900)
        idling = idle(stack, IDLE_SECONDS)
        for turn in range(runs):
            stack.empty()
            before, began = weigh(stack), time.monotonic()
            empty.append(_import(stack, client, turn))
            took = time.monotonic() - began
            meanwhile = {name: took * each for name, each in idling.items()}
            weights.append(per_row(before, weigh(stack), meanwhile, ROWS))
        held = connections(stack)
        stack.empty()
        fill(stack, LEADS)
        _fill_ledger(stack)
        _import(stack, client, 500)
        for turn in range(runs):
            stack.settle()
            full.append(_import(stack, client, 501 + turn))
    for name in sorted({name for each in weights for name in each}):
        unit = "µs" if name.startswith("CPU ") else "bytes"
        part.add(WEIGHTS.format(name), unit, [each.get(name, 0) for each in weights])
    for name, count in sorted(held.items()):
        part.add(f"connections of {name.removeprefix('leadflow-')}", "connections", [count] * runs)
    part.add("import, empty tables", "rows/s", empty)
    part.add("import, full tables", "rows/s", full)
    ratios = [each / bare for each, bare in zip(full, empty, strict=True)]
    part.add("speed with full tables ÷ with empty ones", "ratio", ratios)
    return part


def _import(stack: Stack, client: Client, turn: int) -> float:
    """Return rows a second, when the enroller has come after as well."""
    newest = int(stack.value("SELECT coalesce(max(id), 0) FROM amigocare.amigocare_leads"))
    rate = ROWS / client.run(csv_file(turn * 1_000_000, ROWS), rows=ROWS).finished
    until_enrolled(stack, ROWS, above=newest)
    return rate


def _fill_ledger(stack: Stack) -> None:
    for first in range(0, LEDGER_ROWS, AT_ONCE):
        last = min(first + AT_ONCE, LEDGER_ROWS) - 1
        stack.execute_together("SET session_replication_role = replica", _LEDGER.format(first=first, last=last))
    stack.execute("VACUUM (ANALYZE) amigocare.lead_import_rows", "CHECKPOINT")
