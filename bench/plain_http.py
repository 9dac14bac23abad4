"""The least that asks over HTTP: bytes out, bytes in. What asks must not be what is measured.

A client of a library takes about as much of a core for a call as the service that answers it, and both have two cores
together with PostgreSQL. This one takes a fifth of that.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

_LENGTH = b"content-length: "


class HttpLine:
    """One connection that is kept open."""

    def __init__(self, host: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._host = host
        self._reader = reader
        self._writer = writer

    async def get(self, path: str, parameters: Mapping[str, str], headers: Mapping[str, str]) -> bytes:
        """Return the body of an answer of 200. Raises RuntimeError for another one."""
        asked = f"{path}?{urlencode(parameters)}" if parameters else path
        return await self._call(b"200", self._head("GET", asked, headers) + b"\r\n")

    async def post(self, path: str, body: Mapping[str, Any], headers: Mapping[str, str]) -> bytes:
        """Return the body of an answer of 201. Raises RuntimeError for another one."""
        sent = json.dumps(body).encode()
        described = {"Content-Type": "application/json", "Content-Length": str(len(sent)), **headers}
        return await self._call(b"201", self._head("POST", path, described) + b"\r\n" + sent)

    def _head(self, method: str, path: str, headers: Mapping[str, str]) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            f"Host: {self._host}",
            *(f"{name}: {text}" for name, text in headers.items()),
        ]
        return "".join(f"{line}\r\n" for line in lines).encode()

    async def _call(self, expected: bytes, request: bytes) -> bytes:
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        begins = head.lower().index(_LENGTH) + len(_LENGTH)
        body = await self._reader.readexactly(int(head[begins : head.index(b"\r", begins)]))
        if head[9:12] != expected:
            raise RuntimeError(f"{head[9:12].decode()} instead of {expected.decode()}: {body.decode()[:500]}")
        return body


@asynccontextmanager
async def lines(url: str, count: int) -> AsyncIterator[list[HttpLine]]:
    """Open so many connections to a service."""
    parts = urlsplit(url)
    opened = [await asyncio.open_connection(parts.hostname, parts.port) for _ in range(count)]
    try:
        yield [HttpLine(parts.netloc, reader, writer) for reader, writer in opened]
    finally:
        for _, writer in opened:
            writer.close()
