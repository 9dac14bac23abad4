"""Many who ask for the same again and again, in a process of their own: what they read costs no test its time."""

import asyncio
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.support.stack import ROOT


@asynccontextmanager
async def flood(port: int, path: str, headers: dict[str, str], *, readers: int) -> AsyncIterator[None]:
    """Have so many read ``path`` during the block; the block begins when the first answer has come."""
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.support.flood", str(port), path, head, str(readers)), cwd=ROOT, stdout=PIPE
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while b" 200 " not in await process.stdout.readline():
                assert not process.stdout.at_eof()
        yield
        assert process.returncode is None
    finally:
        process.kill()
        await process.wait()


async def _read(port: int, request: bytes) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request)
        sys.stdout.write((await reader.readline()).decode().strip() + "\n")
        sys.stdout.flush()
        while await reader.read(1 << 16):
            pass
        writer.close()


async def _all(port: int, path: str, head: str, readers: int) -> None:
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{head}\r\n".encode()
    await asyncio.gather(*(_read(port, request) for _ in range(readers)))


if __name__ == "__main__":
    asyncio.run(_all(int(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])))
