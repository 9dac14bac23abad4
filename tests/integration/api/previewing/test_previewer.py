"""A preview says what the import will do, and does nothing."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from libs.common.clock import utc_now
from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from libs.common.web.shares import Shares
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.contracts.lead_import.words import words
from libs.imports.phone_look_up import Looked
from libs.spreadsheets.limits import Limits
from services.api.accepting.domain.quota import Quota
from services.api.accepting.domain.request import PreviewRequest
from services.api.previewing import previewer as previewing
from services.api.previewing import store as preview_store
from services.api.previewing.domain.preview_view import PreviewView
from services.api.previewing.previewer import Previewer
from services.api.reading.pool import ReadingPool
from services.api.settings import LOOKED_UP_BYTES
from tests.support.chunks import new_phones
from tests.support.contacts import insert_chat, insert_lead, insert_patient
from tests.support.mongod import close_young
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish
from tests.support.user import csv_file, old_form
from tests.support.waiting import eventually

QUOTA = Quota(rows=5_000, imports=5)
HOLDERS = {"lead": insert_lead, "patient": insert_patient, "chat": insert_chat}


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(1) as pool:
        yield pool


@pytest.fixture
def previewer(crowd: Postgres, mongo: Mongo, pool: ReadingPool) -> Previewer:
    return Previewer(crowd, mongo, pool, Limits(), 20, QUOTA, utc_now, Shares(8))


async def previewed(
    previewer: Previewer, tenant: Tenant, folder: Path, content: bytes, *, file_name: str = "leads.csv", **data: Any
) -> PreviewView:
    asked = wish(tenant, folder, [], content=content)
    request = PreviewRequest.model_validate({"account_id": tenant.account_id, **data})
    return PreviewView.told(await previewer.preview(asked.upload, request, asked.caller), words("pt-BR"))


async def imported(
    postgres: Postgres, pool: ReadingPool, pipeline: Pipeline, db: Stored, tenant: Tenant, folder: Path, content: bytes
) -> tuple[tuple[int, int, int], dict[str, int]]:
    """Import the file through all stages; return its totals and reasons."""
    accepting = acceptor(postgres, pool, chunk_rows=20)
    answer = await accepting.accept(wish(tenant, folder, [], content=content, on_invalid_row="skip"))
    chunks = await db.rows(
        "SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :id ORDER BY chunk_index", id=answer["id"]
    )
    for chunk in chunks:
        await pipeline.whole(ChunkAccepted.model_validate_json(chunk["payload"]))
    (ended,) = await db.rows(
        "SELECT total_created, total_existing, total_errors FROM amigocare.lead_imports WHERE id = :id",
        id=answer["id"],
    )
    reasons = await db.rows(
        "SELECT reason, count(*) AS rows FROM amigocare.lead_import_rows WHERE import_id = :id GROUP BY reason",
        id=answer["id"],
    )
    totals = ended["total_created"], ended["total_existing"], ended["total_errors"]
    return totals, {row["reason"]: row["rows"] for row in reasons}


ROWS = st.lists(
    st.tuples(
        st.integers(0, 11),  # which of the phones
        st.sampled_from(["as stored", "old form", "punctuated", "broken"]),
        st.sampled_from(["Ana", "", "x" * 256]),
        st.sampled_from(["", "VIP", "vip, Zona Sul"]),
    ),
    min_size=1,
    max_size=45,
)
KNOWN = st.dictionaries(st.integers(0, 11), st.tuples(st.sampled_from(sorted(HOLDERS)), st.booleans()), max_size=6)


def written(phone: str, how: str) -> str:
    return {
        "as stored": phone,
        "old form": old_form(phone),
        "punctuated": f"({phone[:2]}) {phone[2:7]}-{phone[7:]}",
        "broken": phone[:5],
    }[how]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, known=KNOWN)
async def test_the_forecast_is_what_the_import_comes_to(
    rows: list[tuple[int, str, str, str]],
    known: dict[int, tuple[str, bool]],
    previewer: Previewer,
    crowd: Postgres,
    pool: ReadingPool,
    pipeline: Pipeline,
    db: Stored,
    tmp_path: Path,
) -> None:
    tenant = await create_tenant(crowd.engine)
    phones = new_phones(12)
    for at, (holder, is_old) in known.items():
        await HOLDERS[holder](db, tenant, old_form(phones[at]) if is_old else phones[at])
    content = csv_file([[name, written(phones[at], how), "", "", tags] for at, how, name, tags in rows])
    said = await previewed(previewer, tenant, tmp_path, content)
    tags = await tag_names(db, tenant)
    came, reasons = await imported(crowd, pool, pipeline, db, tenant, tmp_path, content)
    assert said.forecast is not None
    assert (said.forecast.created, said.forecast.existing, said.forecast.errors) == came
    assert said.reasons == reasons
    outcomes = [row.outcome for row in said.rows]
    assert (outcomes.count("created"), outcomes.count("existing"), outcomes.count("error")) == came
    assert {name.lower() for name in said.new_tags} == await tag_names(db, tenant) - tags


async def tag_names(db: Stored, tenant: Tenant) -> set[str]:
    found = await db.rows(
        "SELECT lower(name) AS name FROM amigocare.tags WHERE company_id = :id AND NOT is_deleted", id=tenant.company_id
    )
    return {row["name"] for row in found}


TABLES = (
    *("lead_imports", "lead_import_chunks", "lead_import_rows", "lead_import_tags", "tags", "outbox"),
    *("amigocare_leads", "chat_tags", "idempotency_keys", "patients"),
)


async def test_a_preview_stores_nothing_and_counts_nothing(
    previewer: Previewer, tenant: Tenant, db: Stored, tmp_path: Path
) -> None:
    async def counts() -> dict[str, int]:
        found = {table: await db.value(f"SELECT count(*) FROM amigocare.{table}") for table in TABLES}
        return found | {"chats": await db.chats.count_documents({})}

    before = await counts()
    content = csv_file([["Ana", phone, "", "", "Nova etiqueta"] for phone in new_phones(30)])
    for _ in range(7):  # more often than the quota has imports
        said = await previewed(previewer, tenant, tmp_path, content)
        assert (said.quota.rows.used, said.quota.imports.used, said.new_tags) == (0, 0, ["Nova etiqueta"])
    assert await counts() == before


@pytest_asyncio.fixture
async def away() -> AsyncIterator[Mongo]:
    """A MongoDB that is away, with the patience of the settings."""
    away = Mongo(
        MongoSettings.model_validate({"mongo_url": "mongodb://127.0.0.1:1/leadflow"}), application_name="tests"
    )
    yield away
    await close_young(away)


SOON = 10
"""Seconds: a third of those for which the settings have a store waited for."""
ONE_ROW = ["Ana", "11981234567", "", "", "Nova etiqueta"]


def spools(folder: Path) -> list[Path]:
    return list(folder.glob("*/spool"))


def has_no_forecast(said: PreviewView) -> bool:
    warned = [each.code for each in said.warnings]
    return (said.forecast, said.total_rows, len(said.rows), said.new_tags, warned) == (None, 1, 1, [], ["no_forecast"])


async def test_without_mongodb_there_is_soon_no_forecast_and_all_else(
    crowd: Postgres, away: Mongo, pool: ReadingPool, tenant: Tenant, tmp_path: Path
) -> None:
    previewer = Previewer(crowd, away, pool, Limits(), 20, QUOTA, utc_now, Shares(8), answer_seconds=0.2)
    async with asyncio.timeout(SOON):
        assert has_no_forecast(await previewed(previewer, tenant, tmp_path, csv_file([ONE_ROW])))


async def test_patients_that_postgresql_does_not_tell_are_waited_for_no_longer(
    crowd: Postgres, previewer: Previewer, tenant: Tenant, tmp_path: Path
) -> None:
    previewer = replace(previewer, answer_seconds=0.2)
    async with asyncio.timeout(SOON), crowd.engine.begin() as holder:
        await holder.execute(text("LOCK amigocare.patients IN ACCESS EXCLUSIVE MODE"))
        assert has_no_forecast(await previewed(previewer, tenant, tmp_path, csv_file([ONE_ROW])))


async def test_tags_that_postgresql_does_not_tell_are_waited_for_no_longer(
    previewer: Previewer, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: object, **__: object) -> list[str]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(preview_store, "new_tags", silent)
    previewer = replace(previewer, answer_seconds=0.2)
    async with asyncio.timeout(SOON):
        assert has_no_forecast(await previewed(previewer, tenant, tmp_path, csv_file([ONE_ROW])))


async def test_of_an_upload_that_was_read_nothing_is_left_but_what_is_looked_up(
    previewer: Previewer, tenant: Tenant, tmp_path: Path
) -> None:
    """Its place goes to another one, whose file may take up the disk as this one's did."""
    left: list[set[str]] = []

    def was_read() -> None:
        (home,) = tmp_path.iterdir()
        left.append({path.name for path in home.iterdir()})

    asked = wish(tenant, tmp_path, [], content=csv_file([ONE_ROW] * 500))
    request = PreviewRequest.model_validate({"account_id": tenant.account_id})
    answer = await previewer.preview(asked.upload, request, asked.caller, was_read=was_read)
    assert answer["forecast"]
    assert left == [{"spool"}]
    (spool,) = spools(tmp_path)
    assert spool.stat().st_size <= 500 * LOOKED_UP_BYTES


async def test_so_many_forecasts_wait_and_who_finds_no_place_is_answered_without_one(
    previewer: Previewer, pool: ReadingPool, tenant: Tenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, answers = 0, asyncio.Event()

    async def silent(*_: object) -> Looked:
        nonlocal waiting
        waiting += 1
        await answers.wait()
        return Looked({}, is_meant=False)

    monkeypatch.setattr(previewing, "look_up", silent)
    forecasts = Shares(4)
    previewer = replace(previewer, forecasts=forecasts, answer_seconds=60)
    tasks: list[asyncio.Task[PreviewView]] = []

    async def all_wait() -> bool:
        return waiting == len(tasks)

    async with asyncio.timeout(60):
        for _ in range(6):
            tasks.append(asyncio.create_task(previewed(previewer, tenant, tmp_path, csv_file([ONE_ROW]))))
            if len(tasks) <= 2:
                await eventually(all_wait, what="a forecast that waits")
        # One company alone has half of the places.
        assert all([has_no_forecast(await task) for task in tasks[2:]])
        assert (waiting, forecasts.held_by(tenant.company_id)) == (2, 2)
        assert len(spools(tmp_path)) == 2, "who does not wait keeps no file"
        other = asyncio.create_task(
            previewed(previewer, await create_tenant(previewer.postgres.engine), tmp_path, csv_file([ONE_ROW]))
        )
        tasks[2:] = [other]
        await eventually(all_wait, what="another company's forecast that waits")
        answers.set()
        assert [(await task).forecast is not None for task in tasks] == [True] * 3
    assert forecasts.held_by(tenant.company_id) == 0


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"account_id": 2_000_000_000}, "account_not_found"),
        ({"source_id": 2_000_000_000}, "source_not_found"),
        ({"tag_ids": [2_000_000_000]}, "tags_not_found"),
        ({"parent_id": 2_000_000_000}, "parent_not_found"),
        ({"sheet": "Leads"}, "sheet_not_found"),
    ],
)
async def test_what_the_import_refuses_the_preview_refuses(
    previewer: Previewer, tenant: Tenant, tmp_path: Path, change: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        await previewed(previewer, tenant, tmp_path, csv_file([["Ana", *new_phones(1), "", "", ""]]), **change)
    assert refused.value.code == code


async def test_a_file_that_was_imported_before_is_told(
    previewer: Previewer, crowd: Postgres, pool: ReadingPool, tenant: Tenant, tmp_path: Path
) -> None:
    content = csv_file([["Ana", *new_phones(1), "", "", ""]])
    answer = await acceptor(crowd, pool).accept(wish(tenant, tmp_path, [], content=content))
    said = await previewed(previewer, tenant, tmp_path, content)
    assert [each.id for each in said.same_file] == [answer["id"]]
    assert [(each.code, each.message) for each in said.warnings] == [
        ("same_file", "Exatamente este arquivo já foi importado.")
    ]
    assert (said.quota.rows.used, said.quota.imports.left) == (1, QUOTA.imports - 1)
