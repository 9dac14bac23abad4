"""Imports whose time is over lose what they know of people, portion by portion; the import and its counts stay."""

import json
from typing import Any

import pytest
import pytest_asyncio
from prometheus_client import REGISTRY

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import Outcome
from libs.imports import expiry
from libs.imports.expiry import SECONDS_A_DAY, Emptied
from services.finalizer.overview import OverviewWatch
from services.finalizer.retention import Retention
from services.operator.store import Store as Operator
from tests.support.chunks import new_phones, settled_row
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

pytestmark = pytest.mark.usefixtures("quiet")

DAYS = 90.0
AFTER = DAYS * SECONDS_A_DAY
ENDED = "UPDATE amigocare.lead_imports SET finished_at = now() - make_interval(secs => :s) WHERE id = :i"


class Ended:
    """Imports of two chunks, each of two leads, one row that was known and one error; the second is a dead letter."""

    def __init__(self, postgres: Postgres, pipeline: Pipeline, tenant: Tenant, db: Stored) -> None:
        self._postgres, self._pipeline, self._tenant, self._db = postgres, pipeline, tenant, db

    async def make(self, *, days_ago: float) -> int:
        made = await insert_import(self._postgres, self._tenant, row_counts=[4, 4], name=unique("n"))
        for index in (0, 1):
            settled = [settled_row(4 + 4 * index, Outcome.EXISTING, "in_file"), settled_row(5 + 4 * index)]
            live = live_rows(new_phones(2), first_row=2 + 4 * index)
            chunk = accepted_chunk(self._tenant, made, live, chunk_index=index, settled=settled)
            payload = "UPDATE amigocare.lead_import_chunks SET payload = :p WHERE import_id = :i AND chunk_index = :c"
            await self._db.execute(payload, p=chunk.model_dump_json().encode(), i=made, c=index)
            await (self._pipeline.dead_letter((made, 1)) if index else self._pipeline.whole(chunk))
        await self._db.execute(
            "UPDATE amigocare.lead_imports SET corrections = CAST(:c AS jsonb), file_name = 'f' WHERE id = :i",
            c=json.dumps([{"row": 4, "cells": ["Ana"]}]),
            i=made,
        )
        await self._db.execute(ENDED, s=days_ago * SECONDS_A_DAY, i=made)
        return made

    async def told(self, import_id: int) -> dict[str, Any]:
        """Return all that the database holds of it, but for when it was emptied."""
        (found,) = await self._db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=import_id)
        for when in ("rows_expired_at", "rows_emptied_at"):
            found[when] = found[when] is not None
        rows = "SELECT row_number FROM amigocare.lead_import_rows WHERE import_id = :i ORDER BY 1"
        chunks = "SELECT * FROM amigocare.lead_import_chunks WHERE import_id = :i ORDER BY chunk_index"
        return found | {
            "rows": [row["row_number"] for row in await self._db.rows(rows, i=import_id)],
            "chunks": await self._db.rows(chunks, i=import_id),
        }


@pytest_asyncio.fixture
async def ended(postgres: Postgres, pipeline: Pipeline, tenant: Tenant, db: Stored) -> Ended:
    # What other tests left shall not be due.
    await db.execute("UPDATE amigocare.lead_imports SET finished_at = now() WHERE finished_at IS NOT NULL")
    return Ended(postgres, pipeline, tenant, db)


async def empty(postgres: Postgres, **most: int) -> Emptied | None:
    async with postgres.transaction(by_index=True) as connection:
        return await expiry.empty_next(connection, after_seconds=AFTER, **most)


async def test_it_is_emptied_in_portions_and_the_import_and_its_counts_stay(postgres: Postgres, ended: Ended) -> None:
    made = await ended.make(days_ago=DAYS + 1)
    before = await ended.told(made)
    assert before["rows"] == [4, 5, 6, 7, 8, 9]
    assert [chunk["payload"] is None for chunk in before["chunks"]] == [True, False]
    portions = []
    while (portion := await empty(postgres, most_rows=4, most_payloads=2)) is not None:
        portions.append(portion)
        assert (await ended.told(made))["rows_expired_at"], "rows of which some are gone are not told"
    assert portions == [Emptied(made, 4, 1, whole=False), Emptied(made, 2, 0, whole=True)]
    after = await ended.told(made)
    gone: dict[str, Any] = {"rows": [], "corrections": None, "rows_expired_at": True, "rows_emptied_at": True}
    assert after == before | gone | {"chunks": [chunk | {"payload": None} for chunk in before["chunks"]]}
    assert await empty(postgres) is None, "a second run finds nothing"


async def test_reasons_that_were_counted_by_rows_alone_are_counted_before(
    postgres: Postgres, ended: Ended, db: Stored
) -> None:
    """Chunks that were settled by an older version do not say them."""
    made = await ended.make(days_ago=DAYS + 1)
    before = await ended.told(made)
    for table, key in (("lead_import_chunks", "import_id"), ("lead_imports", "id")):
        await db.execute(f"UPDATE amigocare.{table} SET reasons = NULL WHERE {key} = :i", i=made)
    await empty(postgres)
    after = await ended.told(made)
    assert before["reasons"]
    assert after["reasons"] == before["reasons"]
    assert [chunk["reasons"] for chunk in after["chunks"]] == [chunk["reasons"] for chunk in before["chunks"]]


async def test_one_that_ended_later_or_is_in_progress_keeps_all(
    postgres: Postgres, ended: Ended, tenant: Tenant, db: Stored
) -> None:
    young = await ended.make(days_ago=DAYS - 1)
    running = await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))
    before = await ended.told(young)
    assert await empty(postgres) is None
    assert await ended.told(young) == before
    assert await db.value("SELECT payload FROM amigocare.lead_import_chunks WHERE import_id = :i", i=running) == b"{}"


async def test_one_that_somebody_holds_is_left_to_him_and_the_next_is_emptied(postgres: Postgres, ended: Ended) -> None:
    """A repair, or another sweeper; nobody waits for anybody."""
    older, younger = await ended.make(days_ago=DAYS + 2), await ended.make(days_ago=DAYS + 1)
    async with postgres.transaction() as holder:
        assert await expiry.empty_next(holder, after_seconds=AFTER) == Emptied(older, 6, 1, whole=True)
        assert await empty(postgres) == Emptied(younger, 6, 1, whole=True)
        assert await empty(postgres) is None


async def test_a_deleted_one_says_no_more_of_its_file(postgres: Postgres, ended: Ended, db: Stored) -> None:
    deleted, kept = await ended.make(days_ago=DAYS + 2), await ended.make(days_ago=DAYS + 1)
    await db.execute("UPDATE amigocare.lead_imports SET is_deleted = true WHERE id = :i", i=deleted)
    while await empty(postgres):
        pass
    assert [(await ended.told(each))["file_name"] for each in (deleted, kept)] == [None, "f"]


async def test_a_dead_letter_that_has_expired_is_open_no_more_and_is_not_replayed(
    postgres: Postgres, pipeline: Pipeline, ended: Ended
) -> None:
    watch = OverviewWatch(pipeline.finalizer_store, watch_seconds=1)

    async def open_letters() -> float:
        await watch.turn()
        return REGISTRY.get_sample_value("leadflow_open_dead_letters") or 0.0

    before = await open_letters()
    made = await ended.make(days_ago=DAYS + 1)
    assert await open_letters() == before + 1
    await empty(postgres)
    assert await open_letters() == before
    assert await Operator(postgres).reopen_import(made) == []


async def test_one_that_ends_again_is_emptied_again(postgres: Postgres, ended: Ended, db: Stored) -> None:
    """By a message that came late: its rows are not told, and go when their own time is over."""
    made = await ended.make(days_ago=DAYS + 1)
    await empty(postgres)
    await db.execute(
        "INSERT INTO amigocare.lead_import_rows (import_id, row_number, chunk_index, outcome, reason, cells)"
        " VALUES (:i, 9, 1, 'error', 'phone_invalid', '[\"Ana\"]')",
        i=made,
    )
    await db.execute("UPDATE amigocare.lead_imports SET finished_at = now() WHERE id = :i", i=made)
    assert await empty(postgres) is None
    for when in ("rows_expired_at", "rows_emptied_at"):
        await db.execute(
            f"UPDATE amigocare.lead_imports SET {when} = now() - make_interval(secs => 3 * :s) WHERE id = :i",
            s=AFTER,
            i=made,
        )
    await db.execute(ENDED, s=AFTER + 60, i=made)
    assert await empty(postgres) == Emptied(made, 1, 0, whole=True)


async def test_the_sweeper_goes_on_until_nothing_is_due_and_says_what_is_overdue(
    pipeline: Pipeline, ended: Ended
) -> None:
    def counted() -> float:
        return REGISTRY.get_sample_value("leadflow_rows_emptied_total") or 0.0

    def overdue() -> float | None:
        return REGISTRY.get_sample_value("leadflow_retention_overdue_seconds")

    for days in (1, 2):
        await ended.make(days_ago=DAYS + days)
    retention = Retention(pipeline.finalizer_store, retention_days=DAYS, sweep_seconds=60)
    before = counted()
    await retention.turn()
    assert overdue() == pytest.approx(SECONDS_A_DAY, abs=60), "the older one is empty, the younger one is not"
    assert retention.pause_seconds() < 60
    await retention.turn()
    assert overdue() == 0
    await retention.turn()
    assert retention.pause_seconds() == 60
    assert counted() == before + 12
