"""Kills, freezes and scales the processes of a local stack while imports run, by a schedule."""

import asyncio
import contextlib
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence

import httpx

from deploy.local.process_names import service_of
from deploy.local.settings import copies
from tests.chaos.schedule import Action
from tests.support.processes import running
from tests.support.stack import local
from tests.support.waiting import eventually


class Storm:
    """Carries out a schedule against the test instance; ``done`` counts what took effect."""

    def __init__(self, schedule: Sequence[Action], provider_url: str) -> None:
        self._schedule = schedule
        self._provider_url = provider_url
        self._killed: set[int] = set()
        self.done: Counter[str] = Counter()

    async def rage(self) -> None:
        """Carry out every action; at the end nothing is frozen and the provider is well."""
        background: set[asyncio.Task[None]] = set()
        try:
            for action in self._schedule:
                await asyncio.sleep(action.pause)
                task = asyncio.create_task(self._carry_out(action))
                background.add(task)
                task.add_done_callback(background.discard)
                if action.kind in ("kill", "scale"):
                    await task
        finally:
            await asyncio.gather(*background)
            await self._provider("ok")

    async def _carry_out(self, action: Action) -> None:
        if action.kind == "kill":
            await self._kill(action.target)
        elif action.kind == "freeze":
            await self._freeze(action.target, action.amount)
        elif action.kind == "scale":
            await self._scale(action.target, int(action.amount))
        else:
            await self._provider(action.target)
            await asyncio.sleep(action.amount)
            await self._provider("ok")
            self.done["provider"] += 1

    async def _pid(self, name: str) -> int:
        """Wait for the process to run: one that is down already can't be killed again."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = (await asyncio.to_thread(running)).get(name)
            if found and found not in self._killed:
                return found
            await asyncio.sleep(0.2)
        raise AssertionError(f"{name} did not come back within 60 s")

    async def _kill(self, name: str) -> None:
        while True:
            pid = await self._pid(name)
            self._killed.add(pid)
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended by itself between the two calls: the next one is killed
            self.done[f"kill {name}"] += 1
            return

    async def _scale(self, service: str, count: int) -> None:
        # The command waits until all are ready, which they cannot be while what they need is down.
        with contextlib.suppress(RuntimeError):
            await asyncio.to_thread(local, "scale", "--", service, str(count))
        wanted = set(copies(service, count))

        async def scaled() -> bool:
            return {name for name in await asyncio.to_thread(running) if service_of(name) == service} == wanted

        await eventually(scaled, seconds=60, what=f"{count} processes of {service}")
        self.done["scale"] += 1

    async def _freeze(self, name: str, seconds: float) -> None:
        pid = await self._pid(name)
        try:
            os.kill(pid, signal.SIGSTOP)
            await asyncio.sleep(seconds)
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            return  # killed meanwhile, which is the harder case
        self.done["freeze"] += 1

    async def _provider(self, mode: str) -> None:
        async with httpx.AsyncClient(base_url=self._provider_url, timeout=30) as client:
            response = await client.post("/control", json={"mode": mode, "limit": 1000})
            response.raise_for_status()
