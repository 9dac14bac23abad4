"""PostgreSQL servers of a test's own, beside the stack's: with TLS, turned read-only, thrown away afterwards."""

import asyncio
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from deploy.local import postgres
from tests.support.ports import free_port
from tests.support.waiting import eventually

PASSWORD = "own-password"

_INSTALLED = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
WITH_TLS = _INSTALLED[-1].parent if _INSTALLED else None
"""Programs of the machine's own PostgreSQL, which can TLS: the stack's was built without."""


@dataclass(frozen=True, slots=True)
class OwnPostgres:
    """A running server whose superuser is ``leadflow``, and whose database ``leadflow`` is empty."""

    port: int
    data: Path

    @property
    def url(self) -> str:
        return f"postgresql://leadflow:{PASSWORD}@127.0.0.1:{self.port}/leadflow"

    async def execute(self, *statements: str) -> None:
        """Run each statement in a transaction of its own."""
        connection = await asyncpg.connect(self.url, ssl=False, timeout=10)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    async def turn_read_only(self) -> None:
        """Refuse writes from now on, in sessions that are open too, as a primary that was demoted does.

        The server reads its settings some time after it was told to, and then tells its open sessions, before it opens
        another. So when a new session knows, the others have been told.
        """
        await self.execute("ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        await eventually(self._opens_read_only, what="a PostgreSQL that takes no writes any more")

    async def _opens_read_only(self) -> bool:
        connection = await asyncpg.connect(self.url, ssl=False, timeout=10)
        try:
            return bool(await connection.fetchval("SHOW default_transaction_read_only") == "on")
        finally:
            await connection.close()

    async def promote(self) -> None:
        """Make a standby the primary."""
        await self.execute("SELECT pg_promote()")


@asynccontextmanager
async def own_postgres(
    folder: Path,
    settings: Mapping[str, str] | None = None,
    *,
    copies: Mapping[str, Path] | None = None,
    hba: str = "",
    programs: Path = postgres.BINARIES,
) -> AsyncIterator[OwnPostgres]:
    """Run a server in ``folder`` with these settings beside the usual ones; ``copies`` are files put into its data.

    ``hba``: lines of pg_hba.conf that come first.
    """
    cluster = await asyncio.to_thread(_make_cluster, folder, programs)
    for name, path in (copies or {}).items():
        shutil.copyfile(path, cluster / name)
        (cluster / name).chmod(0o600)
    rules = cluster / "pg_hba.conf"
    rules.write_text(hba + rules.read_text())
    _give_to_server(cluster)
    async with _running(folder, programs, settings or {}) as server:
        yield server


@asynccontextmanager
async def own_standby(folder: Path, primary: OwnPostgres) -> AsyncIterator[OwnPostgres]:
    """Run a standby that follows the primary by streaming, until ``promote``."""
    cluster = folder / "data"
    cluster.mkdir(mode=0o700, parents=True)
    _give_to_server(folder)
    copying = ("-R", "-X", "stream", "-c", "fast", "--no-sync", "-d", primary.url, "-D", str(cluster))
    await asyncio.to_thread(_run, postgres.BINARIES / "pg_basebackup", *copying)
    async with _running(folder, postgres.BINARIES, {}) as server:
        yield server


@asynccontextmanager
async def _running(folder: Path, programs: Path, settings: Mapping[str, str]) -> AsyncIterator[OwnPostgres]:
    cluster = folder / "data"
    server = OwnPostgres(free_port(), cluster)
    given = {
        "listen_addresses": "127.0.0.1",
        "port": str(server.port),
        "unix_socket_directories": "",
        "fsync": "off",
        "shared_buffers": "64MB",
        "max_connections": "200",
    } | dict(settings)
    options = [argument for name, value in given.items() for argument in ("-c", f"{name}={value}")]
    with (folder / "postgres.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *postgres.as_nobody(),
            str(programs / "postgres"),
            "-D",
            str(cluster),
            *options,
            cwd="/",
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            stdout=log,
            stderr=log,
        )
    try:
        await eventually(lambda: _answers(server, process, folder), what="a PostgreSQL of the test's own")
        yield server
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGQUIT)
            await process.wait()


async def _answers(server: OwnPostgres, process: asyncio.subprocess.Process, folder: Path) -> bool:
    assert process.returncode is None, (folder / "postgres.log").read_text()
    try:
        await server.execute("SELECT 1")
    except (OSError, asyncpg.PostgresError):
        return False
    return True


def _make_cluster(folder: Path, programs: Path) -> Path:
    cluster = folder / "data"
    cluster.mkdir(mode=0o700, parents=True)
    _give_to_server(cluster)
    password = folder / "password"
    password.write_text(PASSWORD)
    password.chmod(0o644)
    _run(
        programs / "initdb",
        *("-D", str(cluster), "-U", "leadflow", "-E", "UTF8", "--auth=scram-sha-256", f"--pwfile={password}"),
        *("--no-instructions", "--no-sync", "--locale=C.UTF-8"),
    )
    _run(
        programs / "postgres",
        *("--single", "-F", "-c", "exit_on_error=true", "-D", str(cluster), "postgres"),
        given="CREATE DATABASE leadflow;\n",
    )
    return cluster


def _run(program: Path, *arguments: str, given: str = "") -> None:
    made = subprocess.run(
        [*postgres.as_nobody(), str(program), *arguments],
        cwd="/",
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr


def _give_to_server(folder: Path) -> None:
    """PostgreSQL reads only what belongs to its own user, which is ``nobody`` where the tests run as root."""
    if os.geteuid() != 0:
        return
    nobody = pwd.getpwnam("nobody")
    for path in (folder, *folder.rglob("*")):
        os.chown(path, nobody.pw_uid, nobody.pw_gid)
