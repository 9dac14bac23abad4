"""``python -m deploy.local …`` for programs that need a stack: the tests and the benchmark."""

import os
import subprocess
import sys
from collections.abc import Mapping

from deploy.local.instance import CHECKOUT

SECONDS = 180
WORDS = 3_000
"""Characters shown of what a failed command said."""


def run(*command: str, instance: str, settings: Mapping[str, str]) -> str:
    """Run a command on an instance with these settings beside the caller's own; return what it printed.

    Raises RuntimeError with its last words when it fails.
    """
    done = subprocess.run(
        [sys.executable, "-m", "deploy.local", *command],
        cwd=CHECKOUT,
        env={**os.environ, **settings, "LEADFLOW_STACK": instance},
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"deploy.local {' '.join(command)}: {done.stdout[-WORDS:]}{done.stderr[-WORDS:]}")
    return done.stdout


def addresses(*, instance: str, settings: Mapping[str, str]) -> dict[str, str]:
    """Return what ``make -s env`` prints, by name."""
    return dict(line.split("=", 1) for line in run("env", instance=instance, settings=settings).splitlines())
