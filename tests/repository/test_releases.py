"""Where the release before cannot be had, `make upgrade` says what is missing and what to do."""

import importlib.metadata
import subprocess
from pathlib import Path

import pytest

from tests.support.releases import NoReleaseBefore, unlike, whole

WHO = ("-c", "user.name=Nobody", "-c", "user.email=nobody@localhost")
NOWHERE = "0123456789012345678901234567890123456789"


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *WHO, *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def history(tmp_path: Path) -> Path:
    """A repository of two commits."""
    folder = tmp_path / "history"
    folder.mkdir()
    git(folder, "init", "--quiet")
    for what in ("first", "second"):
        git(folder, "commit", "--quiet", "--allow-empty", "-m", what)
    return folder


def test_a_commit_that_is_there_is_found_by_any_name(history: Path) -> None:
    first = git(history, "rev-parse", "HEAD~1")
    assert whole("HEAD~1", history) == whole(first[:8], history) == first


def test_a_shallow_checkout_says_that_it_is_and_how_to_fetch_the_rest(history: Path, tmp_path: Path) -> None:
    first = git(history, "rev-parse", "HEAD~1")
    git(tmp_path, "clone", "--quiet", "--depth", "1", history.as_uri(), "shallow")
    with pytest.raises(NoReleaseBefore, match=f"{first}.*shallow.*git fetch --unshallow"):
        whole(first, tmp_path / "shallow")


def test_another_commit_can_be_named_where_it_is_nowhere(history: Path) -> None:
    with pytest.raises(NoReleaseBefore, match="make upgrade PREVIOUS=COMMIT"):
        whole(NOWHERE, history)


def test_files_without_their_history_say_so(tmp_path: Path) -> None:
    with pytest.raises(NoReleaseBefore, match="this is no checkout"):
        whole(NOWHERE, tmp_path)


def test_an_environment_of_its_own_is_made_for_other_versions_alone() -> None:
    ours = importlib.metadata.version("httpx")
    assert unlike(f"httpx=={ours} \\\n    --hash=sha256:00\n") == []
    assert unlike("httpx==0.0.1 \\\nno-such-package==1.0 \\\n") == ["httpx 0.0.1", "no-such-package 1.0"]
    assert unlike("colorama==0.0.1 ; sys_platform == 'win32' \\\n") == []
