"""A place for uploads is held while a file is received and read, not while stores are asked what is known."""

import asyncio
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI

from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from libs.common.web.shares import Shares
from libs.spreadsheets.limits import Limits
from services.api.http.deps import Deps
from services.api.http.routes import router

COMPANY = 7


class Previews:
    """Reads each file when it may, and then waits for a store until it answers."""

    limits = Limits()

    def __init__(self) -> None:
        self.received, self.may_read = asyncio.Event(), asyncio.Event()
        self.read, self.store_answers = asyncio.Event(), asyncio.Event()

    async def preview(self, *_: Any, was_read: Callable[[], None] = lambda: None) -> dict[str, Any]:
        self.received.set()
        await self.may_read.wait()
        was_read()
        self.read.set()
        await self.store_answers.wait()
        raise Refused("unavailable")


async def anybody(token: str) -> Caller:
    return Caller(1, COMPANY, {"LEADS": frozenset({"IMPORT_LEADS"})}, None)


async def test_a_preview_that_waits_for_a_store_holds_no_place_for_uploads() -> None:
    uploads, previews = Shares(4), Previews()
    app = FastAPI(telemetry={"tracing": False})
    app.include_router(router)
    app.state.deps = cast(
        Deps, SimpleNamespace(previewer=previews, read_token=anybody, uploads=uploads, upload_seconds=5)
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with asyncio.timeout(10), httpx.AsyncClient(transport=transport, base_url="http://api") as client:
        asked = asyncio.create_task(
            client.post(
                "/import/preview",
                files={"file": ("leads.csv", b"name"), "data": (None, json.dumps({"account_id": 1}))},
                headers={"Authorization": "Bearer x"},
            )
        )
        await previews.received.wait()
        assert uploads.held_by(COMPANY) == 1
        previews.may_read.set()
        await previews.read.wait()
        assert uploads.held_by(COMPANY) == 0
        previews.store_answers.set()
        await asked
    assert uploads.held_by(COMPANY) == 0
    assert not uploads._held
    assert uploads._free == 4, "given back once"
