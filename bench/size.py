"""A large file: as fast a row as a smaller one, and in no more memory."""

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import Stack, peak_memory, running
from deploy.processes import SERVICES

SMALL, MIDDLE, LARGE = 50_000, 200_000, 1_000_000
MEBIBYTE = 2**20


def measure(runs: int) -> Part:
    what = f"{SMALL:,}, {MIDDLE:,} and {LARGE:,} rows in one file; fresh service processes for each"
    part = Part("size", what, taken_with())
    speed: dict[int, list[float]] = {SMALL: [], MIDDLE: [], LARGE: []}
    memory: dict[int, list[float]] = {MIDDLE: [], LARGE: []}
    growth: list[float] = []
    with running(part.settings) as stack:
        for turn in range(runs):
            peaks: dict[int, dict[str, float]] = {}
            for rows in (SMALL, MIDDLE, LARGE):
                stack.empty()
                stack.restart(*SERVICES)
                start = turn * 10_000_000 + rows
                with Client(stack) as client:
                    client.run(csv_file(900_000_000 + turn * 100_000, 5_000), rows=5_000)
                    file = csv_file(start, rows)
                    speed[rows].append(rows / client.run(file, rows=rows).finished)
                peaks[rows] = _peaks(stack)
            memory[MIDDLE].append(max(peaks[MIDDLE].values()))
            memory[LARGE].append(max(peaks[LARGE].values()))
            growth.append(max(peaks[LARGE][name] / peaks[MIDDLE][name] for name in peaks[LARGE]))
    for rows in (SMALL, MIDDLE, LARGE):
        part.add(f"a file of {rows:,} rows", "rows/s", speed[rows])
    ratio = [large / small for large, small in zip(speed[LARGE], speed[SMALL], strict=True)]
    part.add(f"speed at {LARGE:,} ÷ at {SMALL:,}", "ratio", ratio, (">=", 0.85))
    part.add(f"peak memory of the largest service process, {MIDDLE:,} rows", "MiB", memory[MIDDLE], ("<=", 300))
    part.add(f"peak memory of the largest service process, {LARGE:,} rows", "MiB", memory[LARGE], ("<=", 300))
    part.add(f"growth of a process' peak from {MIDDLE:,} to {LARGE:,} rows, at most", "ratio", growth, ("<=", 1.1))
    return part


def _peaks(stack: Stack) -> dict[str, float]:
    """Return the peak memory of each service process in MiB; of api's parsers the largest."""
    processes = stack.processes()
    peaks = {name: peak_memory(processes[name]) / MEBIBYTE for name in SERVICES}
    parsers = [peak_memory(child) / MEBIBYTE for child in processes["api"].children(recursive=True)]
    return peaks | {"parser": max(parsers, default=0.0)}
