"""Connections that ask for much at once: what waits for its turn waits with its sender."""

import asyncio
import socket
import struct
from contextlib import suppress

import pytest

from libs.common.web import connections
from libs.common.web.connections import BoundedHttp
from tests.integration.common.web.test_connections import BEHIND, ENDED, OFFERS, Connect, connect

__all__ = ["connect"]  # the fixture


class Watched:
    """What the server took of its clients: bytes, and requests that waited behind another at one time."""

    def __init__(self) -> None:
        self.taken = 0
        self.most_waiting = 0


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Watched:
    seen = Watched()
    on_head, on_data = BoundedHttp.on_headers_complete, BoundedHttp.data_received

    def headers_complete(self: BoundedHttp) -> None:
        on_head(self)
        seen.most_waiting = max(seen.most_waiting, len(self.pipeline))

    def data_received(self: BoundedHttp, data: bytes) -> None:
        seen.taken += len(data)
        on_data(self, data)

    monkeypatch.setattr(BoundedHttp, "on_headers_complete", headers_complete)
    monkeypatch.setattr(BoundedHttp, "data_received", data_received)
    return seen


SHORT = b"GET / HTTP/1.1\r\n\r\n"
FEW = 100
"""Requests that may wait behind another; a piece of what was sent holds no more."""
OF_A_READ = 256 * 1024
"""Bytes that the event loop reads at a time."""


async def test_many_requests_at_once_are_answered_and_few_wait_in_memory(connect: Connect, watched: Watched) -> None:
    """And somebody else is answered before they are."""
    many = 6_000
    reader, writer = await connect()
    answers = 0
    others_after: list[int] = []

    async def count() -> None:
        nonlocal answers
        while answers < many:
            answers += (await reader.readuntil(b"\r\n\r\nNot Found")).count(b"HTTP/1.1 404")

    async def send() -> None:
        for _ in range(many // 1_000):
            writer.write(SHORT * 1_000)
            await writer.drain()

    async def ask() -> None:
        other, asking = await connect()
        for _ in range(5):
            asking.write(SHORT)
            await other.readuntil(b"\r\n\r\nNot Found")
            others_after.append(answers)
        asking.close()

    async with asyncio.timeout(60):
        await asyncio.gather(count(), send(), ask())
    assert answers == many
    assert others_after[-1] < many / 2
    assert watched.most_waiting <= FEW
    writer.write(SHORT)
    assert (await asyncio.wait_for(reader.readuntil(b"Not Found"), 10)).startswith(b"HTTP/1.1 404")
    writer.close()


@pytest.mark.parametrize("first", ["quiet", "looking"])
async def test_what_is_sent_behind_an_answer_that_does_not_end_is_not_taken(
    connect: Connect, watched: Watched, first: str
) -> None:
    _, writer = await connect()
    writer.write(b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % first.encode())
    with suppress(TimeoutError):
        async with asyncio.timeout(2):
            while True:
                writer.write(SHORT * 10_000)
                await writer.drain()
    assert watched.most_waiting <= FEW
    assert watched.taken <= 3 * OF_A_READ
    raw = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    await asyncio.wait_for(ENDED["event"].wait(), 2 * connections.LOOK_SECONDS + 1)


SLOW = b"POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
LARGE = b"POST /length HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 9_000 + b"\r\nContent-Length: 200000\r\n\r\n"


@pytest.mark.parametrize("offer", [b"", OFFERS["h2c"]], ids=["", "an offer"])
@pytest.mark.parametrize("cut", [len(SLOW) * 4 + 20, len(SLOW) * 4 + 5_000, -100_000, -1])
async def test_a_head_that_waits_for_the_answers_before_it_has_its_own_time(
    connect: Connect, cut: int, offer: bytes
) -> None:
    """The server itself does not read on, so that who sent the half of it cannot send the rest."""
    sent = SLOW * 4 + LARGE.replace(b"Host: x\r\n", b"Host: x\r\n" + offer) + b"b" * 200_000 + BEHIND["a request"]
    reader, writer = await connect()
    writer.write(sent[:cut])
    for _ in range(3):
        await asyncio.wait_for(reader.readuntil(b"slow"), 10)
    writer.write(sent[cut:])
    await asyncio.wait_for(reader.readuntil(b"slow"), 10)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\n200000"), 10)
    assert b"200 OK" in await asyncio.wait_for(reader.readuntil(b"\r\n\r\nhost"), 10)
    writer.close()


async def test_a_body_is_read_as_it_comes_and_not_in_pieces(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    on_body = BoundedHttp.on_body

    def body(self: BoundedHttp, part: bytes) -> None:
        sizes.append(len(part))
        on_body(self, part)

    monkeypatch.setattr(BoundedHttp, "on_body", body)
    reader, writer = await connect()
    sent = b"x" * 50_000
    writer.write(b"POST / HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(sent) + sent + SHORT)
    async with asyncio.timeout(30):
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\nNot Found")
    assert sum(sizes) == len(sent)
    assert max(sizes) > 10 * connections.PIECE_BYTES
    writer.close()
