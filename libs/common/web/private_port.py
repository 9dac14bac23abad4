"""What a service tells the platform that runs it, on a port that the public does not reach."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from uvicorn.server import ServerState

from libs.common.web.connections import BoundedHttp

Stuck = Callable[[], Awaitable[str | None]]


def answer_once(stuck: Stuck, *, seconds: float, clock: Callable[[], float] = time.monotonic) -> Stuck:
    """Return ``stuck`` for any number of askers: one look at a time, whose answer serves for ``seconds``."""
    looking: asyncio.Task[str | None] | None = None
    looked_at = 0.0

    async def answer() -> str | None:
        nonlocal looking, looked_at
        if looking is None or (looking.done() and (clock() - looked_at > seconds or looking.cancelled())):
            looked_at = clock()

            async def look() -> str | None:
                return await stuck()

            looking = asyncio.create_task(look())
        # Shielded: an asker that hangs up must not cancel the look that others wait for, too.
        return await asyncio.shield(looking)

    return answer


def public_health_routes(stuck: Stuck, *, dead: Callable[[], str | None]) -> list[Route]:
    """Return what a load balancer asks on the port of the calls: whether to send any, and no word of why not."""

    async def live(request: Request) -> Response:
        fine = dead() is None
        return JSONResponse({"status": "ok" if fine else "dead"}, status_code=200 if fine else 503)

    async def ready(request: Request) -> Response:
        fine = await stuck() is None
        return JSONResponse({"status": "ok" if fine else "not ready"}, status_code=200 if fine else 503)

    return [Route("/health/live", live), Route("/health/ready", ready)]


class PrivatePort:
    """Answers ``routes`` at ``host`` and ``port`` during ``async with``, in the process' own event loop."""

    def __init__(self, routes: Sequence[BaseRoute], *, host: str, port: int) -> None:
        self._config = uvicorn.Config(
            Starlette(routes=list(routes)),
            http=BoundedHttp,
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
        )
        self._host = host
        self._port = port
        self._server: asyncio.Server | None = None
        self._state = ServerState()

    async def __aenter__(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._config.load()
        loop = asyncio.get_running_loop()

        def connection() -> BoundedHttp:
            return BoundedHttp(config=self._config, server_state=self._state, app_state={}, _loop=loop)

        self._server = await loop.create_server(connection, self._host, self._port)

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            for each in list(self._state.connections):
                each.shutdown()
            if self._state.tasks:
                await asyncio.wait(self._state.tasks, timeout=1)
