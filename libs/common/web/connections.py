"""HTTP connections of bounded cost: a client that says little, slowly or endlessly holds nothing for long.

uvicorn gives a request's head neither a size nor a time: one header without end would fill the memory, before
anybody asked for a token. The body's bounds are its reader's.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES = 64 * 1024
"""Request line and headers; also what chunked encoding allows beside the data, between two bytes of a body."""
HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of its headers."""
LINGER_SECONDS = 10.0
"""How long the rest of a body is read over that was answered early: whoever is cut off at once misses the answer."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 6585
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with an end to everything that precedes the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._bytes_without_body = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._bytes_without_body += len(data)
        super().data_received(data)
        if self._bytes_without_body > HEAD_BYTES and not self.transport.is_closing():
            self.transport.write(_TOO_LARGE)
            self.transport.close()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._deadline is None:
            self._close_in(HEAD_SECONDS)

    def on_headers_complete(self) -> None:
        self._forget_deadline()
        self._bytes_without_body = 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._bytes_without_body = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._forget_deadline()
        self._bytes_without_body = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.cycle.response_complete and self.cycle.more_body:
            self._close_in(LINGER_SECONDS)

    def _close_in(self, seconds: float) -> None:
        self._forget_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
