"""How long one person waits: for the answer to the upload, and for the import to end."""

from bench.client import Client, Timing
from bench.figures import Part
from bench.rows import csv_file, xlsx_file
from bench.shipped import taken_with
from bench.stack import running

ROWS = 5_000
WARM_UPS = 3


def measure(runs: int) -> Part:
    # The limit of rows is the specification's: a higher one makes an XLSX worth measuring cell by cell.
    settings = taken_with(LEADFLOW_MAX_ROWS_PER_FILE=str(ROWS))
    part = Part("latency", f"{ROWS:,} rows as CSV and as XLSX, and one row; nothing else runs", settings)
    timings: dict[str, list[Timing]] = {"CSV": [], "XLSX": [], "one row": []}
    with running(settings) as stack, Client(stack) as client:
        for turn in range(runs + WARM_UPS):
            start = turn * 100_000
            files = {
                "CSV": (csv_file(start, ROWS), ROWS, "leads.csv"),
                "XLSX": (xlsx_file(start + 20_000, ROWS), ROWS, "leads.xlsx"),
                "one row": (csv_file(start + 40_000, 1), 1, "one.csv"),
            }
            for kind, (file, rows, name) in files.items():
                timing = client.run(file, rows=rows, name=name)
                if turn >= WARM_UPS:
                    timings[kind].append(timing)
            stack.settle()
    part.add("POST of 5,000 rows, CSV", "ms", _answered(timings["CSV"]), ("<=", 150))
    part.add("POST of 5,000 rows, XLSX", "ms", _answered(timings["XLSX"]), ("<=", 250))
    part.add("5,000 rows to FINISHED, CSV", "ms", _finished(timings["CSV"]), ("<=", 900))
    part.add("5,000 rows to FINISHED, XLSX", "ms", _finished(timings["XLSX"]), ("<=", 900))
    part.add("1 row to FINISHED", "ms", _finished(timings["one row"]), ("<=", 100))
    return part


def _answered(timings: list[Timing]) -> list[float]:
    return [1000 * timing.answered for timing in timings]


def _finished(timings: list[Timing]) -> list[float]:
    return [1000 * timing.finished for timing in timings]
