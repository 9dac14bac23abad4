"""Databases that refuse writes, answer after 30 seconds, or drop connections amid a statement; slow and full disks."""

import asyncio
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from tests.chaos.cases import Scene, accepted, full_only, kept, until
from tests.support.processes import needs_local_stack, running

pytestmark = [full_only, needs_local_stack]

LATE_SECONDS = 30.0
HELD_SECONDS = 6.0
"""How long a fault lasts. The services' longest wait between two attempts is shorter here."""

TABLES = ("amigocare_leads", "lead_import_chunks", "lead_import_rows", "chat_tags", "outbox")


@pytest_asyncio.fixture
async def admin(scene: Scene) -> AsyncIterator[AsyncConnection]:
    """A superuser's connection past the proxy, without transactions."""
    engine = scene.engine.execution_options(isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection


@pytest_asyncio.fixture
async def mongo_admin(scene: Scene) -> AsyncIterator[Any]:
    """MongoDB's ``admin`` database, past the proxy."""
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(scene.stack.mongo_url) as client:
        yield client.admin


async def repeat(strike: Callable[[], Any], *, seconds: float, pause: float) -> int:
    """Call ``strike`` again and again for so long; return the sum of what it returned."""
    deadline, struck = time.monotonic() + seconds, 0
    while time.monotonic() < deadline:
        result = strike()
        struck += await result if asyncio.iscoroutine(result) else result
        await asyncio.sleep(pause)
    return struck


async def test_a_postgresql_that_refuses_writes(scene: Scene, admin: AsyncConnection) -> None:
    async with kept(scene) as teams:
        before = sum(team.refused for team in teams)
        await admin.execute(text("ALTER SYSTEM SET default_transaction_read_only = on"))
        await admin.execute(text("SELECT pg_reload_conf()"))
        try:
            await until("refused uploads", lambda: sum(team.refused for team in teams) > before)
            await asyncio.sleep(HELD_SECONDS)
        finally:
            await admin.execute(text("ALTER SYSTEM RESET default_transaction_read_only"))
            await admin.execute(text("SELECT pg_reload_conf()"))
        await accepted(teams, 1)


async def test_a_postgresql_that_drops_its_connections(scene: Scene) -> None:
    async with kept(scene) as teams:
        assert await repeat(scene.proxies["postgres"].cut, seconds=HELD_SECONDS, pause=0.3) > 10
        await accepted(teams, 1)


async def test_a_postgresql_that_ends_sessions_amid_their_statements(scene: Scene, admin: AsyncConnection) -> None:
    async def end_those_at_work() -> int:
        ended = await admin.execute(
            text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name LIKE 'leadflow-%' AND state IN ('active', 'idle in transaction')"
            )
        )
        return int(ended.scalar_one())

    async with kept(scene) as teams:
        assert await repeat(end_those_at_work, seconds=HELD_SECONDS, pause=0.02) > 10
        await accepted(teams, 1)


async def test_a_mongodb_that_drops_its_connections(scene: Scene) -> None:
    async with kept(scene) as teams:
        assert await repeat(scene.proxies["mongo"].cut, seconds=HELD_SECONDS, pause=0.3) > 5
        await accepted(teams, 1)


async def test_a_mongodb_that_ends_operations_amid_their_work(scene: Scene, mongo_admin: Any) -> None:
    async def end_those_at_work() -> int:
        killed = 0
        operations = await mongo_admin.aggregate([{"$currentOp": {}}, {"$match": {"ns": "leadflow.chats"}}])
        async for operation in operations:
            with suppress(PyMongoError):
                await mongo_admin.command("killOp", op=operation["opid"])
                killed += 1
        return killed

    async with kept(scene) as teams:
        assert await repeat(end_those_at_work, seconds=HELD_SECONDS, pause=0.0) > 0
        await accepted(teams, 1)


async def test_a_mongodb_that_takes_no_writes(scene: Scene, mongo_admin: Any) -> None:
    """Locked as for a backup: a write waits for as long as its client does."""
    async with kept(scene) as teams:
        await mongo_admin.command("fsync", lock=True)
        try:
            await accepted(teams, 1)
            # Longer than one operation may take.
            await asyncio.sleep(LATE_SECONDS + 2)
        finally:
            await mongo_admin.command("fsyncUnlock")
        await accepted(teams, 1)


async def test_a_postgresql_that_answers_after_30_seconds(scene: Scene) -> None:
    proxy = scene.proxies["postgres"]
    async with kept(scene) as teams:
        with late(scene, "postgres"):
            url = scene.stack.postgres_url.replace(f":{_port(scene.stack.postgres_url)}/", f":{proxy.port}/")
            with pytest.raises(TimeoutError):
                await asyncpg.connect(url, timeout=5)
            await asyncio.sleep(LATE_SECONDS)
        await accepted(teams, 1)


async def test_a_mongodb_that_answers_after_30_seconds(scene: Scene) -> None:
    proxy = scene.proxies["mongo"]
    async with kept(scene) as teams:
        with late(scene, "mongo"):
            client: AsyncMongoClient[Any]
            async with AsyncMongoClient("127.0.0.1", proxy.port, serverSelectionTimeoutMS=3000) as client:
                with pytest.raises(PyMongoError):
                    await client.admin.command("ping")
            await asyncio.sleep(LATE_SECONDS)
        await accepted(teams, 1)


@contextmanager
def late(scene: Scene, server: str) -> Iterator[None]:
    scene.proxies[server].answer_seconds = LATE_SECONDS
    try:
        yield
    finally:
        scene.proxies[server].answer_seconds = 0.0


def _port(url: str) -> str:
    return url.rpartition(":")[2].partition("/")[0]


async def test_a_slow_disk(scene: Scene) -> None:
    """As near as can be: the servers' processes stand still most of the time, as those do that wait for a disk."""
    pids = [pid for name, pid in running().items() if name in ("postgres", "mongo", "kafka")]
    assert len(pids) == 3

    async def stand_still() -> int:
        processes = [each for pid in pids for each in (psutil.Process(pid), *psutil.Process(pid).children())]
        _signal(processes, signal.SIGSTOP)
        try:
            await asyncio.sleep(0.9)
        finally:
            _signal(processes, signal.SIGCONT)
        return 1

    async with kept(scene) as teams:
        assert await repeat(stand_still, seconds=2 * HELD_SECONDS, pause=0.1) > 5
        await accepted(teams, 1)


def _signal(processes: list[psutil.Process], number: int) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


async def test_a_full_disk(scene: Scene, admin: AsyncConnection) -> None:
    """The tables that grow are on a disk with 32 MB to spare, which fills up and is freed again."""
    with small_disk(await megabytes_of_tables(admin) + 32) as disk:
        # Nothing ends on a full disk: teams that waited for that would never see an upload refused.
        async with tables_on(admin, disk), kept(scene, most_in_progress=1_000) as teams:
            before, ballast = sum(team.refused for team in teams), disk / "ballast"
            try:
                fill(ballast)
                await until("refused uploads", lambda: sum(team.refused for team in teams) > before)
                await repeat(lambda: fill(ballast), seconds=HELD_SECONDS, pause=0.5)
            finally:
                ballast.unlink(missing_ok=True)
            await accepted(teams, 1)


async def megabytes_of_tables(admin: AsyncConnection) -> int:
    """Return what the tables take now, with all that the tests before have stored."""
    sizes = ", ".join(f"pg_table_size('amigocare.{table}')" for table in TABLES)
    return int((await admin.execute(text(f"SELECT sum(size) FROM unnest(ARRAY[{sizes}]) AS size"))).scalar_one()) >> 20


@contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """Mount a file system of this size; the test is skipped where this process may not."""
    folder = Path(tempfile.mkdtemp(prefix="leadflow-disk-"))
    folder.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "leadflow-chaos", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"may not mount a small file system: {mounted.stderr.strip()}")
    try:
        if os.geteuid() == 0:
            nobody = pwd.getpwnam("nobody")
            os.chown(folder, nobody.pw_uid, nobody.pw_gid)
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


@asynccontextmanager
async def tables_on(admin: AsyncConnection, disk: Path) -> AsyncIterator[None]:
    home = disk / "tables"
    home.mkdir()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        os.chown(home, nobody.pw_uid, nobody.pw_gid)
    await admin.execute(text(f"CREATE TABLESPACE small LOCATION '{home}'"))
    try:
        for table in TABLES:
            await admin.execute(text(f"ALTER TABLE amigocare.{table} SET TABLESPACE small"))
        yield
    finally:
        for table in TABLES:
            await admin.execute(text(f"ALTER TABLE amigocare.{table} SET TABLESPACE pg_default"))
        await admin.execute(text("DROP TABLESPACE small"))


def fill(ballast: Path) -> int:
    """Write until nothing fits any more; return how often that was said: always once."""
    with ballast.open("ab", buffering=0) as file:
        for size in (1024 * 1024, 4096):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    continue
    return 1
