"""An identity provider's token endpoint (RFC 6749, client credentials), as a server of the test's own."""

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

Json = dict[str, Any]


@dataclass(slots=True)
class TokenEndpoint:
    """Answers ``answer()``; ``asked`` are the logins and forms that it was sent."""

    answer: Callable[[], web.Response]
    url: str = ""
    delay_seconds: float = 0.0
    asked: list[tuple[str, str, Json]] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.Response:
        scheme, _, login = request.headers["Authorization"].partition(" ")
        assert scheme == "Basic"
        client, _, secret = base64.b64decode(login).decode().partition(":")
        self.asked.append((unquote_plus(client), unquote_plus(secret), dict(await request.post())))
        await asyncio.sleep(self.delay_seconds)
        return self.answer()


def good(token: str, *, seconds: float = 3600) -> Callable[[], web.Response]:
    return lambda: web.json_response({"access_token": token, "token_type": "Bearer", "expires_in": seconds})


@asynccontextmanager
async def token_endpoint(answer: Callable[[], web.Response]) -> AsyncIterator[TokenEndpoint]:
    endpoint = TokenEndpoint(answer)
    app = web.Application()
    app.router.add_post("/token", endpoint.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    endpoint.url = f"http://{host}:{port}/token"
    try:
        yield endpoint
    finally:
        await runner.cleanup()
