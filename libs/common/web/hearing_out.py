"""An answer waits until its request was sent: who sends a large body listens only then."""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from libs.common.web.connections import BODY_TOLD

HEAR_SECONDS = 10.0
"""So long the rest of a body is read and thrown away at most, before it is answered."""
PAUSE_SECONDS = 1.0
"""Whoever sends nothing for so long waits for the answer."""


class HearingOut:
    """Around an application: what is answered before its body came is answered after it.

    A refusal needs no body: it can be decided by the token alone. But browsers and most libraries read nothing while
    they send, and gateways do not wait for them: Go's server, which is Caddy's and others', closes a connection half a
    second after an answer that came early, and all that the sender sees is that the connection broke. So the rest is
    thrown away first, at no memory, within ``HEAR_SECONDS``; later, the answer goes out all the same, and the
    connection stays open as long as ``libs.common.web.connections`` says. Who sends crumbs, as told there, is not
    heard.

    A client that asks whether it may send (``Expect: 100-continue``) has its answer at once instead.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        if headers.get("content-length", "0") == "0" and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
            return
        is_asking = "expect" in headers
        told = scope.get("extensions", {}).get(BODY_TOLD, {})
        has_ended = False

        async def receive_more() -> Message:
            nonlocal has_ended, is_asking
            is_asking = False
            message = await receive()
            has_ended = message["type"] == "http.disconnect" or not message.get("more_body", False)
            return message

        async def send_later(message: Message) -> None:
            if message["type"] == "http.response.start" and not has_ended and not is_asking:
                await _hear_out(receive, told)
            await send(message)

        await self._app(scope, receive_more, send_later)


async def _hear_out(receive: Receive, told: Mapping[str, bool]) -> None:
    try:
        async with asyncio.timeout(HEAR_SECONDS):
            while not told.get("crumbs"):
                async with asyncio.timeout(PAUSE_SECONDS):
                    message = await receive()
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return
    except TimeoutError:
        return
