"""The demo's container ``platform``: ``python /demo/seed.py platform``, before anything is migrated."""

import asyncio
import os
import subprocess
import sys

import asyncpg

from tests.support.databases import make_postgres
from tests.support.stack import ROOT, Addresses


def run_platform(url: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "deploy" / "compose" / "seed.py"), "platform"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LEADFLOW_POSTGRES_URL": url},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_platform_s_tables_are_made_and_a_second_run_changes_nothing(servers: Addresses) -> None:
    url = await make_postgres(servers, "leadflow_demo_platform")
    for _ in range(2):
        done = await asyncio.to_thread(run_platform, url)
        assert done.returncode == 0, done.stderr
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'amigocare'")
    await connection.close()
    assert {"companies", "users", "messaging_accounts", "attendances", "patients"} <= {row[0] for row in tables}
