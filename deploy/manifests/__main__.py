"""``make manifests``: write what is repeated for each process. ``--check`` writes nothing and tells what is stale."""

import argparse
import sys
from pathlib import Path

from deploy.manifests import compose, kubernetes, observing, strimzi
from deploy.processes import PROCESSES

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = "docker-compose.yml"


def stale_files(root: Path = ROOT, *, write: bool) -> list[str]:
    """Return the files below ``root`` that say something else than the table, and mend them when asked to."""
    wanted = kubernetes.files() | observing.files() | strimzi.files()
    wanted[COMPOSE] = compose.written_into((root / COMPOSE).read_text(encoding="utf-8"))
    stale = [name for name, text in wanted.items() if _text_of(root / name) != text]
    # Those of a process that is no more.
    services = (root / kubernetes.SERVICES).glob("*")
    left = sorted({f"{kubernetes.SERVICES}/{path.name}" for path in services} - set(wanted))
    if write:
        for name in stale:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(wanted[name], encoding="utf-8")
        for name in left:
            (root / name).unlink()
    return [*stale, *left]


def refuse_idle_consumers() -> None:
    """Exit with what to do when a consumer reads nothing: it would be scaled by no lag at all."""
    for process in PROCESSES:
        if process.kind == "consumer" and not process.subscriptions:
            sys.exit(
                f"{process.name} reads no topic: add its name to `readers` of the topic, in the topics.py of its owner"
                " below libs/contracts."
            )


def _text_of(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> None:
    parser = argparse.ArgumentParser(prog="make manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a file is stale")
    given = parser.parse_args()
    refuse_idle_consumers()
    stale = stale_files(write=not given.check)
    if given.check and stale:
        sys.exit(f"Stale: {', '.join(stale)}. Run `make manifests`.")
    sys.stdout.write(f"{'Written' if stale else 'Nothing to write'}{': ' * bool(stale)}{', '.join(stale)}\n")


if __name__ == "__main__":
    main()
