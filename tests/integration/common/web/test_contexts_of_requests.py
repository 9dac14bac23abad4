"""What is bound for a request's log lines stays its own: a real server, real sockets, both kinds of event loop."""

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

import pytest
import structlog
import uvicorn
import uvloop

from libs.common.web.connections import BoundedHttp
from tests.support.ports import free_port
from tests.support.waiting import eventually

Bound = dict[str, Any]
FIRST = b"POST /first HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
SECOND = b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n"
BODIES = [0, 10, 300_000]
"""Bytes. The last one is more than uvicorn takes at once: it stops reading, and goes on when the application asks."""


class _Server:
    """Notes what is bound when a request begins, and binds whose the first one is."""

    def __init__(self) -> None:
        self.bound: dict[str, Bound] = {}

    async def what_was_bound(self, what: str) -> Bound | None:
        return self.bound.get(what)

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        self.bound[scope["path"]] = dict(structlog.contextvars.get_contextvars())
        if scope["path"] == "/first":
            structlog.contextvars.bind_contextvars(company_id=1)
        while (await receive()).get("more_body"):  # noqa: ASYNC110 the client is what is waited for
            await asyncio.sleep(0.001)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class _Warnings(logging.Handler):
    def __init__(self, bound: dict[str, Bound]) -> None:
        super().__init__()
        self._bound = bound

    def emit(self, record: logging.LogRecord) -> None:
        self._bound[record.getMessage()] = dict(structlog.contextvars.get_contextvars())


async def _bound_after(first: bytes, then: bytes, what: str, *, at_once: bool) -> Bound:
    """Return what is bound for what the second bytes bring about, sent with the first ones or behind their answer."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(service="probe")
    app, port = _Server(), free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, http=BoundedHttp, port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    warnings, logger = _Warnings(app.bound), logging.getLogger("uvicorn.error")
    logger.addHandler(warnings)
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 uvicorn sets no event
                await asyncio.sleep(0.01)
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(first + then if at_once else first)
            await asyncio.wait_for(reader.readuntil(b"ok"), 10)
            if not at_once:
                writer.write(then)
            return await eventually(partial(app.what_was_bound, what), what=what, seconds=10)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
    finally:
        logger.removeHandler(warnings)
        server.should_exit = True
        await serving


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("size", BODIES)
@pytest.mark.parametrize(
    ("then", "what", "at_once"),
    [(SECOND, "/second", True), (SECOND, "/second", False), (b"NONE\r\n\r\n", "Invalid HTTP request received.", False)],
    ids=["a request at once", "a request behind the answer", "no request behind the answer"],
)
def test_what_is_bound_for_a_request_is_not_for_the_next_one_of_its_connection(
    loop: Callable[[], asyncio.AbstractEventLoop], size: int, then: bytes, what: str, at_once: bool
) -> None:
    """Or the log would say that one company did what another one, or nobody known, has done."""
    with asyncio.Runner(loop_factory=loop) as runner:
        first = FIRST % size + b"x" * size
        assert runner.run(_bound_after(first, then, what, at_once=at_once)) == {"service": "probe"}
