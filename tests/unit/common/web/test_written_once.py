"""What anybody may ask for without a token is written once, however often it is asked for."""

from typing import Any

import pytest
from fastapi import APIRouter
from starlette.applications import Starlette
from starlette.types import ASGIApp

from libs.common.web.app import App
from libs.common.web.event_documentation import event_documentation_routes

DOCUMENT = {"asyncapi": "3.0.0", "info": {"title": "Lists"}, "channels": {"lists.v1": {"address": "lists.v1"}}}


async def body_of(app: ASGIApp, path: str) -> bytes:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "root_path": "",
        "query_string": b"",
        "headers": [],
    }
    await app(scope, receive, send)
    start, *bodies = sent
    assert start["status"] == 200
    (body,) = [each["body"] for each in bodies if each["body"]]
    assert isinstance(body, bytes)
    return body


def calls() -> App:
    app = App("here", title="Here", version="1")
    router = APIRouter()

    @router.get("/door")
    async def get_door() -> str:
        return "open"

    app.include_router(router)
    return app


@pytest.mark.parametrize("path", ["/openapi.json", "/docs/events", "/asyncapi.json", "/asyncapi.yaml"])
async def test_each_who_asks_is_sent_the_same_bytes(path: str) -> None:
    app = (
        calls()
        if path == "/openapi.json"
        else Starlette(routes=event_documentation_routes(lambda: DOCUMENT, at="/asyncapi"))
    )
    first = await body_of(app, path)
    assert len(first) > 40
    assert await body_of(app, path) is first
