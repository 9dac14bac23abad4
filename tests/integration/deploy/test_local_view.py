"""What a person sees of a whole local stack: its logs, its status, what scaling and a changed quota say."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue
from threading import Thread

import pytest

from deploy.local.instance import CHECKOUT
from deploy.local.log_lines import matters, read_line
from deploy.processes import SERVICES
from tests.support.local import NAMES, Local
from tests.support.processes import needs_local_stack

pytestmark = needs_local_stack

SECONDS = 30


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    local = Local(tmp_path_factory.mktemp("whole"))
    try:
        assert "docs/guide/demo-data.md" in local.do("up")
        yield local
    finally:
        local.do("reset")


class Following:
    """``make logs`` as a process whose lines are waited for."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process
        self._lines: Queue[str] = Queue()
        self.seen: list[str] = []
        self._reading = Thread(target=self._read)
        self._reading.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def end(self) -> None:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        assert self._process.wait(timeout=SECONDS) == 0
        self._reading.join()

    def until(self, *words: str) -> str:
        """Return the first new line that has these words."""
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"no line with {words} in {''.join(self.seen)}") from None
            self.seen.append(line)
            if all(word in line for word in words):
                return line


@contextmanager
def following(local: Local, *names: str) -> Iterator[Following]:
    process = subprocess.Popen(
        ["env", "--default-signal=INT", sys.executable, "-m", "deploy.local", "logs", *names],
        cwd=CHECKOUT,
        env=local.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    logs = Following(process)
    try:
        yield logs
    finally:
        logs.end()


def rows(printed: str) -> dict[str, list[str]]:
    """Return the cells of the table by name: columns are two spaces apart or more."""
    _, *lines, _ = printed.splitlines()
    cells = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    return {name: rest for name, *rest in cells}


def pid_of(local: Local, name: str) -> int:
    return local.processes()[name][1]


# A healthy start


def test_a_healthy_start_writes_nothing_alarming(local: Local) -> None:
    """The file of each process, whole: what `make logs` leaves out of it as usual is no error either."""
    alarming = []
    for name in [*NAMES, "supervisord"]:
        text = (local.instance.logs / f"{name}.log").read_text()
        lines = [read_line(name, line) for line in text.splitlines()]
        if name in SERVICES:
            alarming += [(name, line.event) for line in lines if line.level not in {"debug", "info"}]
        alarming += [(name, line.event) for line in lines if name not in SERVICES and matters(name, line)]
    assert alarming == []
    assert "FATAL" not in (local.instance.logs / "postgres.log").read_text()


def test_logs_begin_with_what_is_followed_and_show_services_alone(local: Local) -> None:
    with following(local) as logs:
        head = logs.until("Following")
        assert ", ".join(SERVICES) in head
        assert "SERVICE=mongo" in logs.until("One alone")
        logs.seen.clear()
        logs.until(" api ", "Uvicorn running")
        assert {line.split()[1] for line in logs.seen} <= set(SERVICES)


def test_a_death_is_seen_among_all_logs_and_counted(local: Local) -> None:
    with following(local) as logs:
        logs.until("Following")
        os.kill(pid_of(local, "dedup"), signal.SIGKILL)
        died = logs.until("exited: dedup")
        assert died.split()[1:3] == ["supervisord", "warning"]
        logs.until(" dedup ", "Application startup complete.")
    assert rows(local.run("status").stdout)["dedup"][4] == "1"
    local.do("restart", "dedup")
    assert rows(local.run("status").stdout)["dedup"][4] == "0", "somebody asked for that start"


def test_a_server_s_own_lines_are_shown_when_asked_for(local: Local) -> None:
    with following(local, "mongo") as logs:
        assert str(local.instance.logs / "mongo.log") in logs.until("Following")
        assert logs.until(" mongo ").split()[2] == "info"


# Status


def test_all_is_well(local: Local) -> None:
    done = local.run("status")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"All {len(NAMES)} processes are ready.\n")
    assert {name: cells[0] for name, cells in rows(done.stdout).items()} == dict.fromkeys(NAMES, "ready")


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.parametrize("name", ["tagger", "kafka"])
def test_a_frozen_process_is_said_to_be(local: Local, name: str) -> None:
    pid = pid_of(local, name)
    with frozen(pid):
        done = local.run("status")
    assert done.returncode == 1
    assert rows(done.stdout)[name][0] == "frozen"
    assert f"kill -CONT {pid}" in rows(done.stdout)[name][-1]
    assert f"{name} (frozen)" in done.stdout.splitlines()[-1]


def test_who_needs_a_frozen_database_is_not_ready_and_status_does_not_wait_for_it(local: Local) -> None:
    with frozen(pid_of(local, "postgres")):
        # An upload asks for a new connection once those of the pool are given up; a held server accepts none.
        for child in postgres_children(local):
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 30
        while True:
            began = time.monotonic()
            done = local.run("status")
            assert time.monotonic() - began < 15
            found = rows(done.stdout)
            # An answer is given again for a second, and a connection of the pool may still be believed.
            if found["api"][0] == "not ready" or began > deadline:
                break
    assert found["postgres"][0] == "frozen"
    assert found["api"][0] == "not ready"
    assert found["mongo"][0] == "ready"
    assert done.returncode == 1
    local.do("up")


def postgres_children(local: Local) -> list[int]:
    pid = pid_of(local, "postgres")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in children if b"idle" in Path(f"/proc/{child}/cmdline").read_bytes()]


# Scaling


def test_scaling_says_what_it_does_line_by_line(local: Local) -> None:
    up = local.do("scale", "--", "tagger", "3").splitlines()
    assert up[0] == "Scaling tagger from 1 to 3 processes: starting tagger-2, tagger-3 …"
    assert sorted(line.split(" (")[0] for line in up[1:-1]) == ["  tagger-2 is ready", "  tagger-3 is ready"]
    assert up[-1] == "Running: tagger tagger-2 tagger-3"
    found = rows(local.do("status"))
    assert {name: cells[0] for name, cells in found.items() if "tagger" in name} == {
        "tagger": "ready",
        "tagger-2": "ready",
        "tagger-3": "ready",
    }
    with following(local, "tagger") as logs:
        assert "tagger.log" in (head := logs.until("Following"))
        assert "tagger-3.log" in head
    assert local.do("scale", "--", "tagger", "3").splitlines()[0] == "tagger runs as 3 processes already."
    down = local.do("scale", "--", "tagger", "0").splitlines()
    assert down[0].startswith("Scaling tagger from 3 to 0 processes: stopping tagger, tagger-2, tagger-3;")
    assert sorted(line.split(" (")[0] for line in down[1:-1]) == [
        "  tagger has stopped",
        "  tagger-2 has stopped",
        "  tagger-3 has stopped",
    ]
    done = local.run("status")
    assert rows(done.stdout)["tagger"][0] == "stopped"
    assert rows(done.stdout)["tagger"][-1] == "scaled to 0"
    assert done.returncode == 0, "as the user has asked"
    local.do("scale", "--", "tagger", "1")


# Quotas


def test_quotas_that_are_put_back_are_said_once(local: Local) -> None:
    assert "its quotas are LEADFLOW_QUOTA_ROWS=1000000" in local.do("up", "--demo-quotas")
    ((said,), again) = [
        [line for line in local.do("up").splitlines() if "uota" in line],
        [line for line in local.do("up").splitlines() if "uota" in line],
    ]
    assert "LEADFLOW_QUOTA_ROWS 1000000 → 5000, LEADFLOW_QUOTA_IMPORTS 1000 → 5" in said
    assert again == []


# The end


def test_what_is_down_is_said(local: Local) -> None:
    local.do("down")
    done = local.run("status")
    assert done.returncode == 1
    assert done.stdout.endswith("The stack is down: `make up` starts it.\n")
    link = local.run("link")
    assert (link.returncode, link.stdout) == (1, "")
    assert link.stderr.strip() == "The stack is down: run `make up` first, or `make demo`, which imports an example."
