"""HTTP connections of bounded cost: a client that says little, slowly or endlessly holds nothing for long.

Nor does one that asks for much at once: its requests wait for each other in the kernel, not in our memory.

Nor does one whose body is much to read: a few bytes in each piece. After a little of it others have their turn.

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
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from libs.common.web.reading_turns import turns_of

HEAD_BYTES = 64 * 1024
"""Bytes of the request line and headers at most. Also of what stands between two pieces of a body's data: the chunked
encoding allows any number of bytes there."""
MOST_HEADERS = 100
"""Of a request: browsers and gateways send some thirty. Each is three objects to us, so that a head of nothing else
would be twenty times as large in memory as it came."""
PIECE_BYTES = 1024
"""Bytes that are read at once of what came at once, which may be 256 KB: 14,000 requests, each far larger in memory.
Once one waits for the answer to another, the rest is not looked at; so as many wait as stand in a piece, some fifty.
What is known to be a body is read as it came: an upload of a megabyte in pieces would cost a thousand calls."""
TURN_CALLS = 128
"""Pieces of bodies, and headers, that are read of one connection in one turn of the event loop: well under a
millisecond. What came at once may be 43,000 pieces of a byte. What is left of it waits for its turn
(``libs.common.web.reading_turns``), and the connection is not read until all of it was."""
TURN_BYTES = 256 * 1024
"""Bytes that are read of one connection in one turn of the event loop: as many as the loop itself takes at once."""
FEW_PARTS = 4
"""Pieces of a body that are given to the application one by one: one of them may be all that came at once, and would be
copied once more. More of them are small, and given as one."""
CRUMBS = 1_000
CRUMB_BYTES = 8
"""A body is taken for one that is sent to keep us busy if so many pieces of it came at once, and have fewer bytes than
so many each on average: the chunked encoding adds five bytes to each at least. Who sends a byte now and then is not
meant: what comes at once is counted anew with each read. A body that somebody wants is read all the same, in turns."""
DEAF_SECONDS = 1.0
"""How long the connection of who sends such a body stays open behind an answer that did not need it: the answer can be
read, and nothing more is."""
BODY_TOLD = "leadflow.body"
"""The extension of the ASGI scope that tells the application of a body of crumbs, as ``{"crumbs": True}``."""
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
        self.flow = _ReadInTurn(transport, self._is_held)
        self._turns = turns_of(self.loop)
        self._awaits_turn = False
        self._unread = memoryview(b"")
        self._parts: list[bytes] = []
        self._calls_left = TURN_CALLS
        self._parts_at_once = 0
        self._part_bytes_at_once = 0
        self._body_told: dict[object, object] = {}
        self._sends_crumbs = False
        self._is_deaf = False
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
        self._unread = memoryview(b"")
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
        if self._is_deaf:
            return
        self._unset_keepalive_if_required()
        self._parts_at_once = self._part_bytes_at_once = 0
        # Where some is left, we do not read; but what the loop had in hand when we stopped may still come.
        self._unread = memoryview(bytes(self._unread) + data) if self._unread else memoryview(data)
        if not self._awaits_turn:
            self._read_on()

    def _read_on(self) -> None:
        """Read what came, as much as a turn allows, up to the first request that waits for the answer to another."""
        if self._is_in_head and self._deadline is None:
            self._close_in(HEAD_SECONDS)
        self._calls_left, bytes_left = TURN_CALLS, TURN_BYTES
        while (
            self._unread
            and self._calls_left > 0
            and bytes_left > 0
            and not self.pipeline
            and not self.transport.is_closing()
        ):
            size = min(max(PIECE_BYTES, self._body_left), bytes_left)
            piece, self._unread = bytes(self._unread[:size]), self._unread[size:]
            bytes_left -= len(piece)
            self._bytes_without_body += len(piece)
            try:
                self._feed(piece)
            except httptools.HttpParserError:
                self._refuse()
                return
            if self._bytes_without_body > HEAD_BYTES and not self.transport.is_closing():
                self._refuse_head()
        self._hand_on()
        if self._sends_crumbs and self.cycle.response_complete:
            self._turn_deaf()
        elif self.pipeline:
            # What follows, the rest of a head perhaps, is not late: we do not read it.
            self._forget_deadline()
            self.flow.pause_reading()
        elif self._unread and not self.transport.is_closing():
            self._awaits_turn = True
            self.flow.pause_reading()
            self._turns.wait(self._take_turn)

    def _refuse(self) -> None:
        """Answer what the parser does not take, or ``on_header``."""
        if self._is_in_head and len(self.headers) >= MOST_HEADERS:
            self._refuse_head()
        else:
            self.logger.warning("Invalid HTTP request received.")
            self.send_400_response("Invalid HTTP request received.")

    def _refuse_head(self) -> None:
        if self._is_in_head:  # those of a request that is at work are its own
            self.headers.clear()
        self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _take_turn(self) -> None:
        self._awaits_turn = False
        # Not where the connection ended meanwhile, or went deaf.
        if self._unread:
            self._own_context.run(self._read_and_resume)

    def _read_and_resume(self) -> None:
        if self._unread:
            self._unset_keepalive_if_required()
        self._read_on()
        # Who takes a body that is large already goes on by itself; nobody takes one that was answered.
        if self.cycle is None or self.cycle.response_complete or len(self.cycle.body) <= HIGH_WATER_LIMIT:
            self.flow.resume_reading()

    def _is_held(self) -> bool:
        return bool(self.pipeline) or self._awaits_turn or self._is_deaf

    def _turn_deaf(self) -> None:
        if self.transport.is_closing():
            return
        self._is_deaf = True
        self._unread = memoryview(b"")
        self.flow.pause_reading()
        self._close_in(DEAF_SECONDS)

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
        self._unset_keepalive_if_required()
        super().on_message_begin()
        self._is_in_head = True
        if self._deadline is None:
            self._close_in(HEAD_SECONDS)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._calls_left -= 1
        # What stands behind a chunked body is no header (RFC 9110, section 6.5.1): gateways do not look at it as they
        # look at headers, and uvicorn would put it among them, a token or an id that they take off, too.
        if self._is_in_head:
            if len(self.headers) >= MOST_HEADERS:
                raise httptools.HttpParserError("too many headers")
            # Blanks around a value are no part of it (RFC 9110, section 5.5); the parser leaves those behind it.
            super().on_header(name, value.rstrip(b" \t"))

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
        self._parts_at_once = self._part_bytes_at_once = 0
        self._body_told = {"crumbs": False}
        self.scope["extensions"] = {BODY_TOLD: self._body_told}
        super().on_headers_complete()
        if self.pipeline and self._look is None:
            self._look_later()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._at_work = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        self._parts.append(body)
        self._calls_left -= 1
        self._body_left -= len(body)
        self._bytes_without_body = 0

    def _hand_on(self) -> None:
        """Give the application what the parser found of its body: many small pieces in one."""
        if not self._parts:
            return
        parts, self._parts = self._parts, []
        self._parts_at_once += len(parts)
        self._part_bytes_at_once += sum(map(len, parts))
        if self._parts_at_once > CRUMBS and self._part_bytes_at_once < CRUMB_BYTES * self._parts_at_once:
            self._sends_crumbs = self._body_told["crumbs"] = True
        for part in parts if len(parts) <= FEW_PARTS else [b"".join(parts)]:
            super().on_body(part)

    def on_message_complete(self) -> None:
        if self.parser.should_upgrade():
            return
        self._hand_on()
        self._sends_crumbs = False
        self._forget_deadline()
        self._bytes_without_body = 0
        super().on_message_complete()
        if self.cycle.response_complete:
            # Its body was what the connection was still open for; from now on it waits for a request.
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def on_response_complete(self) -> None:
        self._own_context.run(self._go_on)

    def _go_on(self) -> None:
        super().on_response_complete()
        if self._sends_crumbs and self.cycle.response_complete:
            self._turn_deaf()
            return
        if not self.pipeline and not self._awaits_turn and not self.transport.is_closing():
            self._read_and_resume()
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
    """Reads nothing from who has requests waiting for the answer to another, or more in hand than a turn takes.

    uvicorn stops reading as well, and goes on after each answer, and whenever the application looks for a body: with
    one more read of requests each time.
    """

    def __init__(self, transport: asyncio.Transport, is_held: Callable[[], bool]) -> None:
        super().__init__(transport)
        self._is_held = is_held

    def resume_reading(self) -> None:
        if not self._is_held():
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
