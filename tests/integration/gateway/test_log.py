"""What the gateway says in its log of calls that fail: nothing of who is looked for, nor from where."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.own_gateway import LOG, own_gateway
from tests.support.waiting import eventually

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/csv\r\nContent-Length: 90000000\r\n\r\n"


@asynccontextmanager
async def broken_off(*, by_the_service: bool) -> AsyncIterator[str]:
    """Run what begins long answers and, where it is to, ends the connection amid them; yield its host and port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(ANSWER)
        try:
            while not by_the_service:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            pass
        writer.write(b"x" * 65536)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield f"{host}:{port}"


@pytest.mark.parametrize("by_the_service", [True, False])
async def test_an_answer_that_is_broken_off_says_nobody_s_name(tmp_path: Path, by_the_service: bool) -> None:
    called = "/api/v1/leads/export.csv"
    async with broken_off(by_the_service=by_the_service) as api, own_gateway(tmp_path, api=api, settings={}) as url:
        headers = {"Authorization": "Bearer secret", "X-Whose": "Maria"}
        async with (
            httpx.AsyncClient(base_url=url) as http,
            http.stream("GET", called, params={"q": "Maria Souza"}, headers=headers) as answer,
        ):
            async for _ in answer.aiter_raw():
                break

        async def told() -> str | None:
            text = (tmp_path / LOG).read_text()
            return text if called in text else None

        log = await eventually(told, what="a line of the gateway's log about the answer")
    assert "Maria" not in log
    assert "Souza" not in log
    requests = [line["request"] for line in map(json.loads, log.splitlines()) if "request" in line]
    assert [request["uri"] for request in requests] == [called] * len(requests)
    assert not any({"remote_ip", "remote_port", "client_ip", "headers"} & request.keys() for request in requests)


async def test_an_answer_that_cannot_be_written_says_not_to_whom(tmp_path: Path) -> None:
    """The error itself names both ends of the connection, of one that was reset amid a write."""
    called = "/api/v1/leads/export.csv"
    async with broken_off(by_the_service=False) as api, own_gateway(tmp_path, api=api, settings={}) as url:
        port = int(url.rpartition(":")[2])

        async def told() -> str | None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=("127.0.0.77", 0))
            writer.write(f"GET {called} HTTP/1.1\r\nHost: gateway\r\n\r\n".encode())
            await reader.read(65536)
            writer.transport.abort()
            log = (tmp_path / LOG).read_text()
            return log if '"error":"writing' in log else None

        log = await eventually(told, what="a line of the gateway's log about a write that failed")
    assert called in log
    assert "127.0.0.77" not in log
