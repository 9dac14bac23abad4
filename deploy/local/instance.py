"""One instance of the stack: where its files are, its secrets, and the lock that commands take."""

import fcntl
import json
import os
import re
import secrets
import sys
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MAIN = "main"
"""The instance of ``make up``."""

CHECKOUT = Path(__file__).resolve().parents[2]


class StackError(Exception):
    """Something that the user can put right. Its text says what; it is shown without a traceback."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """Made once for an instance, kept in ``secrets.json`` (mode 0600)."""

    postgres_password: str
    jwt_secret: str
    kafka_cluster_id: str


@dataclass(frozen=True, slots=True)
class Instance:
    """``state`` holds everything of this instance; ``local`` (usually ``.local``) all instances and the jars."""

    name: str
    local: Path

    @classmethod
    def from_environment(cls) -> "Instance":
        """Return the instance that ``LEADFLOW_STACK`` names (default ``main``).

        ``LEADFLOW_LOCAL_DIR`` puts the state elsewhere than ``.local`` of the checkout.
        """
        name = os.environ.get("LEADFLOW_STACK") or MAIN
        if not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", name) or name == "jars":
            raise StackError(f"LEADFLOW_STACK={name!r}: use up to 31 lower-case letters, digits and hyphens.")
        local = os.environ.get("LEADFLOW_LOCAL_DIR")
        return cls(name=name, local=Path(local).resolve() if local else CHECKOUT / ".local")

    @property
    def state(self) -> Path:
        return self.local / self.name

    @property
    def jars(self) -> Path:
        """Kafka's jars: shared by every instance of the checkout."""
        return CHECKOUT / ".local" / "jars"

    @property
    def logs(self) -> Path:
        return self.state / "logs"

    @property
    def applied(self) -> Path:
        """What tables, topics and seeds were made from, as a hash.

        Whoever makes the data of a server anew takes it away: what was in the old one is to be made again.
        """
        return self.state / "applied"

    @property
    def exists(self) -> bool:
        """Tell whether ``up`` or ``servers`` ever got as far as choosing ports and secrets."""
        return (self.state / "ports.json").exists() and (self.state / "secrets.json").exists()

    def require(self) -> None:
        """Raise a ``StackError`` when there is no instance yet."""
        if not self.exists:
            raise StackError(f"There is no stack {self.name!r} in this checkout yet: run `make up` first.")

    def create_folders(self) -> None:
        for folder in (self.state, self.logs, *(self.state / name for name in ("programs", "run", "pids", "starts"))):
            folder.mkdir(parents=True, exist_ok=True)

    def secrets(self) -> Secrets:
        """Return the instance's secrets; make them at the first call."""
        path = self.state / "secrets.json"
        if not path.exists():
            made = {
                "postgres_password": secrets.token_urlsafe(24),
                "jwt_secret": secrets.token_urlsafe(48),
                # Kafka wants a UUID in base64; "k" keeps a leading "-" from looking like an option.
                "kafka_cluster_id": "k" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:],
            }
            write_atomically(path, json.dumps(made, indent=2) + "\n", mode=0o600)
        return Secrets(**json.loads(path.read_text()))

    def tail(self, process: str, lines: int = 25) -> str:
        """Return the last lines of a process's log, for an error message."""
        path = self.logs / f"{process}.log"
        if not path.exists():
            return f"(no log at {path})"
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 64_000))
            text = log.read().decode(errors="replace")
        return f"last lines of {path}:\n" + "\n".join(text.splitlines()[-lines:])

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Let one command at a time change this instance; the others wait."""
        self.local.mkdir(parents=True, exist_ok=True)
        with (self.local / f"{self.name}.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                print("Another command is working on this stack; waiting for it.", file=sys.stderr)
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def write_atomically(path: Path, text: str, *, mode: int = 0o644) -> None:
    """Write a file so that a reader, or a run after Ctrl-C, sees all of it or nothing."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
