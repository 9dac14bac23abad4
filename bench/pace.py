"""How fast the machine is from moment to moment: a shared one changes by a half within seconds, whatever runs on it.

A process of its own does the same small work again and again, and says what CPU time each took. Two imports are then
compared by how fast each went for the machine that it had.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.stack import ROOT

BETWEEN_SECONDS = 0.02
"""A piece of work takes about one ms: a fortieth of the machine's two cores, with and without what is compared."""
PEOPLE = 150


@dataclass(frozen=True, slots=True)
class Pace:
    """What the process has written so far."""

    path: Path

    def between(self, began: float, ended: float) -> float:
        """Return pieces of work a second of CPU time, on average over these moments (seconds since 1970)."""
        lines = (line.split() for line in self.path.read_text().splitlines()[:-1])
        speeds = [1 / float(took) for at, took in lines if began <= float(at) <= ended]
        if len(speeds) < (ended - began) / BETWEEN_SECONDS / 10:
            raise RuntimeError(f"the machine's pace was taken {len(speeds)} times in {ended - began:.0f} s: too seldom")
        return sum(speeds) / len(speeds)


@contextmanager
def watched() -> Iterator[Pace]:
    """Take the machine's pace for as long as the block lasts."""
    with TemporaryDirectory() as directory:
        path = Path(directory) / "pace"
        with path.open("w") as out:
            process = subprocess.Popen([sys.executable, "-m", "bench.pace"], stdout=out, cwd=ROOT)
        try:
            yield Pace(path)
        finally:
            process.terminate()
            process.wait()


def _take() -> None:
    # Objects made and let go, and memory read: much of what services do for a row.
    text = json.dumps([{"name": f"Lead {n}", "phone": str(n), "tags": ["a", "b"]} for n in range(PEOPLE)])
    while True:
        began = time.thread_time()
        for _ in range(5):
            json.loads(text)
        print(time.time(), time.thread_time() - began, flush=True)
        time.sleep(BETWEEN_SECONDS)


if __name__ == "__main__":
    _take()
