"""Where a topic's schemas stand: made from its event, written for its subscribers, and published, never to be changed.

``schemas/<topic>.json`` is the newest, with words for people. ``schemas/published/<topic>/1.json``, ``2.json``, …
are what readers were ever promised within this version, without words: files are added there, and none is changed.
"""

import json
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from docs.compatibility import Schema

PUBLISHED = "published"


def text_of(schema: Schema) -> str:
    return json.dumps(schema, ensure_ascii=False, indent=2) + "\n"


@dataclass(frozen=True, slots=True)
class Shelf:
    """The schemas of one owner's topics."""

    folder: Path

    def newest_path(self, topic: str) -> Path:
        return self.folder / f"{topic}.json"

    def newest(self, topic: str) -> Schema | None:
        path = self.newest_path(topic)
        return _read(path) if path.exists() else None

    def published_path(self, topic: str, number: int) -> Path:
        return self.folder / PUBLISHED / topic / f"{number}.json"

    def published(self, topic: str) -> dict[int, Schema]:
        """Return what was published of a topic, by number, in order."""
        paths = (self.folder / PUBLISHED / topic).glob("*.json")
        return {number: _read(path) for number, path in sorted((int(path.stem), path) for path in paths)}

    def topics(self) -> set[str]:
        """Return the topics that anything stands here of."""
        return {path.stem for path in self.folder.glob("*.json")} | {
            path.name for path in (self.folder / PUBLISHED).glob("*") if path.is_dir()
        }


def _read(path: Path) -> Schema:
    found: Schema = json.loads(path.read_bytes())
    return found


def published_in(contracts: Path) -> dict[str, bytes]:
    """Return the published files of all owners in the working tree: ``<topic>/<number>.json`` and what it holds."""
    return {_place(path.as_posix()): path.read_bytes() for path in contracts.glob(f"*/schemas/{PUBLISHED}/*/*.json")}


def published_before(contracts: Path) -> list[dict[str, bytes]]:
    """Return the published files as the main branch has them, in one or two of its commits; none without history.

    On main itself, and in CI, whose clone knows no branch, the last commit is compared with the one before it.
    """
    head = _git_line(contracts, "rev-parse", "--verify", "HEAD")
    bases = [_git_line(contracts, "merge-base", "HEAD", main) for main in ("origin/main", "main")]
    base = next((each for each in bases if each), head)
    commits = [base, _git_line(contracts, "rev-parse", "--verify", "HEAD^1")] if base == head else [base]
    return [_published_at(commit, contracts) for commit in commits if commit]


def _published_at(commit: str, contracts: Path) -> dict[str, bytes]:
    paths = _git_line(contracts, "ls-tree", "-r", "--name-only", commit, ".").splitlines()
    published = [path for path in paths if f"/schemas/{PUBLISHED}/" in path]
    return {_place(path): _git(contracts, "show", f"{commit}:./{path}") or b"" for path in published}


def _place(path: str) -> str:
    return path.split(f"/schemas/{PUBLISHED}/", 1)[1]


def _git_line(folder: Path, *command: str) -> str:
    return (_git(folder, *command) or b"").decode().strip()


def _git(folder: Path, *command: str) -> bytes | None:
    """Return what git says; None when it is not there, or knows no such thing."""
    try:
        return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True).stdout  # noqa: S603, S607
    except (OSError, subprocess.CalledProcessError):
        return None


def lost(before: Mapping[str, bytes], now: Mapping[str, bytes], declared: Collection[str]) -> list[str]:
    """Return which published files were changed or removed of topics that are still declared."""
    return sorted(
        place for place, content in before.items() if now.get(place) != content and place.split("/", 1)[0] in declared
    )
