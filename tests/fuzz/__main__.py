"""``make fuzz``: looks for inputs that break the readers, for so many seconds in all, and keeps what it finds.

First the property tests with more examples, then each target of ``targets`` with atheris, two at a time. The corpus
stays in ``.local/fuzz/corpus``, so that the next run goes on where this one ended.
"""

import argparse
import hashlib
import importlib.util
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fuzz.one import changed_seeds
from tests.fuzz.seeds import seeds
from tests.fuzz.targets import TARGETS, check
from tests.support.stack import ROOT

HOME = ROOT / ".local" / "fuzz"
FINDINGS = HOME / "findings"
AT_ONCE = 2
TIMES = 3
"""So many times their examples property tests get."""
SHARE_OF_PROPERTIES = 0.2
LONGEST_INPUT = 60_000
SECONDS_WITHOUT_END = 120
"""By the clock: what has not come to its end then has none. ``targets.SECONDS_PER_INPUT`` says what is slow."""
MEBIBYTES = 1_500
CHANGES_A_ROUND = 200
PROPERTIES = ("tests/unit/spreadsheets", "tests/unit/fields", "tests/unit/api")


def main() -> int:
    """Return the exit code: 1 when something was found."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=300, help="in all (default 300)")
    parser.add_argument("--only", choices=TARGETS, action="append", help="this reader alone, and no property tests")
    given = parser.parse_args()
    before = set(FINDINGS.glob("*/*"))
    failed, left = False, float(given.seconds)
    if not given.only:
        share = given.seconds * SHARE_OF_PROPERTIES
        failed = not _properties(share)
        left -= share
    names = given.only or list(TARGETS)
    each = max(1, int(left * min(AT_ONCE, len(names)) / len(names)))
    with ThreadPoolExecutor(AT_ONCE) as threads:
        failed |= not all(list(threads.map(lambda name: _fuzz(name, each), names)))
    for finding in sorted(set(FINDINGS.glob("*/*")) - before):
        failed = True
        command = f".venv/bin/python -m tests.fuzz.one {finding.parent.name} {finding.relative_to(ROOT)}"
        print(f"Found {finding.relative_to(ROOT)}; to repeat it:\n  {command}")
    print("There are findings." if failed else "Nothing was found.")
    return int(failed)


def _properties(seconds: float) -> bool:
    """Run the property tests with more examples; tell whether they hold. pytest prints how to repeat what it finds."""
    print(f"Property tests with {TIMES} times their examples, for {seconds:.0f} s …", flush=True)
    command = [sys.executable, "-m", "pytest", "-p", "tests.fuzz.more_examples", "-q", "-m", "hypothesis", *PROPERTIES]
    told = {"TIMES": str(TIMES), "SECONDS": str(seconds), "ORDER": str(time.time())}
    environment = os.environ | {f"LEADFLOW_FUZZ_{name}": value for name, value in told.items()}
    quiet = ["-r", "fE", "-n", str(AT_ONCE)]
    return not subprocess.run([*command, *quiet], cwd=ROOT, env=environment, check=False).returncode


def _fuzz(name: str, seconds: int) -> bool:
    """Fuzz a target; tell whether nothing was found."""
    corpus, findings = HOME / "corpus" / name, FINDINGS / name
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds(name):
        (corpus / f"seed-{hashlib.sha256(seed).hexdigest()[:16]}").write_bytes(seed)
    if importlib.util.find_spec("atheris") is None:
        print(f"{name}: no atheris for this Python here; changed seeds for {seconds} s …", flush=True)
        return _without_atheris(name, seconds, findings)
    print(f"{name}: atheris for {seconds} s …", flush=True)
    log = HOME / f"{name}.log"
    command = [
        *(sys.executable, "-m", "tests.fuzz.one", name, str(corpus), f"-max_total_time={seconds}"),
        *(f"-max_len={LONGEST_INPUT}", f"-timeout={SECONDS_WITHOUT_END}", f"-rss_limit_mb={MEBIBYTES}"),
        *(f"-artifact_prefix={findings}/", "-print_final_stats=1", "-verbosity=1"),
    ]
    with log.open("w") as output:
        # What calamine's assertions say as they fail is no finding: they are refusals.
        ended = subprocess.run(
            command, cwd=ROOT, stdout=output, stderr=output, env=os.environ | {"RUST_BACKTRACE": "0"}, check=False
        ).returncode
    stats = [line.split()[-1] for line in log.read_text(errors="replace").splitlines() if "executed_units" in line]
    print(f"{name}: {' '.join(stats) or 'no'} inputs; log: {log.relative_to(ROOT)}", flush=True)
    return not ended


def _without_atheris(name: str, seconds: int, findings: Path) -> bool:
    found, ends, done = seeds(name), time.monotonic() + seconds, 0
    while time.monotonic() < ends:
        for content in changed_seeds(name, found, CHANGES_A_ROUND, begin=done):
            done += 1
            try:
                check(name, content)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a finding
                path = findings / f"crash-{hashlib.sha256(content).hexdigest()[:32]}"
                path.write_bytes(content)
                print(f"{name}: {type(error).__name__}", flush=True)
                return False
    print(f"{name}: {done} inputs", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
