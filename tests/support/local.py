"""The command line of the local stack, with its state in a folder of the tests' own."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from deploy.local import stack
from deploy.local.instance import CHECKOUT, Instance
from deploy.local.process_names import DOORS
from deploy.processes import SERVERS, SERVICES

NAMES = [*SERVERS, *SERVICES, *DOORS]

Processes = dict[str, tuple[str, int]]
"""(state, pid) by name."""


class Local:
    """One instance, and its command line."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.instance = Instance(name="main", local=folder)
        ours = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
        self.environment = {**ours, "LEADFLOW_LOCAL_DIR": str(folder), **environment}

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return self.start([sys.executable, "-m", "deploy.local", *command], environment)

    def make(self, *arguments: str) -> str:
        """Run make without its set-up, and with the Python of the tests."""
        stack = f"stack='{sys.executable}' -m deploy.local"
        return self.start(["make", "-s", "-o", "setup", *arguments, stack], {}, check=True).stdout

    def start(
        self, command: list[str], environment: dict[str, str], *, check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            cwd=CHECKOUT,
            env=self.environment | environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=check,
        )

    def do(self, *command: str) -> str:
        done = self.run(*command)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def addresses(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.do("env").splitlines())

    def processes(self) -> Processes:
        return {process.name: (process.state, process.pid) for process in stack.status(self.instance)}

    def left_over(self) -> list[str]:
        """Return the names of live processes that belong to this instance."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("LEADFLOW_LOCAL_STATE") == str(self.instance.state):
                    found.append(process.name())
            except (psutil.Error, OSError):
                continue
        return found
