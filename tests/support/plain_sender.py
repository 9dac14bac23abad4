"""A client that sends all of its request before it reads a byte of the answer, as browsers and most libraries do."""

import asyncio
import http.client
from urllib.parse import urlsplit

PIECE = b"," * 100_000


async def post(url: str, path: str, *, pieces: int, headers: dict[str, str]) -> tuple[int, bytes]:
    """Post ``pieces`` times ``PIECE``; return status and body of the answer. Raises OSError when it is cut off."""
    return await asyncio.to_thread(_post, url, path, pieces, headers)


def _post(url: str, path: str, pieces: int, headers: dict[str, str]) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.putrequest("POST", path)
        for name, value in (headers | {"Content-Length": str(pieces * len(PIECE))}).items():
            connection.putheader(name, value)
        connection.endheaders()
        for _ in range(pieces):
            connection.send(PIECE)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()
