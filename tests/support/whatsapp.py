"""The fake WhatsApp provider as a process of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from tests.support.ports import free_port
from tests.support.stack import ROOT
from tests.support.waiting import answering


@dataclass(frozen=True, slots=True)
class Provider:
    """Numbers that end in 0000 are not on WhatsApp. ``behave`` makes it misbehave, and counts from zero."""

    url: str
    http: httpx.AsyncClient

    async def behave(
        self,
        mode: str = "ok",
        *,
        delay_ms: int = 0,
        limit: int = 1_000,
        rate: float = 0,
        refused: int = 0,
        failing: int = 0,
    ) -> None:
        """Behave so; of a thousand numbers so many are refused and failed at."""
        control = {"delay_ms": delay_ms, "limit": limit, "rate": rate, "refused": refused, "failing": failing}
        (await self.http.post("/control", json={"mode": mode} | control)).raise_for_status()

    async def seen(self) -> dict[str, int]:
        """Return what was asked and answered since the last ``behave``."""
        answer = (await self.http.get("/control")).json()
        counts: dict[str, int] = answer["counts"] | {"most_in_flight": answer["most_in_flight"]}
        return counts

    async def asked(self) -> dict[str, int]:
        """Return the calls for each number since the last ``behave``, without those that were throttled."""
        asked: dict[str, int] = (await self.http.get("/asked")).json()
        return asked


@asynccontextmanager
async def whatsapp_provider() -> AsyncIterator[Provider]:
    port = free_port()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "deploy.local.whatsapp_provider",
        cwd=ROOT,
        env=os.environ | {"LEADFLOW_HTTP_PORT": str(port)},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        async with answering(url, "/control", what="the provider") as http:
            yield Provider(url, http)
    finally:
        process.terminate()
        await process.wait()
