"""Processes of two releases side by side on the same servers, replaced one service after the other."""

import asyncio
import itertools
import random
import signal
import time
from asyncio.subprocess import Process
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from libs.common.kafka.subscribing import REBALANCE_TIMEOUT_MS
from tests.support.manifests import build_kustomization, of_kind
from tests.support.ports import free_port
from tests.support.releases import Release
from tests.support.waiting import eventually

STARTS = 3
_LINES = 30
_ASKED_TO = {0, -signal.SIGTERM}
"""Exit codes of a process that was asked to end: uvicorn passes the signal on when it is done."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a process may take, in seconds: as long as Kubernetes lets it live by what is shipped, and no longer."""

    ready: float
    """From its start: until Kubernetes gives up on it, and a rebalance, as long as it may wait for messages in hand."""
    stop: float
    """From the signal to its end: afterwards Kubernetes kills it."""

    @classmethod
    def as_shipped(cls) -> "Patience":
        """Return that of the service which is given least."""
        pods = [
            each["spec"]["template"]["spec"] for each in of_kind(build_kustomization("base"), "Deployment").values()
        ]
        probes = [pod["containers"][0]["startupProbe"] for pod in pods]
        return cls(
            min(probe["periodSeconds"] * probe["failureThreshold"] for probe in probes) + REBALANCE_TIMEOUT_MS / 1000,
            min(pod["terminationGracePeriodSeconds"] for pod in pods),
        )


@dataclass(slots=True)
class Running:
    """A process of a service. Its log holds what it and those before it of the same release printed."""

    service: str
    release: Release
    process: Process
    port: int
    log: Path

    def __str__(self) -> str:
        return f"{self.service} of the {self.release.name} release"

    def last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LINES:])


@dataclass(slots=True)
class Fleet:
    """What runs, by service. ``settings_of`` says the environment of a service, whichever release it is of."""

    settings_of: Callable[[str], Mapping[str, str]]
    patience: Patience
    folder: Path
    chance: random.Random
    running: dict[str, list[Running]] = field(default_factory=lambda: defaultdict(list))
    _starting: list[Running] = field(default_factory=list)
    answered: Counter[str] = field(default_factory=Counter)
    """Calls by the release that answered them."""
    started: Counter[str] = field(default_factory=Counter)
    """Processes by the release that they are of."""
    slowest: dict[str, float] = field(default_factory=lambda: {"ready": 0.0, "stop": 0.0})
    """Seconds that a process took at most."""

    def _took(self, what: str, began: float) -> None:
        self.slowest[what] = max(self.slowest[what], time.monotonic() - began)

    async def start(self, service: str, release: Release) -> None:
        """Start one more process of a service; when it is ready, calls go to it, too.

        One that ends by itself before is started again, as by whoever runs it in production.
        """
        for _ in range(STARTS):
            began = time.monotonic()
            started = await self._spawn(service, release)
            self._starting.append(started)
            if await self._is_ready(started):
                self.running[service].append(started)
                self._starting.remove(started)
                self._took("ready", began)
                self.started[release.name] += 1
                return
        raise AssertionError(f"{started} ended by itself, {STARTS} times:\n{started.last_words()}")

    async def _spawn(self, service: str, release: Release) -> Running:
        port, log = free_port(), self.folder / f"{service}-{release.name}.log"
        temporary = self.folder / f"{service}-{release.name}"
        temporary.mkdir(exist_ok=True)
        own = {"LEADFLOW_HTTP_HOST": "127.0.0.1", "LEADFLOW_HTTP_PORT": str(port), "TMPDIR": str(temporary)}
        with log.open("ab") as file:
            process = await asyncio.create_subprocess_exec(
                str(release.python),
                "-m",
                f"services.{service}.main",
                cwd=release.folder,
                env=release.environment({**self.settings_of(service), **own}),
                stdout=file,
                stderr=file,
            )
        return Running(service, release, process, port, log)

    async def _is_ready(self, started: Running) -> bool:
        """Wait until the process is ready, or has ended by itself."""
        async with httpx.AsyncClient() as client:

            async def known() -> bool:
                if started.process.returncode is not None:
                    return True
                try:
                    return (await client.get(f"http://127.0.0.1:{started.port}/health/ready")).status_code == 200
                except httpx.TransportError:
                    return False

            try:
                await eventually(known, seconds=self.patience.ready, what=f"a ready {started}")
            except AssertionError as error:
                raise AssertionError(f"{error}\n{started.last_words()}") from None
        return started.process.returncode is None

    async def replace(self, service: str, release: Release, *, meanwhile: Callable[[], Awaitable[None]]) -> None:
        """Start a process of the release, where it has the service; ``meanwhile`` both serve; then stop the others."""
        before = list(self.running[service])
        if service in release.services:
            await self.start(service, release)
            await meanwhile()
        for each in before:
            await self.stop(each)

    def died(self) -> list[str]:
        """Return what ended by itself, with its last words."""
        some = itertools.chain.from_iterable(self.running.values())
        return [f"{each} ended by itself:\n{each.last_words()}" for each in some if each.process.returncode is not None]

    async def stop(self, running: Running) -> None:
        """Stop a process as a deployment does: it ends what it has in hand."""
        self.running[running.service].remove(running)
        began, seconds = time.monotonic(), self.patience.stop
        if running.process.returncode is None:
            running.process.terminate()
        try:
            code = await asyncio.wait_for(running.process.wait(), seconds)
        except TimeoutError:
            running.process.kill()
            await running.process.wait()
            raise AssertionError(f"{running} did not stop within {seconds} s:\n{running.last_words()}") from None
        self._took("stop", began)
        assert code in _ASKED_TO, f"{running} ended with {code}:\n{running.last_words()}"

    async def end(self) -> None:
        """End whatever still runs, whatever happened."""
        some = [*itertools.chain.from_iterable(self.running.values()), *self._starting]
        left = [each for each in some if each.process.returncode is None]
        for each in left:
            each.process.terminate()
        for each in left:
            try:
                await asyncio.wait_for(each.process.wait(), self.patience.stop)
            except TimeoutError:
                each.process.kill()
                await each.process.wait()
        self.running.clear()

    def client(self, service: str) -> httpx.AsyncClient:
        """Return a client whose every call goes to one of the processes of a service that run then."""
        return httpx.AsyncClient(
            base_url=f"http://{service}", timeout=60, transport=_Balancer(self, httpx.AsyncHTTPTransport(), service)
        )


@asynccontextmanager
async def fleet(settings_of: Callable[[str], Mapping[str, str]], folder: Path, *, seed: int) -> AsyncIterator[Fleet]:
    """Return an empty fleet, and end all of it."""
    patience = await asyncio.to_thread(Patience.as_shipped)
    made = Fleet(settings_of, patience, folder, random.Random(seed))
    try:
        yield made
    finally:
        await made.end()


class _Balancer(httpx.AsyncBaseTransport):
    """Sends a call to any of a service's processes, as whoever stands before them does."""

    def __init__(self, fleet: Fleet, inner: httpx.AsyncHTTPTransport, service: str) -> None:
        self._fleet, self._inner, self._service = fleet, inner, service

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        some = self._fleet.running[self._service]
        if not some:
            raise httpx.ConnectError(f"no process of {self._service} runs", request=request)
        chosen = self._fleet.chance.choice(some)
        request.url = request.url.copy_with(host="127.0.0.1", port=chosen.port)
        response = await self._inner.handle_async_request(request)
        self._fleet.answered[chosen.release.name] += 1
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()
