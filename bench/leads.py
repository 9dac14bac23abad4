"""The CRM of leads at a million: the list, the search, what people write, and the enroller beside the import."""

import os
import statistics

from bench import enrolling, lead_reads, lead_writes
from bench.client import Client
from bench.figures import Part
from bench.lead_database import SHARE, fill
from bench.lead_reads import at
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import running

LEADS = int(os.environ.get("LEADFLOW_BENCH_LEADS", "1000000"))
ROWS = int(os.environ.get("LEADFLOW_BENCH_ROWS", "50000"))
"""Of the imports that an enroller follows. Both are for looking at the benchmark itself: figures are of all."""
OPEN_TO_THE_FORM = {"LEADFLOW_CAPTURE_COMPANY_ID": "1", "LEADFLOW_TRUSTED_PROXIES": "127.0.0.1"}


def measure(runs: int) -> Part:
    what = f"{LEADS:,} leads, a fifth of them one company's; {lead_reads.CLIENTS} clients; imports of {ROWS:,} rows"
    part = Part("leads", what, taken_with(**OPEN_TO_THE_FORM))
    with running(part.settings) as stack, Client(stack) as client:
        client.run(csv_file(900_000_000, ROWS), rows=ROWS)
        turns = [enrolling.turn(stack, client, turn * 1_000_000, ROWS) for turn in range(runs)]
        stack.empty()
        fill(stack, LEADS)
        reads = {
            name: [lead_reads.read(stack, asked) for _ in range(runs)]
            for name, asked in (lead_reads.FILTERS | lead_reads.SEARCHES).items()
        }
        smallest = [lead_reads.smallest(stack) for _ in range(runs)]
        captures = [lead_writes.capture(stack) for _ in range(runs)]
        answered = [lead_writes.nothing(stack) for _ in range(runs)]
        edits = [lead_writes.edit(stack) for _ in range(runs)]
        moves = [lead_writes.move(stack) for _ in range(runs)]
        members = min(lead_writes.MEMBERS, LEADS // SHARE // 2)
        added = [lead_writes.add_members(stack, members) for _ in range(runs)]
    _enroller(part, turns)
    _reads(part, reads)
    _smallest(part, smallest, [statistics.median(bare) for _, bare in reads["all"]])
    _ratio(part, "captures by the form", "a second", captures, 0.6)
    part.add("calls of the same service that do nothing", "a second", answered)
    beside = [calls / bare for calls, (_, bare) in zip(answered, captures, strict=True)]
    part.add("… ÷ the bare inserts: what HTTP alone lets through", "ratio", beside)
    _ratio(part, "edits of a field with lock, audit and event", "a second", edits, 0.7)
    _ratio(part, "moves with lock, audit, activity and event", "a second", moves, 0.7)
    part.add(f"{members:,} members by a filter", "s", [ours for ours, _ in added])
    ratios = [ours / theirs for ours, theirs in added]
    part.add("… ÷ one INSERT … SELECT", "ratio", ratios, ("<=", 3))
    return part


def _enroller(part: Part, turns: list[enrolling.Turn]) -> None:
    part.add("one enroller", "leads/s", [each.enrolled for each in turns], (">=", 8_000))
    own = [each.enrolled / each.enroller_stopped for each in turns]
    part.add("… ÷ the import's own rate", "ratio", own, (">=", 0.6))
    part.add("… its memory at most", "MiB", [each.memory for each in turns])
    part.add("… at most ÷ in the first third", "ratio", [each.growth for each in turns], ("<=", 1.1))
    part.add("import without what leads added to its rows", "rows/s", [each.without_leads for each in turns])
    kept = [each.enroller_stopped / each.without_leads for each in turns]
    part.add("import, enroller stopped ÷ without", "ratio", kept, (">=", 0.92))
    beside = [each.enroller_beside / each.without_leads for each in turns]
    part.add("import, enroller running ÷ without", "ratio", beside)


def _reads(part: Part, reads: dict[str, list[tuple[list[float], list[float]]]]) -> None:
    for name, runs in reads.items():
        searched = name in lead_reads.SEARCHES
        called = f"search, {name}" if searched else f"list by {name}"
        part.add(f"{called}, median", "ms", [at(0.5, calls) for calls, _ in runs])
        part.add(f"{called}, p99", "ms", [at(0.99, calls) for calls, _ in runs], ("<=", 50))
        ratios = [at(0.99, calls) / statistics.median(bare) for calls, bare in runs]
        part.add("… p99 ÷ the bare statement's median", "ratio", ratios, None if searched else ("<=", 8))


def _smallest(part: Part, smallest: list[tuple[list[float], ...]], bare: list[float]) -> None:
    """Add what a page takes at least, beside the median of the bare statement of all leads."""
    names = ("a call of leads that reads nothing", "the smallest application of its server", "… that answers a page")
    for place, name in enumerate(names):
        durations = [each[place] for each in smallest]
        part.add(f"{name}, p99", "ms", [at(0.99, calls) for calls in durations])
        ratios = [at(0.99, calls) / each for calls, each in zip(durations, bare, strict=True)]
        part.add("… p99 ÷ the bare statement's median", "ratio", ratios)


def _ratio(part: Part, name: str, unit: str, pairs: list[tuple[float, float]], least: float) -> None:
    part.add(name, unit, [ours for ours, _ in pairs])
    part.add("… ÷ the bare statements", "ratio", [ours / bare for ours, bare in pairs], (">=", least))
