"""What a header says is what stands between the blanks around it: a real server, real sockets."""

import asyncio

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from libs.common.web.connections import BoundedHttp
from tests.support.ports import free_port


async def _said(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"<{request.headers['idempotency-key']}>")


@pytest.mark.parametrize("written", [b"K 1", b" K 1", b"\tK 1 \t", b"K 1" + b" " * 300])
async def test_blanks_around_a_value_are_no_part_of_it(written: bytes) -> None:
    """RFC 9110, section 5.5. With them, the same key sent by a gateway, which takes them off, was another one."""
    app, port = Starlette(routes=[Route("/", _said)]), free_port()
    server = uvicorn.Server(uvicorn.Config(app, http=BoundedHttp, port=port, lifespan="off", log_config=None))
    serving = asyncio.create_task(server.serve())
    try:
        async with asyncio.timeout(10):
            while not server.started:  # noqa: ASYNC110 uvicorn sets no event
                await asyncio.sleep(0.01)
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nIdempotency-Key:" + written + b"\r\n\r\n")
            answer = await reader.read()
            writer.close()
    finally:
        server.should_exit = True
        await serving
    assert answer.endswith(b"<K 1>")
