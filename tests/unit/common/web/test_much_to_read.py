"""What is much to read for its bytes: bodies in chunks of a byte, thousands of lines behind one. No server, no sockets.

How much is read in a turn of the event loop is counted by what the parser calls.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
import uvicorn
from uvicorn.server import ServerState

from libs.common.web import connections
from libs.common.web.connections import BODY_TOLD, CRUMBS, TURN_CALLS, BoundedHttp
from tests.support.turns import counted_turns

OF_A_READ = 256 * 1024
MOST_CALLS = TURN_CALLS + connections.PIECE_BYTES // 4
"""A turn ends with a piece; the shortest header has four bytes."""
HEAD = b"POST /%s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
NEXT = b"POST /next HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nnext"


def in_chunks(body: bytes, size: int, *, end: bool = True) -> bytes:
    pieces = (body[at : at + size] for at in range(0, len(body), size))
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + (b"0\r\n\r\n" if end else b"")


def bytes_that_differ(count: int) -> bytes:
    """Return a body in which a byte that is lost, or comes too early, is seen."""
    return b"".join(at.to_bytes(4) for at in range(count // 4))


class Socket(asyncio.Transport):
    """A client's end, as the event loop shows it."""

    def __init__(self) -> None:
        super().__init__()
        self.answered = b""
        self.is_read = True
        self._closing = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.answered += bytes(data)

    def pause_reading(self) -> None:
        self.is_read = False

    def resume_reading(self) -> None:
        self.is_read = True

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self._closing = True


class App:
    """Takes each body to its end, except of ``/early``, which is answered before; notes what it was given."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytearray] = {}
        self.ended: list[str] = []
        self.told: list[object] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope: Any, receive: Callable[..., Awaitable[Any]], send: Callable[..., Any]) -> None:
        name = scope["path"][1:]
        body = self.bodies[name] = bytearray()
        self.told.append(scope["extensions"][BODY_TOLD])
        message = {"more_body": name != "early"}
        while message.get("more_body"):
            message = await receive()
            body += message.get("body", b"")
            if message["type"] == "http.disconnect":
                self.ended.append(f"{name} gone")
                return
        await self.may_answer.wait()
        self.ended.append(name)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


class Calls:
    """What the parser called, by turn of the loop."""

    def __init__(self) -> None:
        self.by_turn: Counter[int] = Counter()
        self.now: Callable[[], int] = lambda: 0

    def note(self) -> None:
        self.by_turn[self.now()] += 1


@pytest_asyncio.fixture
async def calls(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Calls]:
    noted = Calls()
    on_body, on_header = BoundedHttp.on_body, BoundedHttp.on_header

    def body(self: BoundedHttp, part: bytes) -> None:
        noted.note()
        on_body(self, part)

    def header(self: BoundedHttp, name: bytes, value: bytes) -> None:
        noted.note()
        on_header(self, name, value)

    monkeypatch.setattr(BoundedHttp, "on_body", body)
    monkeypatch.setattr(BoundedHttp, "on_header", header)
    async with counted_turns() as noted.now:
        yield noted


def connected(app: App) -> tuple[BoundedHttp, Socket]:
    config = uvicorn.Config(app, lifespan="off", log_config=None)
    config.load()
    http = BoundedHttp(config, ServerState(), {}, _loop=asyncio.get_running_loop())
    client = Socket()
    http.connection_made(client)
    return http, client


def hang_up(http: BoundedHttp, client: Socket) -> None:
    client.close()
    http.connection_lost(None)


async def until(ended: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not ended():  # noqa: ASYNC110 turns of the loop are what passes
            await asyncio.sleep(0)


MUCH = {
    "chunks of a byte": HEAD % b"first" + in_chunks(b"a" * (OF_A_READ // 6), 1),
    "chunks of a line": HEAD % b"first" + in_chunks(b"a" * OF_A_READ, 20),
    "what stands behind a body": HEAD % b"first" + b"0\r\n" + b"a:b\r\n" * 12_000 + b"\r\n",
}


@pytest.mark.parametrize("what", MUCH)
async def test_a_turn_of_the_loop_reads_little_of_what_one_connection_sent_at_once(calls: Calls, what: str) -> None:
    app = App()
    http, client = connected(app)
    http.data_received(MUCH[what])
    await until(lambda: app.ended == ["first"])
    assert max(calls.by_turn.values()) <= MOST_CALLS
    hang_up(http, client)


async def test_a_turn_of_the_loop_reads_little_of_what_many_connections_sent_at_once(calls: Calls) -> None:
    apps = [App() for _ in range(16)]
    ends = [connected(app) for app in apps]
    for http, _ in ends:
        http.data_received(MUCH["chunks of a byte"])
        await asyncio.sleep(0)
    await until(lambda: all(app.ended for app in apps))
    # One of them may be heard for the first time, while another has its turn.
    assert max(calls.by_turn.values()) <= 2 * MOST_CALLS
    for http, client in ends:
        hang_up(http, client)


async def test_the_bytes_of_a_turn_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "TURN_BYTES", 10_000)
    app = App()
    http, client = connected(app)
    sent = bytes_that_differ(100_000)
    http.data_received(b"POST /first HTTP/1.1\r\nContent-Length: 100000\r\n\r\n" + sent + NEXT)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert 0 < len(app.bodies["first"]) <= 20_000
    await until(lambda: app.ended == ["first", "next"])
    assert app.bodies["first"] == sent
    hang_up(http, client)


@pytest.mark.parametrize("size", [1, 3, 20, 1_000, 64 * 1024])
@pytest.mark.parametrize("read", [700, 64 * 1024, 10 * OF_A_READ])
async def test_nothing_is_lost_and_all_in_order_with_requests_behind(size: int, read: int) -> None:
    """However much comes at once, and more of it when the connection is read again."""
    app = App()
    http, client = connected(app)
    body = bytes_that_differ(20_000 if size < 1_000 else 400_000)
    sent = HEAD % b"first" + in_chunks(body, size) + NEXT + HEAD % b"last" + in_chunks(body[::-1], size)
    for at in range(0, len(sent), read):
        await until(lambda: client.is_read)
        http.data_received(sent[at : at + read])
    await until(lambda: app.ended == ["first", "next", "last"])
    assert app.bodies == {"first": body, "next": b"next", "last": body[::-1]}
    assert client.answered.count(b"200 OK") == 3
    await until(lambda: client.is_read)
    http.data_received(NEXT)
    await until(lambda: app.ended[3:] == ["next"])
    hang_up(http, client)


async def test_a_connection_is_not_read_while_something_of_it_waits_for_its_turn() -> None:
    """Though the application asks for more of the body with each piece that it takes."""
    app = App()
    http, client = connected(app)
    sent = bytes_that_differ(20_000)
    http.data_received(HEAD % b"first" + in_chunks(sent, 1, end=False))
    taken = set()
    while len(app.bodies.get("first", b"")) < len(sent):
        taken.add(len(app.bodies.get("first", b"")))
        if len(app.bodies.get("first", b"")) < len(sent) - MOST_CALLS:
            assert not client.is_read
        await asyncio.sleep(0)
    assert len(taken) > len(sent) / MOST_CALLS
    await until(lambda: client.is_read)
    http.data_received(b"0\r\n\r\n")
    await until(lambda: app.ended == ["first"])
    assert app.bodies["first"] == sent
    hang_up(http, client)


async def test_what_still_comes_while_it_is_not_read_has_its_place_behind() -> None:
    app = App()
    http, client = connected(app)
    sent = bytes_that_differ(20_000)
    whole = HEAD % b"first" + in_chunks(sent, 1)
    http.data_received(whole[:60_001])
    http.data_received(whole[60_001:])
    await until(lambda: app.ended == ["first"])
    assert app.bodies["first"] == sent
    hang_up(http, client)


async def test_a_connection_that_is_lost_amid_its_body_is_not_read_further(calls: Calls) -> None:
    loop, failures, app = asyncio.get_running_loop(), list[object](), App()
    usual = loop.get_exception_handler()
    loop.set_exception_handler(lambda _, context: failures.append(context))
    try:
        http, client = connected(app)
        http.data_received(MUCH["chunks of a byte"])
        hang_up(http, client)
        for _ in range(20):
            await asyncio.sleep(0)
    finally:
        loop.set_exception_handler(usual)
    assert (app.ended, failures) == (["first gone"], [])
    assert sum(calls.by_turn.values()) <= MOST_CALLS


async def test_a_connection_that_the_server_ends_amid_a_body_is_not_read_further(calls: Calls) -> None:
    app = App()
    http, client = connected(app)
    http.data_received(
        b"POST /early HTTP/1.1\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        + in_chunks(b"a" * OF_A_READ, 20)
    )
    await until(lambda: app.ended == ["early"] and client.is_closing())
    read = sum(calls.by_turn.values())
    for _ in range(20):
        await asyncio.sleep(0)
    assert sum(calls.by_turn.values()) == read <= 4 * MOST_CALLS
    http.connection_lost(None)


async def test_what_is_no_http_behind_much_of_a_body_ends_the_connection() -> None:
    app = App()
    http, client = connected(app)
    http.data_received(HEAD % b"first" + in_chunks(b"a" * 5_000, 1, end=False) + b"no number\r\n")
    await until(client.is_closing)
    assert client.answered.startswith(b"HTTP/1.1 400")
    http.connection_lost(None)
    await until(lambda: app.ended == ["first gone"])


async def test_a_request_that_waits_behind_a_body_that_was_answered_is_no_idle_connection() -> None:
    """Or it would be closed while it is at work."""
    app = App()
    http, client = connected(app)
    http.data_received(HEAD % b"early" + in_chunks(b"a" * OF_A_READ, 20) + NEXT[:-1])
    await until(lambda: "next" in app.bodies)
    assert app.ended == ["early"]
    assert http.timeout_keep_alive_task is None
    http.data_received(NEXT[-1:])
    await until(lambda: app.ended == ["early", "next"])
    assert client.answered.count(b"200 OK") == 2
    hang_up(http, client)


async def test_a_body_of_crumbs_that_somebody_wants_is_read_and_told() -> None:
    app = App()
    http, client = connected(app)
    sent = bytes_that_differ(4 * CRUMBS)
    http.data_received(HEAD % b"first" + in_chunks(sent, 1))
    await until(lambda: app.ended == ["first"])
    assert app.bodies["first"] == sent
    assert app.told == [{"crumbs": True}]
    http.data_received(NEXT)
    await until(lambda: app.ended == ["first", "next"])
    assert app.told[1:] == [{"crumbs": False}]
    hang_up(http, client)


@pytest.mark.parametrize("behind", ["at once", "later"])
async def test_a_connection_whose_body_ends_behind_the_answer_is_idle_from_then_on(behind: str) -> None:
    """Or it would be open for ever."""
    app = App()
    http, client = connected(app)
    body = in_chunks(b"a" * OF_A_READ, 20)
    if behind == "at once":
        http.data_received(HEAD % b"early" + body)
    else:
        http.data_received(HEAD % b"early")
        await until(lambda: app.ended == ["early"])
        http.data_received(body)
    await until(lambda: client.is_read)
    assert app.ended == ["early"]
    assert http.timeout_keep_alive_task is not None
    http.data_received(NEXT[:-1])
    assert http.timeout_keep_alive_task is None
    http.data_received(NEXT[-1:])
    await until(lambda: http.timeout_keep_alive_task is not None)
    hang_up(http, client)


@pytest.mark.parametrize(("size", "read"), [(1, 900), (20, 10 * OF_A_READ), (9, 10 * OF_A_READ)])
async def test_small_pieces_that_come_one_after_the_other_and_lines_at_once_are_no_crumbs(size: int, read: int) -> None:
    app = App()
    http, client = connected(app)
    sent = HEAD % b"first" + in_chunks(bytes_that_differ(40 * CRUMBS), size)
    for at in range(0, len(sent), read):
        await until(lambda: client.is_read)
        http.data_received(sent[at : at + read])
    await until(lambda: app.ended == ["first"])
    assert app.told == [{"crumbs": False}]
    hang_up(http, client)


@pytest.mark.parametrize("when", ["before the answer", "behind the answer"])
async def test_who_sends_crumbs_and_was_answered_is_read_no_more_and_hung_up_on_soon(
    monkeypatch: pytest.MonkeyPatch, calls: Calls, when: str
) -> None:
    monkeypatch.setattr(connections, "DEAF_SECONDS", 0.01)
    app = App()
    app.may_answer.clear()
    http, client = connected(app)
    crumbs = in_chunks(b"a" * (OF_A_READ // 6), 1, end=False)
    http.data_received(HEAD % b"early")
    if when == "before the answer":
        http.data_received(crumbs)
        await until(lambda: app.told == [{"crumbs": True}])
    app.may_answer.set()
    await until(lambda: b"ok" in client.answered)
    if when == "behind the answer":
        http.data_received(crumbs)
    await until(client.is_closing)
    http.data_received(crumbs)
    assert not client.is_read
    assert sum(calls.by_turn.values()) <= CRUMBS + 4 * MOST_CALLS
    http.connection_lost(None)
