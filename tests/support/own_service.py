"""A service's process of a test's own, with the addresses and secrets that the test gives it."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port
from tests.support.stack import ROOT
from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class OwnService:
    """A running process; ``log`` is what it printed."""

    name: str
    process: Process
    url: str
    log: Path

    def lines(self, event: str) -> list[dict[str, Any]]:
        """Return what it logged about an event."""
        found = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in found if line.get("event") == event]

    async def ask(self, path: str) -> httpx.Response | None:
        """Return its answer, or None while it has none. It must not have ended."""
        assert self.process.returncode is None, self.log.read_text()
        async with httpx.AsyncClient() as client:
            try:
                return await client.get(f"{self.url}{path}")
            except httpx.TransportError:
                return None

    async def reason(self) -> str | None:
        """Return why it is not ready; None when it is, or does not answer yet."""
        answer = await self.ask("/health/ready")
        return None if answer is None or answer.status_code == 200 else str(answer.json()["reason"])

    async def until_unready(self, *words: str, seconds: float = 90.0) -> str:
        """Wait until it says that it is not ready, in these words."""

        async def look() -> str | None:
            reason = await self.reason()
            return reason if reason and all(word in reason for word in words) else None

        return await eventually(look, seconds=seconds, what=f"{self.name} that is not ready because of {words}")

    async def until_ready(self, *, seconds: float = 90.0) -> httpx.Response:
        async def look() -> httpx.Response | None:
            answer = await self.ask("/health/ready")
            return answer if answer is not None and answer.status_code == 200 else None

        return await eventually(look, seconds=seconds, what=f"{self.name} that is ready")


@asynccontextmanager
async def own_service(name: str, folder: Path, **settings: str) -> AsyncIterator[OwnService]:
    """Run a service, not waiting for anything; ``settings`` are names without prefix and their values."""
    temporary, port = folder / f"{name}-tmp", free_port()
    temporary.mkdir(exist_ok=True)
    given = {"http_port": str(port), "jwt_secret": "s" * 32} | settings
    environment = {f"LEADFLOW_{name.upper()}": value for name, value in given.items()}
    with (folder / f"{name}.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            f"services.{name}.main",
            cwd=ROOT,
            env=os.environ | environment | {"TMPDIR": str(temporary)},
            stdout=log,
            stderr=log,
        )
    try:
        yield OwnService(name, process, f"http://127.0.0.1:{port}", folder / f"{name}.log")
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 60)
            except TimeoutError:
                process.kill()
                await process.wait()
                raise
