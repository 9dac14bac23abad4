"""``make bench``: every measured claim in one go; ``ONLY=throughput,latency RUNS=5`` for a part.

Writes ``bench/results/<part>.json`` and ``bench/results/chart.png``, and prints the table of figures, which then goes
into ``docs/reference/figures.md``.
"""

import argparse
import sys
import time

from bench import (
    api_load,
    capacity,
    fairness,
    following,
    growth,
    latency,
    leads,
    peer,
    scale_out,
    size,
    throughput,
    whatsapp,
)
from bench.chart import draw
from bench.figures import PARTS, load_all, table
from tests.support.browser import chromium

_MODULES = (
    throughput,
    latency,
    size,
    growth,
    fairness,
    scale_out,
    whatsapp,
    api_load,
    leads,
    capacity,
    following,
    peer,
)
MEASURES = {module.__name__.rpartition(".")[2]: module.measure for module in _MODULES}


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--only", default="", help=f"some of {', '.join(MEASURES)}, with commas")
    parser.add_argument("--runs", type=int, default=5, help="runs of each measurement")
    parser.add_argument("--show", action="store_true", help="measure nothing, print the saved figures")
    given = parser.parse_args()
    wanted = [name for name in given.only.split(",") if name] or PARTS
    unknown = [name for name in wanted if name not in MEASURES]
    if unknown or given.runs < 1:
        parser.error(f"there is no part {', '.join(unknown)}" if unknown else "RUNS must be 1 or more")
    if not given.show:
        # Before an hour of other parts, not after it.
        if "following" in wanted and chromium() is None:
            parser.error("following needs a browser (Debian, Ubuntu: apt install chromium); ONLY= names other parts")
        for name in wanted:
            began = time.monotonic()
            measured = MEASURES[name](given.runs)
            measured.save()
            print(f"{name}: {measured.what} ({time.monotonic() - began:.0f} s)\n{table([measured])}\n", flush=True)
    saved = load_all()
    draw(saved)
    if given.show:
        sys.stdout.write(table(saved) + "\n")


if __name__ == "__main__":
    main()
