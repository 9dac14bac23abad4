"""HTTP connections of bounded cost: a client that says little, slowly or endlessly holds nothing for long.

Nor does one that asks for much at once: its requests wait for each other in the kernel, not in our memory.

And of one protocol: an offer to change to another is passed over, and the request is read to its end.

uvicorn bounds neither the size of a request's head nor the time that it may take: one header without end would fill the
memory, before anybody is asked for a token. How large a body may be, and how slow, is up to whoever reads it.
"""

import asyncio
import select
import socket
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

import httptools
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

HEAD_BYTES = 64 * 1024
"""Bytes of the request line and headers at most. Also of what stands between two pieces of a body's data: the chunked
encoding allows any number of bytes there."""
PIECE_BYTES = 1024
"""Bytes that are read at once of what came at once, which may be 256 KB: 14,000 requests, each far larger in memory.
Once one waits for the answer to another, the rest is not looked at; so as many wait as stand in a piece, some fifty.
What is known to be a body is read as it came: an upload of a megabyte in pieces would cost a thousand calls."""
HEAD_SECONDS = 10.0
"""From the connection, or the first byte of a further request, to the end of its headers."""
LINGER_SECONDS = 10.0
"""A request may be answered before all of its body came. So long its connection stays open, and the rest of the body is
read and thrown away: a client that is cut off while it sends would not read the answer."""
STALLED_SECONDS = 30.0
"""How long a client may take nothing of an answer that waits for it. Then the connection ends, and with it whatever
makes the answer: a stream, or a report and the file that it is read from."""
LOOK_SECONDS = 0.5
"""How often somebody is looked for who sent one more request before the answer to the last one. The connection is not
read until that has ended, which may be in an hour; so a client that hangs up would not be noticed."""

_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"  # RFC 6585
)


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP/1.1 protocol with an end to everything that precedes the application.

    A client may offer another protocol (``Upgrade: h2c``), as Java's does with every request, and the server may go on
    as if it had not (RFC 9110, section 7.8). The parser cannot: it takes what follows the head for the other protocol,
    so that the request would have no body, and the body would be read as the next request, written by whoever made the
    file. So the head is read again without its offer, by a new parser, and the body after it.

    What is read, and the requests that begin by it, belong to the context of the connection (``contextvars``), which
    holds what is bound for the whole process. It is the task of one request that says it is answered, and asks for more
    to be read: in its context the next request would bear its company in the log, and its span in traces.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._own_context = copy_context()
        self.flow = _ReadInTurn(transport, self._somebody_waits)
        self._unread = memoryview(b"")
        self._body_left = 0
        self._bytes_without_body = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._head_with_offer: bytes | None = None
        self._is_in_head = False
        self._at_work: RequestResponseCycle | None = None
        self._look: asyncio.TimerHandle | None = None
        raw = transport.get_extra_info("socket")
        if raw is not None and raw.family in (socket.AF_INET, socket.AF_INET6):
            # What fits into the kernel's buffers never pauses us; there, too, it waits for an absent reader no longer.
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALLED_SECONDS * 1_000))
        self._close_in(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget_deadline()
        self._forget_stall()
        self._forget_look()
        # uvicorn tells the newest request alone, which may wait behind the one at work: that would go on, and write to
        # a connection that is no more.
        if self._at_work is not None and not self._at_work.response_complete:
            self._at_work.disconnected = True
            self._at_work.message_event.set()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        super().pause_writing()
        # Not closed: that would wait for the reader to take what there is.
        self._stalled = self.loop.call_later(STALLED_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        self._forget_stall()
        super().resume_writing()

    def data_received(self, data: bytes) -> None:
        self._own_context.run(self._receive, data)

    def _receive(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        # Where some is left, we do not read; but what the loop had in hand when we stopped may still come.
        self._unread = memoryview(bytes(self._unread) + data) if self._unread else memoryview(data)
        self._read_on()

    def _read_on(self) -> None:
        """Read what came, up to the first request that waits for the answer to another."""
        if self._is_in_head and self._deadline is None:
            self._close_in(HEAD_SECONDS)
        while self._unread and not self.pipeline and not self.transport.is_closing():
            size = max(PIECE_BYTES, self._body_left)
            piece, self._unread = bytes(self._unread[:size]), self._unread[size:]
            self._bytes_without_body += len(piece)
            try:
                self._feed(piece)
            except httptools.HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")
                return
            if self._bytes_without_body > HEAD_BYTES and not self.transport.is_closing():
                self.transport.write(_TOO_LARGE)
                self.transport.close()
        if self.pipeline:
            # What follows, the rest of a head perhaps, is not late: we do not read it.
            self._forget_deadline()
            self.flow.pause_reading()

    def _somebody_waits(self) -> bool:
        return bool(self.pipeline)

    def _feed(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as offer:
                head, self._head_with_offer = self._head_with_offer, None
                if head is None:
                    raise httptools.HttpParserError("CONNECT") from None
                self.parser = httptools.HttpRequestParser(self)
                self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn's first one
                self.parser.feed_data(head)
                data = data[offer.args[0] :]
            else:
                return

    def _should_upgrade(self) -> bool:
        return False

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head = True
        if self._deadline is None:
            self._close_in(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        # What stands behind a chunked body is no header (RFC 9110, section 6.5.1): gateways do not look at it as they
        # look at headers, and uvicorn would put it among them, a token or an id that they take off, too.
        if self._is_in_head:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self.parser.should_upgrade():
            method = self.parser.get_method()
            if method != b"CONNECT":  # what it asks for has no other form
                self._head_with_offer = self._head_without_offer(method)
            return
        self._forget_deadline()
        self._bytes_without_body = 0
        # The parser has refused every other length; a chunked body has none.
        self._body_left = next((int(value) for name, value in self.headers if name == b"content-length"), 0)
        super().on_headers_complete()
        if self.pipeline and self._look is None:
            self._look_later()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._bytes_without_body = 0
        self._body_left -= len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._forget_deadline()
        self._bytes_without_body = 0
        super().on_message_complete()

    def on_response_complete(self) -> None:
        self._own_context.run(self._go_on)

    def _go_on(self) -> None:
        super().on_response_complete()
        if not self.pipeline and not self.transport.is_closing():
            self._read_on()
            self.flow.resume_reading()
        if self.cycle.response_complete and self.cycle.more_body:
            self._close_in(LINGER_SECONDS)

    def _head_without_offer(self, method: bytes) -> bytes:
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (method, self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join(lines) + b"\r\n\r\n"

    def _look_later(self) -> None:
        self._look = self.loop.call_later(LOOK_SECONDS, self._look_for_client)

    def _look_for_client(self) -> None:
        self._look = None
        if not self.pipeline:
            return
        if _has_hung_up(self.transport):
            self.transport.abort()
        else:
            self._look_later()

    def _close_in(self, seconds: float) -> None:
        self._forget_deadline()
        self._deadline = self.loop.call_later(seconds, self.transport.close)

    def _forget_stall(self) -> None:
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    def _forget_look(self) -> None:
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _forget_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class _ReadInTurn(FlowControl):
    """Reads nothing from who has requests waiting for the answer to another.

    uvicorn stops reading as well, and goes on after each answer, and whenever the application looks for a body: with
    one more read of requests each time.
    """

    def __init__(self, transport: asyncio.Transport, somebody_waits: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._somebody_waits = somebody_waits

    def resume_reading(self) -> None:
        if not self._somebody_waits():
            super().resume_reading()


def _has_hung_up(transport: asyncio.Transport) -> bool:
    """Tell whether the client sends no more, though what it sent before was not read.

    Whoever ends only its own half is taken for gone, as by uvicorn where the connection is read. An end behind more
    than the kernel takes for us is not seen: the next write to such a client finds it out.
    """
    raw = transport.get_extra_info("socket")
    if raw is None:
        return False
    looked = select.poll()
    looked.register(raw.fileno(), select.POLLRDHUP)
    return bool(looked.poll(0))
