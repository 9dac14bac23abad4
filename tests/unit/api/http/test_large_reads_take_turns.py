"""Whoever asks for large answers all the time waits for their own: others find a place, and the loop has time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from libs.common.web.caller import Caller
from libs.common.web.shares import PlacesInTurn, Shares
from libs.contracts.lead_import.words import LANGUAGES, Words
from services.api.http import before_routes, templates
from services.api.http.deps import READS_AT_ONCE, Deps
from services.api.http.routes import router
from services.api.http.store import Scope
from tests.support.waiting import eventually

READERS = 12
FOUND: dict[str, Any] = {
    "id": 1,
    "rows_expired_at": None,
    "reasons": {},
    "file": None,
    "created_at": datetime(2026, 3, 2, tzinfo=UTC),
}
PATHS = (
    "/imports/1/rows",
    "/imports/1/rows?outcome=created",
    "/imports/1/rows?format=csv",
    "/imports/1/rows?format=xlsx",
    "/imports",
)


class SlowStore:
    """Finds nothing, when it is let, and counts who asks meanwhile."""

    def __init__(self) -> None:
        self.asking: Counter[int] = Counter()
        self.asked: Counter[int] = Counter()
        self.answers = asyncio.Event()

    async def get_import(self, scope: Scope, import_id: int) -> dict[str, Any]:
        return FOUND

    async def _nothing(self, scope: Scope, *_: Any, **__: Any) -> list[Any]:
        self.asking[scope.company_id] += 1
        self.asked[scope.company_id] += 1
        try:
            await self.answers.wait()
        finally:
            self.asking[scope.company_id] -= 1
        return []

    rows = created_rows = list_imports = _nothing


async def company(token: str) -> Caller:
    return Caller(1, int(token), {"LEADS": frozenset({"IMPORT_LEADS"})}, None)


@asynccontextmanager
async def api(store: SlowStore) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI(telemetry={"tracing": False})
    app.include_router(router)
    app.include_router(before_routes.router)
    app.state.deps = cast(
        Deps,
        SimpleNamespace(
            store=store, read_token=company, reports=Shares(8 * READERS), reads=PlacesInTurn(READS_AT_ONCE)
        ),
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://api", timeout=30) as client:
        yield client


async def settled() -> None:
    for _ in range(300):
        await asyncio.sleep(0)


@pytest.mark.parametrize("path", PATHS)
async def test_of_one_companys_large_reads_some_wait_for_the_others_and_nobody_elses_do(
    path: str,
) -> None:
    store = SlowStore()

    async def at_least(count: int) -> None:
        async def so_many() -> bool:
            return store.asked.total() >= count

        await eventually(so_many, what="those who find a place")
        await settled()

    async with asyncio.timeout(60), api(store) as client:

        def get(company_id: int) -> asyncio.Task[httpx.Response]:
            return asyncio.create_task(client.get(path, headers={"Authorization": f"Bearer {company_id}"}))

        theirs = [get(1) for _ in range(READERS)]
        await at_least(READS_AT_ONCE // 2)
        assert store.asked.total() == READS_AT_ONCE // 2
        other = get(2)
        await at_least(READS_AT_ONCE // 2 + 1)
        assert store.asked.total() == READS_AT_ONCE // 2 + 1, "another company did not wait"
        store.answers.set()
        answers = await asyncio.gather(*theirs, other)
    assert {answer.status_code for answer in answers} == {200}
    assert store.asking.total() == 0


async def test_the_template_is_made_once_and_not_for_each_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def counted(path: Path, said: Words) -> None:
        made.append(said.language)
        path.write_text(said.language)

    monkeypatch.setattr(templates, "template_xlsx", counted)
    templates.template_xlsx_in.cache_clear()
    try:
        async with api(SlowStore()) as client:
            for language in [*LANGUAGES] * 5:
                headers = {"Authorization": "Bearer 1", "Accept-Language": language}
                assert (await client.get("/import/template.xlsx", headers=headers)).text == language
    finally:
        templates.template_xlsx_in.cache_clear()
    assert made == [*LANGUAGES]
