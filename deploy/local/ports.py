"""The ports of an instance: chosen once, remembered in ``ports.json``, never shared with another checkout.

An instance owns a block of 100 ports: the first that nobody listens on and no other checkout of this machine
has been given. ``LEADFLOW_PORT_BASE`` says where the block of ``main`` begins; those of the checkout's other
instances (the tests') are then looked for after it.
"""

import json
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from deploy.local.instance import MAIN, Instance, StackError, write_atomically
from deploy.processes import CONSUMERS

BLOCK = 100
LOWEST, HIGHEST = 1024, 65_536 - BLOCK
FIRST_BASE = 18_000  # well below the ports that Linux gives to outgoing connections
MAX_BROKERS = 3

FIXED = {
    # The address that people and programs are given; the services themselves stand behind it.
    "gateway": 0,
    "whatsapp": 1,
    "postgres": 2,
    "mongo": 3,
    "kafka": 4,
    "kafka-controller": 5,
    "kafka-2": 6,
    "kafka-2-controller": 7,
    "kafka-3": 8,
    "kafka-3-controller": 9,
    # The tenth consumer and those after it take free ones, as scaled processes do.
    **dict(zip(CONSUMERS, range(10, 20), strict=False)),
    "api": 90,
    "sign-in": 91,
    "leads": 92,
}
"""Offsets in the block. Scaled processes (``creator-2``) take free ones from ``SCALED``."""

SCALED = range(20, 90)

_CLAIM_SECONDS = 600


class Ports:
    """Port numbers by process name."""

    def __init__(self, base: int, scaled: dict[str, int] | None = None) -> None:
        self.base = base
        self._scaled = dict(scaled or {})

    def __getitem__(self, name: str) -> int:
        if name in FIXED:
            return self.base + FIXED[name]
        return self._scaled[name]

    def assign(self, name: str) -> int:
        """Return the port of a process; a scaled one gets the next port of the block that is free.

        Raises ``StackError`` when the block is used up.
        """
        if name in FIXED or name in self._scaled:
            return self[name]
        for offset in SCALED:
            port = self.base + offset
            if port not in self._scaled.values() and is_free(port):
                self._scaled[name] = port
                return port
        raise StackError(f"No port left for {name}: a stack has {len(SCALED)} ports for scaled processes.")

    def save(self, instance: Instance) -> None:
        ports = {name: self[name] for name in (*FIXED, *sorted(self._scaled))}
        write_atomically(
            instance.state / "ports.json", json.dumps({"base": self.base, "ports": ports}, indent=2) + "\n"
        )


def load(instance: Instance) -> Ports | None:
    """Return the remembered ports, None when there are none."""
    with suppress(FileNotFoundError):
        document = json.loads((instance.state / "ports.json").read_text())
        return Ports(document["base"], {name: p for name, p in document["ports"].items() if name not in FIXED})
    return None


def must_move(instance: Instance, ports: Ports) -> bool:
    """Tell whether ``LEADFLOW_PORT_BASE`` wants an instance that is up elsewhere."""
    base = _given_base()
    return base is not None and (ports.base != base if instance.name == MAIN else ports.base < base + BLOCK)


def _given_base() -> int | None:
    """Return ``LEADFLOW_PORT_BASE``, None when it is not set; ``StackError`` when it is no usable number."""
    text = os.environ.get("LEADFLOW_PORT_BASE")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not LOWEST <= int(text) <= HIGHEST:
        raise StackError(f"LEADFLOW_PORT_BASE={text!r}: use a number from {LOWEST} to {HIGHEST}.")
    return int(text)


def choose(instance: Instance) -> Ports:
    """Return the ports of an instance that is down, and remember them.

    Raises ``StackError`` naming the port when ``LEADFLOW_PORT_BASE`` moves the stack onto one that is taken.
    """
    wanted, remembered = _given_base(), load(instance)
    with _machine_lock():
        if wanted is not None and instance.name == MAIN:
            name = _taken(wanted)
            if name:
                raise StackError(
                    f"Port {wanted + FIXED[name]} ({name}) is taken by another program. "
                    f"Stop that program, or move the stack: LEADFLOW_PORT_BASE={wanted + BLOCK} make up"
                )
            base = wanted
        elif remembered and not must_move(instance, remembered) and _ours(instance, remembered.base):
            base = remembered.base
        else:
            first = FIRST_BASE if wanted is None else wanted + BLOCK
            base = next((base for base in range(first, HIGHEST, BLOCK) if _ours(instance, base)), 0)
            if not base:
                raise StackError("No block of free ports found. Set LEADFLOW_PORT_BASE to the first of 100 free ports.")
        if remembered and remembered.base != base:
            release(instance)
        ports = remembered if remembered and remembered.base == base else Ports(base)
        ports.save(instance)
        _claim(instance, base)
    return ports


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        # As servers do: connections of a stopped server that linger in TIME_WAIT do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def release(instance: Instance) -> None:
    """Give the block back to the other checkouts."""
    ports = load(instance)
    if ports and _claimed_by(ports.base) == str(instance.state):
        (_claims() / str(ports.base)).unlink(missing_ok=True)


def _taken(base: int) -> str | None:
    return next((name for name, offset in FIXED.items() if not is_free(base + offset)), None)


def _ours(instance: Instance, base: int) -> bool:
    """Tell whether this instance may have the block: nobody listens there, nobody else was given it."""
    return _claimed_by(base) in (None, str(instance.state)) and _taken(base) is None


def _claims() -> Path:
    return Path(tempfile.gettempdir()) / "leadflow-ports"


def _claim(instance: Instance, base: int) -> None:
    # Only a courtesy to other checkouts: without it (a full or foreign temporary folder) ports in use are
    # still avoided, only those of stacks that are down are not.
    with suppress(OSError):
        _claims().mkdir(exist_ok=True)
        with suppress(OSError):
            _claims().chmod(0o1777)  # every user of the machine leaves a note, and can take only the own back
        write_atomically(_claims() / str(base), str(instance.state), mode=0o600)


def _claimed_by(base: int) -> str | None:
    """Return the state folder of the instance that was given this block, None when it is free."""
    path = _claims() / str(base)
    try:
        age = time.time() - path.stat().st_mtime
    except OSError:
        return None
    try:
        state = path.read_text()
    except OSError:
        # Another user's: we cannot see whether that stack still exists. Its servers are up after so long,
        # and then the probe of the ports finds them.
        return "another user" if age < _CLAIM_SECONDS else None
    try:
        document = json.loads((Path(state) / "ports.json").read_text())
    except (OSError, ValueError):
        return None
    return state if document.get("base") == base else None


@contextmanager
def _machine_lock() -> Iterator[None]:
    """Let one checkout of this machine at a time choose ports, whoever its user is."""
    deadline = time.monotonic() + 20
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                # An abstract name: no file, no permissions, gone with the process.
                lock.bind("\0leadflow-ports")
                break
            except OSError as error:
                if time.monotonic() > deadline:
                    raise StackError("Another checkout has been choosing ports for 20 seconds.") from error
                time.sleep(0.05)
        yield
