"""One-shots of ``up``: the host platform's tables, migrations and topics, and the demo data."""

import asyncio
import hashlib
import json
import os
import subprocess
from pathlib import Path

from deploy.compose.seed import DEMO_CONTACTS, DEMO_SEED, HOST_PLATFORM, make_platform, seed
from deploy.local import mongo, postgres, settings
from deploy.local.instance import CHECKOUT, Instance, StackError, write_atomically
from deploy.local.ports import Ports

_FOLDER = Path(__file__).parent

LINES = 25
"""Of the output of a step that failed."""


def run(instance: Instance, ports: Ports, given: settings.Given) -> bool:
    """Bring the databases and topics up to date; return False when they were already.

    What was applied last is remembered by its hash (the code that migrates, the seeds, the settings), until a server's
    data is made anew.
    Each step changes nothing at its second run, so an interrupted run is simply run again.
    Raises ``StackError`` with the output of a step that failed.
    """
    environment = settings.common_environment(instance, ports, given) | settings.kafka_user(instance, "migrate")
    digest = _digest(environment | {"own roles": str(given.own_roles)})
    if instance.applied.exists() and instance.applied.read_text() == digest:
        return False
    instance.applied.unlink(missing_ok=True)
    asyncio.run(make_platform(postgres.url(instance, ports), _FOLDER))
    migrated = subprocess.run(
        [settings.console_script("leadflow"), "migrate"],
        cwd=CHECKOUT,
        # Past whatever the services reach the server through.
        env=os.environ | environment | {"LEADFLOW_POSTGRES_OWNER_URL": postgres.url(instance, ports)},
        capture_output=True,
        text=True,
        check=False,
    )
    if migrated.returncode:
        said = "\n".join((migrated.stdout + migrated.stderr).splitlines()[-LINES:])
        raise StackError(f"`leadflow migrate` failed:\n{said}")
    if given.own_roles:
        asyncio.run(postgres.make_logins(instance, ports))
    asyncio.run(seed(postgres.url(instance, ports), mongo.url(ports), _FOLDER))
    write_atomically(instance.applied, digest)
    return True


def _digest(environment: dict[str, str]) -> str:
    """Return the hash of everything that the one-shots' result follows from."""
    digest = hashlib.sha256(json.dumps(environment, sort_keys=True).encode())
    files = [_FOLDER / HOST_PLATFORM, _FOLDER / DEMO_SEED, _FOLDER / DEMO_CONTACTS]
    for folder in ("migrations", "libs", "services/operator", "deploy/compose"):
        files += sorted((CHECKOUT / folder).rglob("*.py"))
    for file in files:
        digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
