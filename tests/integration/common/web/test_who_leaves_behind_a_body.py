"""What was sent whole is read whole, though its sender left: real sockets, both kinds of event loop."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
import uvicorn
import uvloop

from libs.common.web.connections import BoundedHttp
from tests.support.ports import free_port

BODY = b"".join(at.to_bytes(4) for at in range(20_000))
CHUNKS = b"".join(b"1\r\n%c\r\n" % byte for byte in BODY) + b"0\r\n\r\n"
"""Far more than is read in a turn of the loop, and more than it takes at once."""


class _Taker:
    """Notes the body, or that its sender was gone before the end of it."""

    def __init__(self) -> None:
        self.took: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()

    async def __call__(self, scope: Any, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        body = b""
        message: dict[str, Any] = {"more_body": True}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
        self.took.set_result(body if message["type"] == "http.request" else None)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


async def _taken(sent: bytes) -> bytes | None:
    app, port = _Taker(), free_port()
    server = uvicorn.Server(
        uvicorn.Config(app, http=BoundedHttp, port=port, lifespan="off", log_config=None, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 uvicorn sets no event
                await asyncio.sleep(0.01)
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)
        writer.close()
        return await asyncio.wait_for(app.took, 10)
    finally:
        server.should_exit = True
        await serving


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_body_that_is_much_to_read_is_taken_whole_though_its_sender_left(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_taken(CHUNKS)) == BODY


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_who_leaves_amid_such_a_body_is_gone(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(_taken(CHUNKS[:-10])) is None
