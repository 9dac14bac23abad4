"""A MongoDB of a test's own that asks who is there: the local stack's takes everybody."""

import asyncio
import gc
import os
import subprocess
import sysconfig
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.support.ports import free_port
from tests.support.waiting import eventually

_MONGOD = Path(sysconfig.get_path("purelib")) / "fiftyone" / "db" / "bin" / "mongod"


@dataclass(frozen=True, slots=True)
class GuardedMongo:
    """``url`` names a user who may read and write the database ``leadflow``; ``address`` is for other users."""

    url: str
    address: str

    async def set_password(self, password: str) -> None:
        """Give that user another password."""
        async with AsyncMongoClient[dict[str, Any]](f"mongodb://owner:secret@{self.address}/admin") as client:
            await client["leadflow"].command("updateUser", "app", pwd=password)


async def close_young(store: Postgres | Mongo) -> None:
    """Close a client that may still be connecting: PyMongo forgets a socket that it was about to open.

    Python would complain of it later, in whichever test is running then.
    """
    await store.close()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@asynccontextmanager
async def guarded_mongo(folder: Path) -> AsyncIterator[GuardedMongo]:
    """Run a mongod with users; its data is in ``folder``, which must exist."""
    address = f"127.0.0.1:{free_port()}"
    process = subprocess.Popen(  # noqa: ASYNC220 - it does not wait
        [
            str(_MONGOD),
            "--auth",
            "--dbpath",
            str(folder),
            "--bind_ip",
            "127.0.0.1",
            "--port",
            address.rpartition(":")[2],
            "--nounixsocket",
            "--wiredTigerCacheSizeGB",
            "0.25",
        ],
        stdout=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        # Until there is a user, who comes from this machine may make the first.
        async with AsyncMongoClient[dict[str, Any]](f"mongodb://{address}", serverSelectionTimeoutMS=500) as client:

            async def answers() -> bool:
                try:
                    return bool(await client.admin.command("ping"))
                except PyMongoError:
                    return False

            await eventually(answers, what="mongod")
            await client.admin.command("createUser", "owner", pwd="secret", roles=["root"])
        async with AsyncMongoClient[dict[str, Any]](f"mongodb://owner:secret@{address}/admin") as client:
            await client["leadflow"].command("createUser", "app", pwd="right", roles=["readWrite"])
        yield GuardedMongo(f"mongodb://app:right@{address}/leadflow", address)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 30)
