"""What every answer has, whatever gives it: a number to ask after it, and no more trust in it than it deserves."""

import asyncio
import re
from collections.abc import Callable
from contextlib import suppress
from uuid import uuid4

import structlog
from opentelemetry import trace
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SOUND_ID = re.compile(r"[\w.:-]{1,64}", re.ASCII)
"""An id that a caller or gateway may choose: nothing in it can break a line of a log."""


def random_id() -> str:
    return uuid4().hex


def current_ids() -> dict[str, str]:
    """Return ``request_id`` of the request that is being answered, and ``trace_id`` where there is a trace."""
    ids = {}
    if request_id := structlog.contextvars.get_contextvars().get("request_id"):
        ids["request_id"] = str(request_id)
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        ids["trace_id"] = format(span.trace_id, "032x")
    return ids


class Answers:
    """Around an application: ids on each answer and in each line of its log, headers that browsers want, HEAD.

    ``new_id`` makes the id of a request that brings none (``X-Request-Id``).
    """

    def __init__(self, app: ASGIApp, *, new_id: Callable[[], str] = random_id) -> None:
        self._app = app
        self._new_id = new_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get("x-request-id", "")
        request_id = given if _SOUND_ID.fullmatch(given) else self._new_id()
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            if scope["method"] == "HEAD":
                await self._head(scope, receive, send)
            else:
                await self._answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        ended = False

        async def send_more(message: Message) -> None:
            nonlocal ended
            if message["type"] == "http.response.start":
                _complete(MutableHeaders(scope=message))
            ended = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        try:
            await self._app(scope, receive, send_more)
        except Exception:
            # Starlette answers 500 or 503 and raises the error again, for which the server would hang up: whoever sends
            # the next request on this connection would get no answer. The error is in the log by now.
            if not ended:
                raise

    async def _head(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as GET would, without a body (RFC 9110, section 9.3.2): what makes the body is stopped."""
        begun = asyncio.Event()

        async def send_head(message: Message) -> None:
            if message["type"] == "http.response.start":
                await send(message)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
                begun.set()

        answer = asyncio.create_task(self._answer(dict(scope, method="GET"), receive, send_head))
        has_begun = asyncio.create_task(begun.wait())
        try:
            await asyncio.wait({answer, has_begun}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            has_begun.cancel()
            answer.cancel()
            with suppress(asyncio.CancelledError):
                await answer


def _complete(headers: MutableHeaders) -> None:
    for name, value in current_ids().items():
        headers[f"x-{name.replace('_', '-')}"] = value
    headers["x-content-type-options"] = "nosniff"
    # What is answered here belongs to its caller alone; whoever means otherwise says so.
    headers.setdefault("cache-control", "no-store")
