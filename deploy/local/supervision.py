"""supervisord: writes its configuration, starts it, tells it what to run, stops it.

A program's command line, settings and secrets live in one shell script (mode 0700). The supervisor's own
files hold no value of the user's: nothing to escape, whatever the checkout's path or a password contains.
They hold the script's hash, so a changed setting is a changed program, and the supervisor restarts it.
"""

import hashlib
import http.client
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import xmlrpc.client  # nosec B411
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deploy.local.instance import Instance, StackError, write_atomically

BAD_DEPLOY = 78
"""Exit code of a service that must not be started again."""

_IN_A_SESSION = (sys.executable, "-I", "-S", str(Path(__file__).with_name("own_session.py")))

SOCKET_LIMIT = 90
"""Bytes. Linux allows 107 for a socket's path, and supervisord binds it under a longer temporary name first."""


@dataclass(frozen=True, slots=True)
class Program:
    """A process to keep running. ``prelude`` is shell text that runs before each start."""

    name: str
    argv: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 30
    may_give_up: bool = False
    """Exit code 78 means "do not start me again"."""
    prelude: str = ""

    def script(self, instance: Instance) -> str:
        pid_file = shlex.quote(str(instance.state / "pids" / self.name))
        starts = shlex.quote(str(_starts(instance, self.name)))
        exports = "".join(
            f"export {name}={shlex.quote(value)}\n"
            for name, value in sorted({**self.environment, "LEADFLOW_LOCAL_STATE": str(instance.state)}.items())
        )
        return (
            "#!/bin/sh\n"
            "umask 077\n"
            "# Died within a second of its start: wait, so that a crash loop leaves the machine usable.\n"
            f"[ -z \"$(find {pid_file} -newermt '1 second ago' 2>/dev/null)\" ] || sleep 1\n"
            f"echo $$ > {pid_file}\n"
            f"printf . >> {starts}\n"
            f"cd {shlex.quote(str(self.folder))} || exit 1\n"
            f"{exports}{self.prelude}"
            f"exec {shlex.join((*_IN_A_SESSION, *self.argv))}\n"
        )

    def configuration(self, script: str) -> str:
        digest = hashlib.sha256(script.encode()).hexdigest()
        return (
            f"[program:{self.name}]\n"
            f"command=/bin/sh run/{self.name}.sh\n"
            f'environment=LEADFLOW_LOCAL_HASH="{digest}"\n'
            "startsecs=0\n"  # every death is an "exit": its code counts, and the next start comes at once
            "startretries=1000000\n"
            f"autorestart={'unexpected' if self.may_give_up else 'true'}\n"
            f"exitcodes={BAD_DEPLOY}\n"
            f"stopsignal={self.stop_signal}\n"
            f"stopwaitsecs={self.stop_seconds}\n"
            "killasgroup=true\n"
            "redirect_stderr=true\n"
            f"stdout_logfile=logs/{self.name}.log\n"
            "stdout_logfile_maxbytes=10MB\n"
            "stdout_logfile_backups=1\n"
        )


@dataclass(frozen=True, slots=True)
class RunningProcess:
    """What the supervisor says of one process. ``uptime`` is in seconds; ``state`` in lower case."""

    name: str
    state: str
    pid: int
    uptime: int
    exit_code: int
    restarts: int = 0
    """How often it was started again by itself since somebody asked for it: after its death, that is."""

    @property
    def stays_down(self) -> bool:
        return self.state == "stopped" or self.gave_up

    @property
    def gave_up(self) -> bool:
        return self.state == "fatal" or (self.state == "exited" and self.exit_code == BAD_DEPLOY)


class Supervisor:
    """The supervisord of one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.socket = _socket_path(instance)
        self._transport = _UnixTransport(str(self.socket))
        self._server = xmlrpc.client.ServerProxy("http://localhost/RPC2", transport=self._transport)

    @property
    def is_running(self) -> bool:
        try:
            self._call("getState")
        except OSError:
            return False
        return True

    def start(self) -> None:
        """Start supervisord in the background and wait until it answers."""
        state = self.instance.state
        self.socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.socket.parent.stat().st_uid != os.geteuid():
            raise StackError(f"{self.socket.parent} belongs to another user: remove it, or use a shorter path.")
        # Paths are relative to the instance's folder, where supervisord is started: it gives "%" in them a meaning.
        configuration = (
            "[supervisord]\n"
            "logfile=logs/supervisord.log\n"
            "logfile_maxbytes=5MB\n"
            "logfile_backups=1\n"
            "pidfile=pids/supervisord\n"
            "childlogdir=logs\n"
            f"{'user=root' if os.geteuid() == 0 else ''}\n"
            "[unix_http_server]\n"
            f"file={'supervisor.sock' if self.socket.parent == state else str(self.socket).replace('%', '%%')}\n"
            "chmod=0700\n"
            "[rpcinterface:supervisor]\n"
            "supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface\n"
            "[include]\n"
            "files=programs/*.ini\n"
        )
        write_atomically(state / "supervisord.conf", configuration, mode=0o600)
        self._forget_starts(path.name for path in (state / "starts").glob("*"))
        # Settings reach a process by its script alone; one inherited from here could never be unset again.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("LEADFLOW_")}
        started = subprocess.run(
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(state / "supervisord.conf")],
            env=environment,
            cwd=state,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            start_new_session=True,  # Ctrl-C in the terminal is not for the stack
        )
        deadline = time.monotonic() + 15
        while not self.is_running:
            if started.returncode or time.monotonic() > deadline:
                raise StackError(
                    f"supervisord did not start: {started.stdout}{started.stderr}\n{self.instance.tail('supervisord')}"
                )
            time.sleep(0.02)

    def processes(self) -> dict[str, RunningProcess]:
        """Return every process by name; nothing when supervisord is down."""
        try:
            found = self._call("getAllProcessInfo")
        except OSError:
            return {}
        return {
            info["name"]: RunningProcess(
                name=info["name"],
                state=info["statename"].lower(),
                pid=info["pid"],
                uptime=max(0, info["now"] - info["start"]) if info["pid"] else 0,
                exit_code=info["exitstatus"],
                restarts=_restarts(self.instance, info["name"]),
            )
            for info in found
        }

    def write(self, programs: Iterable[Program], *, keep: Callable[[str], bool]) -> None:
        """Write the programs' files, and delete those of other programs that ``keep`` does not claim by name."""
        state, names = self.instance.state, set()
        for program in programs:
            names.add(program.name)
            script = program.script(self.instance)
            write_atomically(state / "run" / f"{program.name}.sh", script, mode=0o700)
            write_atomically(state / "programs" / f"{program.name}.ini", program.configuration(script), mode=0o600)
        for file in (state / "programs").glob("*.ini"):
            if file.stem not in names and not keep(file.stem):
                file.unlink()
                (state / "run" / f"{file.stem}.sh").unlink(missing_ok=True)

    def apply(self) -> None:
        """Make what runs equal to what is written: start, stop, and restart only what changed."""
        [[added, changed, removed]] = self._call("reloadConfig")
        self.stop([*changed, *removed])
        for name in (*changed, *removed):
            self._call("removeProcessGroup", name)
        self._forget_starts([*added, *changed])
        for name in (*added, *changed):
            self._call("addProcessGroup", name)

    def revive(self) -> None:
        """Start what had given up: the user has asked again."""
        for process in self.processes().values():
            if process.gave_up:
                self.start_again([process.name])

    def start_again(self, names: Iterable[str]) -> None:
        """Start processes that were stopped."""
        names = list(names)
        self._forget_starts(names)
        for name in names:
            self._call("startProcess", name, False)

    def stop(self, names: Iterable[str], *, stopped: Callable[[str], None] = lambda _: None) -> None:
        """Stop processes at the same time and wait for all; supervisord kills those that take too long.

        ``stopped`` is called with the name of each as soon as it is.
        """
        names = set(names)
        running: set[str] = set()
        while True:
            left = [p for p in self.processes().values() if p.name in names and not p.stays_down]
            for name in sorted(running - {process.name for process in left}):
                stopped(name)
            running = {process.name for process in left}
            if not left:
                return
            for process in left:
                if process.state in ("starting", "running", "backoff"):
                    # It may have died meanwhile: then the next round meets its successor.
                    with suppress(xmlrpc.client.Fault):
                        self._call("stopProcess", process.name, False)
            time.sleep(0.02)

    def shut_down(self) -> None:
        """Stop everything, services before servers, and supervisord itself."""
        self._call("shutdown")

    def _forget_starts(self, names: Iterable[str]) -> None:
        for name in names:
            _starts(self.instance, name).unlink(missing_ok=True)

    def _call(self, method: str, *arguments: object) -> Any:
        try:
            return getattr(self._server.supervisor, method)(*arguments)
        finally:
            self._transport.close()


def _starts(instance: Instance, name: str) -> Path:
    """Return the file that grows by a byte at each start of a program."""
    return instance.state / "starts" / name


def _restarts(instance: Instance, name: str) -> int:
    try:
        return max(0, _starts(instance, name).stat().st_size - 1)
    except FileNotFoundError:
        return 0


def _socket_path(instance: Instance) -> Path:
    inside = instance.state / "supervisor.sock"
    if len(os.fsencode(inside)) <= SOCKET_LIMIT:
        return inside
    name = hashlib.sha256(os.fsencode(instance.state)).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"leadflow-{os.getuid()}" / f"{name}.sock"


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=60)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: object) -> _UnixConnection:
        del host
        connection = _UnixConnection(self._path)
        self._connection = "", connection  # what the base class closes
        return connection
