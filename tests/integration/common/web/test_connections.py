"""Connections that say little, slowly or endlessly: a real server, real sockets, short times."""

import asyncio
import socket
import struct
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

import pytest
import pytest_asyncio
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from libs.common.web import connections
from libs.common.web.connections import BoundedHttp
from tests.support.ports import free_port

SECONDS = 0.3
STALLED = 2.5
Connect = Callable[[], Awaitable[tuple[StreamReader, StreamWriter]]]


async def _length(request: Request) -> Response:
    return PlainTextResponse(str(len(await request.body())))


async def _names(request: Request) -> Response:
    await request.body()
    return PlainTextResponse(" ".join(request.headers))


async def _at_once(request: Request) -> Response:
    return PlainTextResponse("no", status_code=413)


ENDED: dict[str, asyncio.Event] = {}


async def _endless(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"x" * 100_000
                await asyncio.sleep(0)
        finally:
            ENDED["event"].set()

    return StreamingResponse(pieces())


async def _slow(request: Request) -> Response:
    await asyncio.sleep(SECONDS)
    return PlainTextResponse("slow")


async def _quiet(request: Request) -> Response:
    async def pieces() -> AsyncIterator[bytes]:
        try:
            yield b"listen"
            await asyncio.Event().wait()
        finally:
            ENDED["event"].set()

    return StreamingResponse(pieces())


async def _looking(request: Request) -> Response:
    while not await request.is_disconnected():  # noqa: ASYNC110 nothing else tells
        await asyncio.sleep(0.01)
    ENDED["event"].set()
    return PlainTextResponse("gone")


@pytest_asyncio.fixture
async def connect(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Connect]:
    """Connect to a server whose times are short."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", SECONDS)
    monkeypatch.setattr(connections, "LINGER_SECONDS", SECONDS)
    monkeypatch.setattr(connections, "STALLED_SECONDS", SECONDS)
    monkeypatch.setitem(ENDED, "event", asyncio.Event())
    routes = [
        Route("/length", _length, methods=["POST"]),
        Route("/at-once", _at_once, methods=["POST"]),
        Route("/names", _names, methods=["POST"]),
        Route("/endless", _endless),
        Route("/quiet", _quiet),
        Route("/looking", _looking),
        Route("/slow", _slow, methods=["POST"]),
    ]
    port = free_port()
    config = uvicorn.Config(
        Starlette(routes=routes),
        port=port,
        http=BoundedHttp,
        log_config=None,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:  # noqa: ASYNC110 uvicorn sets no event
            await asyncio.sleep(0.01)

    async def open_connection() -> tuple[StreamReader, StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", port)

    yield open_connection
    server.should_exit = True
    await serving


async def seconds_until_closed(reader: StreamReader, writer: StreamWriter, drip: bytes) -> float:
    """Say a little more every 50 ms; return the seconds until the server hung up."""
    began = time.monotonic()
    with pytest.raises((BrokenPipeError, ConnectionResetError, EOFError)):
        async with asyncio.timeout(10):
            while True:
                writer.write(drip)
                await writer.drain()
                await asyncio.sleep(0.05)
                if reader.at_eof():
                    raise EOFError
    writer.close()
    return time.monotonic() - began


@pytest.mark.parametrize(
    ("begin", "drip"),
    [
        (b"", b""),
        (b"POST /length HTT", b""),
        (b"POST /length HTTP/1.1\r\nHost: x\r\n", b"X-A: b\r\n"),
        (b"POST /length HTTP/1.1\r\nHost: x\r\nX-A: ", b"b"),
    ],
    ids=["silence", "half a line", "a header at a time", "a character at a time"],
)
async def test_a_head_that_does_not_end_is_hung_up_on(connect: Connect, begin: bytes, drip: bytes) -> None:
    reader, writer = await connect()
    writer.write(begin)
    assert SECONDS / 2 < await seconds_until_closed(reader, writer, drip) < SECONDS + 3


async def test_a_further_request_has_its_own_time(connect: Connect) -> None:
    reader, writer = await connect()
    for _ in range(5):  # longer together than one may take, each by far shorter: a busy machine sleeps on
        await asyncio.sleep(SECONDS * 0.3)
        writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc")
        assert (await reader.readuntil(b"\r\n\r\n3")).startswith(b"HTTP/1.1 200")
    writer.write(b"POST /length HTTP/1.1\r\n")
    assert await seconds_until_closed(reader, writer, b"X-A: b\r\n") < SECONDS + 3


async def test_a_body_may_take_longer_than_a_head(connect: Connect) -> None:
    """Its reader has the time limit of uploads."""
    reader, writer = await connect()
    writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 20\r\n\r\n")
    for _ in range(20):
        writer.write(b"a")
        await asyncio.sleep(SECONDS / 10)
    assert (await reader.readuntil(b"\r\n\r\n20")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_the_rest_of_a_body_that_was_answered_is_not_read_for_ever(connect: Connect) -> None:
    reader, writer = await connect()
    writer.write(b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n")
    assert (await reader.readuntil(b"no")).startswith(b"HTTP/1.1 413")
    assert await seconds_until_closed(reader, writer, b"a") < SECONDS + 3


ENDLESS = {
    "a header": (b"POST /length HTTP/1.1\r\nX-A: ", b"a" * 10_000),
    "headers": (b"POST /length HTTP/1.1\r\n", b"X-A: b\r\n" * 1_000),
    "an address": (b"POST /", b"a" * 10_000),
    "a method": (b"", b"P" * 10_000),
    "blank lines": (b"", b"\r\n" * 5_000),
    "a chunk's extension": (
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3;",
        b"a" * 10_000,
    ),
    "a trailer": (
        b"POST /length HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-A: ",
        b"a" * 10_000,
    ),
}


@pytest.mark.parametrize("what", ENDLESS)
async def test_what_has_no_end_is_refused_soon(connect: Connect, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    begin, more = ENDLESS[what]
    reader, writer = await connect()
    writer.write(begin)
    sent = 0
    answer = asyncio.create_task(reader.read(100))
    async with asyncio.timeout(10):
        while not answer.done() and sent < 10_000_000:
            writer.write(more)
            sent += len(more)
            try:
                await writer.drain()
            except ConnectionError:
                break
            await asyncio.sleep(0.001)
    assert sent < 1_000_000
    with suppress(ConnectionResetError):  # what was sent after the answer made the kernel drop it
        assert (await answer)[:12] in {b"HTTP/1.1 431", b"HTTP/1.1 400"}
    writer.close()


async def test_a_large_head_within_the_limit_is_read(connect: Connect) -> None:
    reader, writer = await connect()
    large = b"X-A: " + b"a" * (connections.HEAD_BYTES - 500) + b"\r\n"
    writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\n" + large + b"Content-Length: 1\r\n\r\na")
    assert (await reader.readuntil(b"\r\n\r\n1")).startswith(b"HTTP/1.1 200")
    writer.close()


@pytest.mark.parametrize(("more", "ends"), [(0, True), (1, True), (200, True), (200, False)])
async def test_a_head_has_a_hundred_headers_at_most(connect: Connect, more: int, ends: bool) -> None:
    """In memory thousands of a letter each are twenty times as large as they came."""
    reader, writer = await connect()
    headers = b"a:b\r\n" * (connections.MOST_HEADERS - 2 + more)
    writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n" + headers)
    if ends:
        writer.write(b"\r\na")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 431" if more else b"HTTP/1.1 200")
    writer.close()


async def test_what_stands_behind_a_chunked_body_is_no_header_however_much_it_is(connect: Connect) -> None:
    reader, writer = await connect()
    head = b"POST /names HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    writer.write(head + b"a:b\r\n" * 90 + b"\r\n1\r\nx\r\n0\r\n" + b"c:d\r\n" * 300 + b"\r\n")
    async with asyncio.timeout(10):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
    writer.close()


SMUGGLED = b"POST /at-once HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
"""A body that reads as a request of its own."""

OFFERS = {
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAoAAA\r\n",
    "h2c, in other letters": b"upgrade: H2C\r\nconnection: UPGRADE\r\n",
    "websocket": b"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    "several": b"Connection: upgrade\r\nUpgrade: h2c, websocket\r\nUpgrade: TLS/1.2\r\n",
}
LENGTHS = {
    "of a length": (b"Content-Length: %d\r\n" % len(SMUGGLED), SMUGGLED),
    "in chunks": (b"Transfer-Encoding: chunked\r\n", b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)),
}


@pytest.mark.parametrize("offer", OFFERS)
@pytest.mark.parametrize("length", LENGTHS)
@pytest.mark.parametrize("cut", ["one packet", "the body later", "a byte a time", "two requests at once"])
async def test_an_offer_of_another_protocol_is_passed_over_and_the_body_read(
    connect: Connect, offer: str, length: str, cut: str
) -> None:
    header, body = LENGTHS[length]
    head = b"POST /length HTTP/1.1\r\nHost: x\r\n" + OFFERS[offer] + header + b"\r\n"
    reader, writer = await connect()
    answered = b"\r\n\r\n%d" % len(SMUGGLED)
    times = 2
    if cut == "two requests at once":
        writer.write((head + body) * times)
    for _ in range(times):
        if cut == "one packet":
            writer.write(head + body)
        elif cut == "the body later":
            writer.write(head)
            await asyncio.sleep(0.05)
            writer.write(body)
        elif cut == "a byte a time":
            for byte in head + body:
                writer.write(bytes([byte]))
                await asyncio.sleep(0)
        assert (await asyncio.wait_for(reader.readuntil(answered), 5)).startswith(b"HTTP/1.1 200")
    writer.write(b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc")
    assert (await asyncio.wait_for(reader.read(), 5)).count(b"HTTP/1.1") == 1
    writer.close()


@pytest.mark.parametrize("offer", [b"", OFFERS["h2c"]])
async def test_what_stands_behind_a_body_is_no_header(connect: Connect, offer: bytes) -> None:
    """A gateway that takes headers off, or checks them, does not see a token or an id there."""
    reader, writer = await connect()
    head = b"POST /names HTTP/1.1\r\nHost: x\r\n" + offer + b"Transfer-Encoding: chunked\r\n\r\n"
    for _ in range(2):
        writer.write(head + b"1\r\na\r\n0\r\nAuthorization: Bearer x\r\nX-Request-Id: y\r\n\r\n")
        answer = (await asyncio.wait_for(reader.readuntil(b"\r\n\r\nhost"), 5)).lower()
        answer += await asyncio.wait_for(reader.readuntil(b"transfer-encoding"), 5)
        assert (answer.startswith(b"http/1.1 200"), b"authorization" in answer, b"request-id" in answer) == (
            True,
            False,
            False,
        )
    writer.write(
        head + b"0\r\nX-Last: 1\r\n\r\nPOST /length HTTP/1.1\r\nHost: x\r\nX-A: 1\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n0"), 5)
    assert b"x-last" not in answer
    writer.close()


@pytest.mark.parametrize("method", [b"CONNECT x:80", b"CONNECT /length"])
async def test_a_tunnel_is_refused(connect: Connect, method: bytes) -> None:
    reader, writer = await connect()
    writer.write(method + b" HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + SMUGGLED)
    answer = await asyncio.wait_for(reader.read(), 5)
    assert answer.startswith(b"HTTP/1.1 400")
    assert answer.count(b"HTTP/1.1") == 1
    writer.close()


async def test_a_client_that_takes_nothing_of_an_answer_is_hung_up_on(connect: Connect) -> None:
    """What makes the answer ends with it."""
    _, writer = await connect()
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    await asyncio.wait_for(ENDED["event"].wait(), SECONDS + 10)
    writer.close()


async def test_a_client_that_takes_an_answer_slowly_gets_all_of_it(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    # On a busy machine this process itself may take nothing for a while.
    monkeypatch.setattr(connections, "STALLED_SECONDS", STALLED)
    _, first = await connect()
    # With its usual buffer the kernel asks for more only after seconds of such reading.
    slow = socket.socket()
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 15)
    slow.setblocking(False)
    await asyncio.get_running_loop().sock_connect(slow, first.get_extra_info("peername"))
    first.close()
    reader, writer = await asyncio.open_connection(sock=slow)
    writer.write(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
    began = time.monotonic()
    while time.monotonic() - began < 2 * STALLED:
        await reader.readexactly(100_000)
        await asyncio.sleep(0.01)
    assert not ENDED["event"].is_set()
    writer.close()
    await asyncio.wait_for(ENDED["event"].wait(), 10)


QUIET = b"GET /quiet HTTP/1.1\r\nHost: x\r\n\r\n"
BEHIND = {
    "a request": b"POST /names HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "many": b"POST /names HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" * 2_000,
    "half a body": b"POST /length HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + b"a" * 20_000,
    "half a head behind one": b"POST /names HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\nPOST /na",
}


@pytest.mark.parametrize("end", ["close", "reset"])
@pytest.mark.parametrize("when", ["at once", "later"])
@pytest.mark.parametrize("behind", BEHIND)
async def test_who_hangs_up_with_a_request_behind_the_one_at_work_is_noticed(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, behind: str, when: str, end: str
) -> None:
    """What makes the answer ends within a second, though the connection is not read meanwhile."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    reader, writer = await connect()
    writer.write(QUIET + (BEHIND[behind] if when == "at once" else b""))
    await asyncio.wait_for(reader.readuntil(b"listen"), 10)
    if when == "later":
        writer.write(BEHIND[behind])
    if end == "reset":
        raw = writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()  # not closed: that would wait until all is sent
    await asyncio.wait_for(ENDED["event"].wait(), 2 * connections.LOOK_SECONDS + 1)


async def test_who_stays_is_answered_in_turn(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the first answer takes."""
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.01)
    reader, writer = await connect()
    writer.write(b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n" + BEHIND["a request"])
    assert b"slow" in await asyncio.wait_for(reader.readuntil(b"slow"), 10)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\nhost"), 10)
    writer.close()
