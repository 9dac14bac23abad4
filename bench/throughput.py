"""Rows a second from the start of the upload to FINISHED, beside three other ways of writing the same leads."""

import asyncio
import subprocess
import sys

from bench.beside import floor, plain
from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import ROOT, Stack, cpu_seconds, running

ROWS = 50_000
PLAIN_ROWS = 3_000
DJANGO_ROWS = 20_000
WARM_UP_ROWS = 20_000


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows, one process a service; the others in turn with it, on the same servers"
    part = Part("throughput", what, taken_with())
    ours: list[float] = []
    floors: list[float] = []
    plains: list[float] = []
    djangos: list[float] = []
    blind_djangos: list[float] = []
    cpu: list[float] = []
    with running(part.settings) as stack, Client(stack) as client:
        client.run(csv_file(900_000_000, WARM_UP_ROWS), rows=WARM_UP_ROWS)
        asyncio.run(floor.run(stack, 910_000_000, WARM_UP_ROWS))
        for turn in range(runs):
            start = turn * 1_000_000
            stack.empty()
            processes = stack.processes().values()
            before = sum(map(cpu_seconds, processes))
            file = csv_file(start, ROWS)
            ours.append(ROWS / client.run(file, rows=ROWS).finished)
            cpu.append((sum(map(cpu_seconds, processes)) - before) / ROWS * 1e6)
            stack.empty()
            floors.append(asyncio.run(floor.run(stack, start, ROWS)))
            stack.empty()
            plains.append(asyncio.run(plain.run(stack, start, PLAIN_ROWS)))
            stack.empty()
            djangos.append(_django(stack, start, DJANGO_ROWS))
            stack.empty()
            blind_djangos.append(_django(stack, start, DJANGO_ROWS, "blind"))
    part.add("Leadflow, upload to FINISHED", "rows/s", ours, (">=", 10_000))
    part.add("… CPU of all its processes and servers", "µs/row", cpu)
    part.add("floor: set-based script without checks", "rows/s", floors)
    part.add("plain way: row at a time, concurrency 10", "rows/s", plains)
    part.add("django-import-export, bulk, leads only", "rows/s", djangos)
    part.add("… without looking for the lead first", "rows/s", blind_djangos)
    part.add("Leadflow ÷ floor", "ratio", _ratios(ours, floors), (">=", 0.85))
    part.add("Leadflow ÷ plain way", "ratio", _ratios(ours, plains), (">=", 10))
    part.add("Leadflow ÷ django-import-export", "ratio", _ratios(ours, djangos), (">=", 5))
    part.add("Leadflow ÷ the same without looking", "ratio", _ratios(ours, blind_djangos))
    return part


def _ratios(ours: list[float], others: list[float]) -> list[float]:
    return [mine / other for mine, other in zip(ours, others, strict=True)]


def _django(stack: Stack, start: int, count: int, *options: str) -> float:
    command = [sys.executable, "-m", "bench.beside.django_bulk", stack.postgres_url, str(start), str(count), *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return float(done.stdout)
