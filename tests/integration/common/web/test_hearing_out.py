"""When an answer that needs no body goes out: a real server, real sockets, short times."""

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from libs.common.web import connections, hearing_out
from libs.common.web.connections import BoundedHttp
from libs.common.web.hearing_out import HearingOut
from tests.support.ports import free_port

HEAR, PAUSE = 1.0, 0.3
HEAD = b"POST /refused HTTP/1.1\r\nHost: x\r\n"
REFUSAL = b"HTTP/1.1 401"

Connection = tuple[StreamReader, StreamWriter]


async def _refused(request: Request) -> Response:
    return PlainTextResponse("no", status_code=401)


@pytest_asyncio.fixture
async def connection(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connection]:
    monkeypatch.setattr(hearing_out, "HEAR_SECONDS", HEAR)
    monkeypatch.setattr(hearing_out, "PAUSE_SECONDS", PAUSE)
    app = HearingOut(Starlette(routes=[Route("/refused", _refused, methods=["GET", "POST"])]))
    port = free_port()
    config = uvicorn.Config(app, port=port, http=BoundedHttp, log_config=None, timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 uvicorn sets no event
            await asyncio.sleep(0.01)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    yield reader, writer
    writer.close()
    server.should_exit = True
    await serving


async def answer(reader: StreamReader) -> bytes:
    return await asyncio.wait_for(reader.readuntil(b"no"), 10)


async def test_who_sends_is_answered_at_the_end_and_may_go_on(connection: Connection) -> None:
    reader, writer = connection
    for _ in range(2):
        writer.write(HEAD + b"Content-Length: 500000\r\n\r\n")
        answered = asyncio.create_task(answer(reader))
        for _ in range(5):
            await asyncio.sleep(PAUSE / 3)
            assert not answered.done()
            writer.write(b"a" * 100_000)
        assert (await answered).startswith(REFUSAL)


async def test_who_pauses_is_answered(connection: Connection) -> None:
    reader, writer = connection
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
    began = time.monotonic()
    assert (await answer(reader)).startswith(REFUSAL)
    assert PAUSE / 2 < time.monotonic() - began < HEAR


async def test_who_never_ends_is_answered_meanwhile(connection: Connection) -> None:
    reader, writer = connection
    writer.write(HEAD + b"Content-Length: 100000000\r\n\r\n")
    began = time.monotonic()
    answered = asyncio.create_task(answer(reader))
    while not answered.done():
        writer.write(b"a")
        await asyncio.sleep(PAUSE / 10)
        assert time.monotonic() - began < HEAR + 5
    assert (await answered).startswith(REFUSAL)
    assert time.monotonic() - began > HEAR / 2


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"Expect: 100-continue\r\nContent-Length: 500000\r\n\r\n",
        HEAD + b"Content-Length: 0\r\n\r\n",
        b"GET /refused HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=["who asks first", "an empty body", "none"],
)
async def test_who_sends_nothing_is_answered_at_once(
    connection: Connection, head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hearing_out, "PAUSE_SECONDS", 60)
    monkeypatch.setattr(hearing_out, "HEAR_SECONDS", 60)
    reader, writer = connection
    writer.write(head)
    assert (await answer(reader)).startswith(REFUSAL)


CRUMBS = b"1\r\na\r\n" * 40_000
LINES = b"14\r\n" + b"a" * 20 + b"\r\n"


async def test_who_sends_crumbs_is_answered_at_once_and_hung_up_on(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Chunks of a byte, as fast as they are taken: whoever needs no body does not read it for ten seconds."""
    monkeypatch.setattr(hearing_out, "PAUSE_SECONDS", 60)
    monkeypatch.setattr(hearing_out, "HEAR_SECONDS", 60)
    monkeypatch.setattr(connections, "LINGER_SECONDS", 60)
    monkeypatch.setattr(connections, "DEAF_SECONDS", 0.3)
    reader, writer = connection
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    answered = asyncio.create_task(answer(reader))
    with suppress(ConnectionError):
        async with asyncio.timeout(10):
            while True:
                writer.write(CRUMBS)
                await writer.drain()
    assert (await answered).startswith(REFUSAL)


async def test_who_sends_a_line_in_each_chunk_is_heard_out_and_may_go_on(connection: Connection) -> None:
    """However many of them come at once."""
    reader, writer = connection
    for _ in range(2):
        writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        answered = asyncio.create_task(answer(reader))
        for _ in range(5):
            await asyncio.sleep(PAUSE / 3)
            assert not answered.done()
            writer.write(LINES * 5_000)
        writer.write(b"0\r\n\r\n")
        assert (await answered).startswith(REFUSAL)
