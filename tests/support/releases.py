"""Two releases of this repository: the one in this checkout, and the one before it, taken out of git."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.stack import ROOT

RECORDED = ROOT / "deploy" / "release_before.toml"
ENVIRONMENTS = ROOT / ".local" / "environments"
"""Virtual environments of releases before, by the hash of their requirements: they are made once."""

_PIN = re.compile(r"^([A-Za-z0-9_.-]+)(?:\[[^\]]*\])?==(\S+?)(?:\s*;\s*(.*?))?\s*\\?$", re.MULTILINE)
_WHERE = "import sys, services.api.main as found; print(found.__file__)"


class NoReleaseBefore(Exception):
    """The commit is not to be had. The text says what is missing, and what to do."""


@dataclass(frozen=True, slots=True)
class Release:
    """A tree of files, and the Python that has what it requires."""

    name: str
    folder: Path
    python: Path

    @property
    def services(self) -> frozenset[str]:
        """The names of its processes."""
        found = {path.parent.name for path in (self.folder / "services").glob("*/main.py")}
        return frozenset(found - {"operator"})  # a command

    def environment(self, settings: dict[str, str]) -> dict[str, str]:
        """Return the environment of its programs: of ours only what they need, and nothing that steers our tests."""
        own = {name: value for name, value in os.environ.items() if not name.startswith(("LEADFLOW_", "PYTEST_"))}
        # The environment may hold this checkout's packages, too: those of the release come first.
        return own | settings | {"PYTHONPATH": str(self.folder), "PYTHONUNBUFFERED": "1"}


def recorded() -> tuple[str, tuple[str, ...]]:
    """Return the commit of the release before, and the newest revision of each owner of tables that it has."""
    found = tomllib.loads(RECORDED.read_text())
    return found["commit"], tuple(found["heads"])


def present() -> Release:
    return Release("new", ROOT, Path(sys.executable))


@contextmanager
def taken_out(commit: str) -> Iterator[tuple[Release, str]]:
    """Return the release of a commit in a temporary folder, and a line that says with which requirements it runs.

    Raises ``NoReleaseBefore`` where this checkout does not hold the commit.
    """
    commit = whole(commit)
    with TemporaryDirectory(prefix="leadflow-release-") as temporary:
        folder = Path(temporary)
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=False)
        if archive.returncode:
            raise NoReleaseBefore(f"git archive {commit[:10]} failed: {archive.stderr.decode().strip()}")
        subprocess.run(["tar", "-x", "-C", str(folder)], input=archive.stdout, check=True)
        python, said = _python_for(folder / "requirements" / "runtime.txt")
        release = Release("old", folder, python)
        _look_at_its_own(release)
        yield release, f"the release before is {commit[:10]}; {said}"


def whole(commit: str, folder: Path = ROOT) -> str:
    """Return the whole id of a commit that the checkout in a folder has. Raises ``NoReleaseBefore`` else."""
    try:
        found = _git(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{commit}^{{commit}}")
    except FileNotFoundError:
        raise NoReleaseBefore("The release before is taken out of git, and there is no git here.") from None
    if found is not None:
        return found
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise NoReleaseBefore(f"The release before ({commit}) is taken out of git, and this is no checkout of it.")
    if _git(folder, "rev-parse", "--is-shallow-repository") == "true":
        raise NoReleaseBefore(
            f"The release before ({commit}) is not in this checkout, which is shallow. Fetch the rest of its history,"
            " `git fetch --unshallow`, or this commit alone, `git fetch --depth 1 origin COMMIT` with its whole id."
        )
    raise NoReleaseBefore(
        f"The release before ({commit}) is not in this checkout. Fetch it, or name another:"
        " make upgrade PREVIOUS=COMMIT."
    )


def _git(folder: Path, *arguments: str) -> str | None:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def _python_for(requirements: Path) -> tuple[Path, str]:
    """Return a Python that has these requirements: ours where it has them, or one made for them."""
    text = requirements.read_text()
    if text == (ROOT / "requirements" / "runtime.txt").read_text():
        return Path(sys.executable), "its requirements are ours"
    other = unlike(text)
    if not other:
        return Path(sys.executable), "its requirements are others, and all of them are in our environment"
    folder = ENVIRONMENTS / sha256(text.encode()).hexdigest()[:16]
    if not (folder / "made").exists():
        _run(sys.executable, "-m", "venv", "--clear", str(folder))
        pip = (str(folder / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check")
        _run(*pip, "--require-hashes", "-r", str(requirements))
        (folder / "made").touch()
    return folder / "bin" / "python", f"it has an environment of its own, as it needs {', '.join(other)}"


def unlike(requirements: str) -> list[str]:
    """Return what of these pinned requirements our environment does not have in just this version."""
    found = []
    for name, version, only_where in _PIN.findall(requirements):
        if only_where:
            continue  # of another system or Python; what is needed here stands without a condition, too
        try:
            same = importlib.metadata.version(name) == version
        except importlib.metadata.PackageNotFoundError:
            same = False
        if not same:
            found.append(f"{name} {version}")
    return found


def _look_at_its_own(release: Release) -> None:
    """Check that its processes run its own files: else a release would be tried against itself."""
    found = _run(str(release.python), "-c", _WHERE, folder=release.folder, environment=release.environment({}))
    if not Path(found).is_relative_to(release.folder.resolve()):
        raise NoReleaseBefore(f"The release before would run the files of this checkout: {found}")


def _run(*command: str, folder: Path = ROOT, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise NoReleaseBefore(f"{' '.join(command)} failed:\n{done.stdout[-2_000:]}{done.stderr[-2_000:]}")
    return done.stdout.strip()
