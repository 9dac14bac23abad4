"""PgBouncer in transaction mode before a real PostgreSQL: each transaction may get another session of the server."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit

import asyncpg

from deploy.local.postgres import as_nobody
from tests.support.machine import needs
from tests.support.ports import free_port
from tests.support.waiting import eventually

PROGRAM = shutil.which("pgbouncer") or shutil.which("/usr/sbin/pgbouncer")
SESSIONS = 3
"""Of the server, for all that come: few, so that they meet each other's leftovers."""

needs_pgbouncer = needs(PROGRAM, "PgBouncer (Debian: pgbouncer)")

_SETTINGS = """
[databases]
* = host=127.0.0.1 port={server_port}

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = scram-sha-256
auth_file = {folder}/users
pool_mode = transaction
default_pool_size = {sessions}
max_client_conn = 200
logfile = {folder}/pgbouncer.log
pidfile = {folder}/pgbouncer.pid
"""


@asynccontextmanager
async def pgbouncer(postgres_url: str, folder: Path) -> AsyncIterator[int]:
    """Run one before this server, for its user; yield its port."""
    assert PROGRAM is not None
    server, port = urlsplit(postgres_url), free_port()
    settings = _settings(folder, postgres_url, port)
    # It refuses to run as root.
    process = await asyncio.create_subprocess_exec(*as_nobody(), PROGRAM, "-q", str(settings), cwd="/")
    address = postgres_url.replace(f":{server.port}/", f":{port}/")

    async def answers() -> bool:
        assert process.returncode is None, (folder / "pgbouncer.log").read_text()
        try:
            connection = await asyncpg.connect(address, timeout=2, statement_cache_size=0)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    try:
        await eventually(answers, what="a pooler")
        yield port
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()


def _settings(folder: Path, postgres_url: str, port: int) -> Path:
    server = urlsplit(postgres_url)
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "users").write_text(f'"{server.username}" "{unquote(server.password or "")}"\n')
    settings = folder / "pgbouncer.ini"
    settings.write_text(_SETTINGS.format(server_port=server.port, port=port, folder=folder, sessions=SESSIONS))
    return settings
