"""An accepted upload is found by its import's number among the traces of the calls."""

import datetime as dt
import json
from types import SimpleNamespace
from typing import Any, cast

import httpx
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from libs.common.web.caller import Caller
from libs.common.web.shares import Shares
from libs.spreadsheets.limits import Limits
from services.api.accepting.acceptor import Acceptor, Wish
from services.api.http.before_store import BeforeStore
from services.api.http.deps import Deps
from services.api.http.routes import router
from services.api.http.store import Store
from services.api.http.streams import Streams
from services.api.previewing.previewer import Previewer

IMPORT_ID = 4242


class Accepts:
    """Takes every upload, as import 4242."""

    limits = Limits()

    async def accept(self, wish: Wish) -> dict[str, Any]:
        return {
            "id": IMPORT_ID,
            "status": "PROCESSING",
            "name": "A",
            "total_rows": 1,
            "account_id": 1,
            "source_id": 1,
            "created_at": dt.datetime(2026, 3, 2, tzinfo=dt.UTC),
        }


async def anybody(token: str) -> Caller:
    return Caller(1, 1, {"LEADS": frozenset({"IMPORT_LEADS"})}, None)


async def test_the_span_of_an_upload_names_its_import() -> None:
    app = FastAPI(telemetry={"tracing": False})  # the span is this test's own, whatever others have configured
    app.include_router(router)
    app.state.deps = Deps(
        store=cast(Store, SimpleNamespace()),
        acceptor=cast(Acceptor, Accepts()),
        previewer=cast(Previewer, SimpleNamespace()),
        streams=cast(Streams, SimpleNamespace()),
        before=cast(BeforeStore, SimpleNamespace()),
        read_token=anybody,
        uploads=Shares(2),
        upload_seconds=5,
        reports=Shares(2),
    )
    data = json.dumps({"name": "A", "account_id": 1, "source_id": 1})
    with TracerProvider().get_tracer("test").start_as_current_span("POST /import") as span:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api") as client:
            answer = await client.post(
                "/import",
                files={"file": ("leads.csv", b"name"), "data": (None, data)},
                headers={"Authorization": "Bearer x"},
            )
    assert answer.status_code == 202, answer.text
    assert answer.json()["id"] == IMPORT_ID
    assert dict(cast(ReadableSpan, span).attributes or {})["leadflow.import_id"] == IMPORT_ID
    assert trace.get_current_span() is trace.INVALID_SPAN
