"""The demo's container ``platform``: ``python /demo/seed.py platform``, before anything is migrated."""

import asyncio
import os
import shutil
import subprocess
import sys
from pathlib import Path

import asyncpg

from tests.support.databases import make_postgres
from tests.support.manifests import image_stage
from tests.support.stack import ROOT, Addresses


def demo_folder(folder: Path) -> Path:
    """Put side by side what the demo's image has side by side."""
    for instruction, arguments in image_stage("demo"):
        if instruction == "COPY":
            for source in arguments.split()[:-1]:
                shutil.copy(ROOT / source, folder)
    return folder


def run_platform(url: str, demo: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(demo / "seed.py"), "platform"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "LEADFLOW_POSTGRES_URL": url},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


async def test_the_platform_s_tables_are_made_and_a_second_run_changes_nothing(
    servers: Addresses, tmp_path: Path
) -> None:
    url = await make_postgres(servers, "leadflow_demo_platform")
    demo = demo_folder(tmp_path)
    for _ in range(2):
        done = await asyncio.to_thread(run_platform, url, demo)
        assert done.returncode == 0, done.stderr
    connection = await asyncpg.connect(url)
    tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'amigocare'")
    await connection.close()
    assert {"companies", "users", "messaging_accounts", "attendances", "patients"} <= {row[0] for row in tables}
