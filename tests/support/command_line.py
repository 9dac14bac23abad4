"""The command ``leadflow`` as operators run it: a process with an environment."""

import asyncio
import os
import subprocess
import sys

from tests.support.stack import ROOT, Addresses


async def leadflow(*words: str, servers: Addresses, postgres_url: str, **settings: str) -> tuple[int, str]:
    """Run a command against these servers and this database; return its exit code and all that it said."""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "services.operator.main", *words],
        cwd=ROOT,
        env=os.environ
        | settings
        | {
            "LEADFLOW_POSTGRES_URL": postgres_url,
            "LEADFLOW_MONGO_URL": servers.mongo_url,
            "LEADFLOW_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout
