"""Bodies and heads that are much to read, without any token: others are answered as if nobody sent them."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import pytest_asyncio

from tests.support.own_api import OwnApi, own_api
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

CONNECTIONS = 16
MOST_SECONDS = 2.0
MEDIAN_SECONDS = 1.0
TIMES = 8
HEAD = (
    b"POST /import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Type: multipart/form-data; boundary=x\r\n"
)
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
SENT = {
    "chunks of a byte": (CHUNKED, b"1\r\na\r\n" * 40_000),
    "chunks of ten bytes": (CHUNKED, b"a\r\naaaaaaaaaa\r\n" * 20_000),
    "chunks of 64 KB": (CHUNKED, b"10000\r\n" + b"a" * 65_536 + b"\r\n"),
    "headers of three bytes": (b"", b"GET /imports HTTP/1.1\r\nHost: x\r\n" + b"a:b\r\n" * 10_000 + b"\r\n"),
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def api(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[OwnApi]:
    async with own_api(stack, tmp_path_factory.mktemp("api"), quota_imports="1000") as api:
        yield api


@asynccontextmanager
async def flooded(port: int, begin: bytes, more: bytes) -> AsyncIterator[list[int]]:
    """Send as much as is taken, on many connections, each begun anew when it ends; count what was sent."""
    sent = [0] * CONNECTIONS

    async def flood(at: int) -> None:
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
                continue
            try:
                writer.write(begin)
                while not reader.at_eof():
                    writer.write(more)
                    await writer.drain()
                    sent[at] += len(more)
            except ConnectionError:
                pass
            finally:
                writer.transport.abort()

    floods = [asyncio.create_task(flood(at)) for at in range(CONNECTIONS)]
    try:
        yield sent
    finally:
        for each in floods:
            each.cancel()
        await asyncio.gather(*floods, return_exceptions=True)


@pytest.mark.parametrize("what", SENT)
async def test_another_company_is_answered_beside(api: OwnApi, user: User, what: str) -> None:
    begin, more = SENT[what]
    async with httpx.AsyncClient(base_url=api.url, timeout=60) as client:
        user = User(client, user.tenant)
        import_id = (await user.run(csv_file(lead_rows(new_phones(2)))))["id"]

        async def looked() -> float:
            began = time.monotonic()
            assert (await user.get(f"/imports/{import_id}")).status_code == 200
            return time.monotonic() - began

        async def uploaded() -> float:
            began = time.monotonic()
            assert (await user.upload(csv_file(lead_rows(new_phones(1))))).status_code == 202
            return time.monotonic() - began

        async with flooded(client.base_url.port or 80, begin, more) as sent:
            async with asyncio.timeout(30):
                while not all(sent):  # noqa: ASYNC110 what is sent sets no event
                    await asyncio.sleep(0.01)
            answers = [await looked() for _ in range(TIMES)]
            uploads = [await uploaded() for _ in range(TIMES)]
    assert max(answers + uploads) <= MOST_SECONDS
    assert statistics.median(answers) <= MEDIAN_SECONDS
