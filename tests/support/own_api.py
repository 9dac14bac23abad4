"""An api process of a test's own, beside the stack's: small limits, a folder of its own for temporary files."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from tests.support.ports import free_port
from tests.support.stack import ROOT, Addresses
from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class OwnApi:
    """A running api."""

    process: Process
    url: str
    folder: Path
    """Where it keeps uploads while it reads them."""
    log: Path

    def reading_processes(self) -> list[psutil.Process]:
        """Return the processes that read files."""
        return [child for child in psutil.Process(self.process.pid).children() if child.status() != "zombie"]

    def hold_reading(self) -> None:
        for process in self.reading_processes():
            process.send_signal(signal.SIGSTOP)

    def release_reading(self) -> None:
        for process in self.reading_processes():
            process.send_signal(signal.SIGCONT)

    def left_behind(self) -> list[str]:
        """Return the names of its temporary files."""
        return [path.name for path in self.folder.iterdir()]

    async def answers(self) -> bool:
        assert self.process.returncode is None, self.log.read_text()
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(f"{self.url}/health/ready")).status_code == 200
            except httpx.TransportError:
                return False


@asynccontextmanager
async def own_api(stack: Addresses, folder: Path, **settings: str) -> AsyncIterator[OwnApi]:
    """Run an api on the stack's servers; ``settings`` are names without prefix and their values."""
    temporary = folder / "tmp"
    temporary.mkdir(exist_ok=True)
    port = free_port()
    given = {
        "postgres_url": stack.postgres_url,
        "mongo_url": stack.mongo_url,
        "kafka_bootstrap": stack.kafka_bootstrap,
        "jwt_secret": stack.jwt_secret,
        "http_port": str(port),
    } | settings
    environment = {f"LEADFLOW_{name.upper()}": value for name, value in given.items()}
    with (folder / "api.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "services.api.main",
            cwd=ROOT,
            env=os.environ | environment | {"TMPDIR": str(temporary)},
            stdout=log,
            stderr=log,
        )
    api = OwnApi(process, f"http://127.0.0.1:{port}", temporary, folder / "api.log")
    try:
        await eventually(api.answers, seconds=90, what="an api that is ready")
        yield api
    finally:
        if process.returncode is None:
            api.release_reading()
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 40)
            except TimeoutError:
                process.kill()
                await process.wait()
                raise
