"""Imports as their company reads them: scope by company and accounts, keyset pages, rows, soft deletes."""

from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportStatus
from libs.contracts.lead_import.internal.messages import Outcome
from libs.imports.chunk_states import Acceptance, ChunkOutcome, ChunkState
from services.api.accepting.store import AcceptStore
from services.api.http.store import Scope, Store
from tests.support.chunks import settled_row
from tests.support.imports import ACCEPTED_AT, insert_import
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

UNSETTLED = ChunkState(row_count=10, settled=False, dead_lettered=False, total_created=0)


@pytest.fixture
def store(postgres: Postgres) -> Store:
    return Store(postgres)


@pytest.fixture
def scope(tenant: Tenant) -> Scope:
    return Scope(tenant.company_id, None)


@pytest_asyncio.fixture
async def import_id(postgres: Postgres, tenant: Tenant) -> int:
    return await insert_import(postgres, tenant, row_counts=[10, 10], name=unique("n"))


async def settle(pipeline: Pipeline, import_id: int, index: int, outcome: ChunkOutcome, *, again: bool = False) -> None:
    async with pipeline.finalizer_store.locked_import(Acceptance(import_id, ACCEPTED_AT, None)) as held:
        assert held
        await held.settle(index, replace(UNSETTLED, settled=again), outcome)


async def end(db: Stored, *import_ids: int, status: str = "FINISHED") -> None:
    await db.execute(
        "UPDATE amigocare.lead_imports SET status = :s, total_errors = total_rows - total_created - total_existing"
        " WHERE id = ANY(:i)",
        s=status,
        i=list(import_ids),
    )


async def listed(
    store: Store, scope: Scope, *, before: int | None = None, limit: int = 100, **filters: Any
) -> list[int]:
    chosen: dict[str, Any] = {"account_id": None, "status": None} | filters
    return [found["id"] for found in await store.list_imports(scope, before=before, limit=limit, **chosen)]


async def test_an_import_is_found_with_everything_its_view_needs(
    store: Store, scope: Scope, import_id: int, tenant: Tenant
) -> None:
    found = await store.get_import(scope, import_id)
    assert found
    expected = {
        "id": import_id,
        "status": "PROCESSING",
        "total_rows": 20,
        "chunk_count": 2,
        "chunks_settled": 0,
        "total_created": 0,
        "total_existing": 0,
        "total_errors": 0,
        "failure_reason": None,
        "account_id": tenant.account_id,
        "source_id": tenant.source_id,
        "company_id": tenant.company_id,
        "creator_id": tenant.user_id,
        "file_name": None,
        "finished_at": None,
        "revision": 0,
    }
    assert {name: found[name] for name in expected} == expected


async def test_totals_of_an_import_in_progress_are_those_of_its_settled_chunks(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline, db: Stored
) -> None:
    rows = [settled_row(3), settled_row(4, Outcome.EXISTING, "in_file")]
    await settle(pipeline, import_id, 0, ChunkOutcome(8, 1, 1, rows))
    found = await store.get_import(scope, import_id)
    assert found
    names = ("total_created", "total_existing", "total_errors", "chunks_settled")
    assert [found[name] for name in names] == [8, 1, 1, 1]
    await db.execute("UPDATE amigocare.lead_imports SET total_created = 20 WHERE id = :i", i=import_id)
    await end(db, import_id)
    found = await store.get_import(scope, import_id)
    assert found
    assert [found[name] for name in names] == [20, 0, 0, 2], "an ended import has its own"


@pytest.mark.parametrize("counted", [True, False])
async def test_reasons_are_counted_whether_their_chunk_says_them_or_not(
    counted: bool, store: Store, scope: Scope, import_id: int, pipeline: Pipeline, db: Stored
) -> None:
    rows = [settled_row(3), settled_row(4, Outcome.EXISTING, "in_file"), settled_row(5, Outcome.EXISTING, "in_file")]
    rows.append(settled_row(6, Outcome.ERROR, "canceled"))
    await settle(pipeline, import_id, 0, ChunkOutcome(6, 2, 2, rows))
    await settle(pipeline, import_id, 1, ChunkOutcome(9, 1, 0, [settled_row(13, Outcome.EXISTING, "in_file")]))
    if not counted:
        await db.execute("UPDATE amigocare.lead_import_chunks SET reasons = NULL WHERE import_id = :i", i=import_id)
    found = await store.get_import(scope, import_id)
    assert found
    assert found["reasons"] == {rows[0].reason: 1, "in_file": 3, "canceled": 1}
    assert (found["total_errors"], found["canceled"], found["recent_rows"]) == (2, 1, 20)


IN_FILE = settled_row(5, Outcome.EXISTING, "in_file")


async def finish(pipeline: Pipeline, import_id: int) -> None:
    async with pipeline.finalizer_store.locked_import(Acceptance(import_id, ACCEPTED_AT, None)) as held:
        assert held
        totals = await held.totals()
        assert totals
        await held.finish(ImportStatus.FINISHED, None, totals)


@pytest.mark.parametrize("said_by", ["the import", "chunks, when it ended", "rows alone"])
async def test_an_ended_import_says_its_reasons_without_its_chunks(
    said_by: str, store: Store, scope: Scope, import_id: int, pipeline: Pipeline, db: Stored
) -> None:
    first = settled_row(3)
    await settle(pipeline, import_id, 0, ChunkOutcome(8, 1, 1, [first, IN_FILE]))
    await settle(pipeline, import_id, 1, ChunkOutcome(10, 0, 0, []))
    if said_by == "rows alone":
        await db.execute("UPDATE amigocare.lead_import_chunks SET reasons = NULL WHERE import_id = :i", i=import_id)
    await finish(pipeline, import_id)
    if said_by == "the import":
        await db.execute("DELETE FROM amigocare.lead_import_rows WHERE import_id = :i", i=import_id)
        await db.execute("UPDATE amigocare.lead_import_chunks SET reasons = NULL WHERE import_id = :i", i=import_id)
    found = await store.get_import(scope, import_id)
    assert found
    assert found["reasons"] == {first.reason: 1, "in_file": 1}


async def test_reasons_of_an_ended_import_follow_a_late_outcome_that_changes_no_total(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline
) -> None:
    await settle(pipeline, import_id, 0, ChunkOutcome(9, 0, 1, [settled_row(3)], dead_lettered=True))
    await settle(pipeline, import_id, 1, ChunkOutcome(10, 0, 0, []))
    await finish(pipeline, import_id)
    late = settled_row(3).model_copy(update={"reason": "whatsapp_missing"})
    await settle(pipeline, import_id, 0, ChunkOutcome(9, 0, 1, [late]), again=True)
    await finish(pipeline, import_id)
    found = await store.get_import(scope, import_id)
    assert found
    assert found["reasons"] == {"whatsapp_missing": 1}


async def test_an_import_that_waits_knows_its_place(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline, other_tenant: Tenant, postgres: Postgres, db: Stored
) -> None:
    await db.execute(
        "UPDATE amigocare.lead_imports SET status = 'FAILED', total_errors = total_rows"
        " WHERE status = 'PROCESSING' AND id <> :i",
        i=import_id,
    )
    later = await insert_import(postgres, other_tenant, row_counts=[1], name=unique("n"))
    theirs = Scope(other_tenant.company_id, None)
    first, second = await store.get_import(scope, import_id), await store.get_import(theirs, later)
    assert first
    assert second
    assert (first["queue_position"], second["queue_position"]) == (1, 2)
    await settle(pipeline, import_id, 0, ChunkOutcome(10, 0, 0, []))
    found = await store.get_import(scope, import_id)
    assert found
    assert found["queue_position"] is None


async def test_an_import_says_whether_it_was_silent(store: Store, scope: Scope, import_id: int, db: Stored) -> None:
    for options, silent in (("{}", False), ('{"silent": true}', True)):
        change = "UPDATE amigocare.lead_imports SET options = CAST(:o AS jsonb) WHERE id = :i"
        await db.execute(change, o=options, i=import_id)
        found = await store.get_import(scope, import_id)
        assert found
        assert found["silent"] is silent


async def test_children_are_those_that_the_caller_sees(
    store: Store, scope: Scope, import_id: int, tenant: Tenant, postgres: Postgres, db: Stored
) -> None:
    children = [await insert_import(postgres, tenant, row_counts=[1], name=unique("n")) for _ in range(3)]
    await db.execute("UPDATE amigocare.lead_imports SET parent_id = :p WHERE id = ANY(:i)", p=import_id, i=children)
    await db.execute("UPDATE amigocare.lead_imports SET is_deleted = true WHERE id = :i", i=children[0])
    await db.execute(
        "UPDATE amigocare.lead_imports SET account_id = :a WHERE id = :i", a=tenant.other_account_id, i=children[1]
    )
    for seen, expected in ((scope, children[1:]), (Scope(tenant.company_id, (tenant.account_id,)), children[2:])):
        found = await store.get_import(seen, import_id)
        assert found
        assert found["child_ids"] == expected
    child = await store.get_import(scope, children[2])
    assert child
    assert child["parent_id"] == import_id
    elsewhere = await store.get_import(Scope(tenant.company_id, (tenant.other_account_id,)), children[1])
    assert elsewhere
    assert elsewhere["parent_id"] is None
    await db.execute("UPDATE amigocare.lead_imports SET is_deleted = true WHERE id = :i", i=import_id)
    orphan = await store.get_import(scope, children[2])
    assert orphan
    assert orphan["parent_id"] is None


@pytest.mark.parametrize("whose", ["other company", "other account", "no accounts", "deleted"])
async def test_an_import_outside_the_scope_does_not_exist(
    whose: str, store: Store, import_id: int, tenant: Tenant, other_tenant: Tenant, db: Stored
) -> None:
    await end(db, import_id)
    if whose == "deleted":
        await db.execute("UPDATE amigocare.lead_imports SET is_deleted = true WHERE id = :i", i=import_id)
    scope = {
        "other company": Scope(other_tenant.company_id, None),
        "other account": Scope(tenant.company_id, (tenant.other_account_id,)),
        "no accounts": Scope(tenant.company_id, ()),
    }.get(whose, Scope(tenant.company_id, None))
    assert await store.get_import(scope, import_id) is None
    assert await listed(store, scope) == []
    assert not await store.delete_import(scope, import_id)


async def test_an_id_that_no_import_has_is_not_found(store: Store, scope: Scope) -> None:
    assert await store.get_import(scope, 2**31 - 1) is None
    assert not await store.delete_import(scope, 2**31 - 1)


async def test_another_companys_rows_do_not_exist_even_by_the_imports_id(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline, other_tenant: Tenant
) -> None:
    await settle(pipeline, import_id, 0, ChunkOutcome(9, 0, 1, [settled_row(4)]))
    assert len(await store.rows(scope, import_id, after=0, limit=10, outcome=None)) == 1
    stranger = Scope(other_tenant.company_id, None)
    assert await store.rows(stranger, import_id, after=0, limit=10, outcome=None) == []


async def test_an_import_of_one_of_the_scopes_accounts_is_found(store: Store, import_id: int, tenant: Tenant) -> None:
    scope = Scope(tenant.company_id, (tenant.other_account_id, tenant.account_id))
    assert await store.get_import(scope, import_id)
    assert await listed(store, scope) == [import_id]


async def test_pages_go_from_new_to_old_without_gaps_or_repeats(
    store: Store, scope: Scope, postgres: Postgres, tenant: Tenant
) -> None:
    ids = [await insert_import(postgres, tenant, row_counts=[1], name=unique("n")) for _ in range(5)]
    first = await listed(store, scope, limit=2)
    await insert_import(postgres, tenant, row_counts=[1], name=unique("n"))  # one more comes meanwhile
    second = await listed(store, scope, before=first[-1], limit=2)
    third = await listed(store, scope, before=second[-1], limit=2)
    assert first + second + third == ids[::-1]


async def test_the_list_is_filtered_by_account_and_status(
    store: Store, scope: Scope, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    ids = [await insert_import(postgres, tenant, row_counts=[1], name=unique("n")) for _ in range(3)]
    await db.execute(
        "UPDATE amigocare.lead_imports SET account_id = :a WHERE id = :i", a=tenant.other_account_id, i=ids[0]
    )
    await end(db, ids[1], status="FAILED")
    assert await listed(store, scope, account_id=tenant.other_account_id) == [ids[0]]
    assert await listed(store, scope, status="FAILED") == [ids[1]]
    assert await listed(store, scope, status="PROCESSING") == [ids[2], ids[0]]
    assert await listed(store, scope, status="PROCESSING", account_id=tenant.account_id) == [ids[2]]
    assert await listed(store, scope, status="FINISHED") == []


async def test_rows_come_in_the_files_order_page_by_page_and_by_outcome(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline
) -> None:
    late = [settled_row(number, Outcome.EXISTING, "in_file") for number in (21, 15)]
    await settle(pipeline, import_id, 1, ChunkOutcome(8, 2, 0, late))
    await settle(pipeline, import_id, 0, ChunkOutcome(8, 0, 2, [settled_row(9), settled_row(4)]))

    async def numbers(after: int = 1, limit: int = 10, outcome: str | None = None) -> list[int]:
        return [
            row["row_number"] for row in await store.rows(scope, import_id, after=after, limit=limit, outcome=outcome)
        ]

    assert await numbers() == [4, 9, 15, 21]
    assert await numbers(limit=3) == [4, 9, 15]
    assert await numbers(after=15, limit=3) == [21]
    assert await numbers(outcome="error") == [4, 9]
    assert await numbers(outcome="existing", after=15) == [21]
    (row,) = await store.rows(scope, import_id, after=1, limit=1, outcome=None)
    assert row == {
        "row_number": 4,
        "outcome": "error",
        "reason": "phone_invalid",
        "detail": "",
        "cells": settled_row(4).cells,
        "found": 1,
    }


async def test_a_page_holds_so_many_bytes_and_says_that_there_are_more(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline
) -> None:
    rows = [settled_row(number).model_copy(update={"cells": ["x" * 900] * 5}) for number in range(2, 8)]
    await settle(pipeline, import_id, 0, ChunkOutcome(4, 0, 6, rows))

    async def page(after: int, max_bytes: int) -> tuple[list[int], int]:
        found = await store.rows(scope, import_id, after=after, limit=5, outcome=None, max_bytes=max_bytes)
        return [row["row_number"] for row in found], found[0]["found"]

    assert await page(1, 10_000) == ([2, 3], 5)
    assert await page(3, 10_000) == ([4, 5], 4)
    assert await page(1, 1) == ([2], 5), "one at least, or nobody would come to an end"
    assert await page(1, 1 << 20) == ([2, 3, 4, 5, 6], 5)
    assert await page(6, 1 << 20) == ([7], 1)


@pytest.mark.parametrize(
    "large", [{"cells": ["x" * 900] * 25}, {"detail": "x" * 22_500}, {"cells": ["x" * 900] * 5, "detail": "é" * 9_000}]
)
async def test_a_page_of_many_large_rows_has_a_mebibyte(
    store: Store, scope: Scope, import_id: int, pipeline: Pipeline, large: dict[str, Any]
) -> None:
    """A page holds up everybody's answers while it is made: a second for 25 MB."""
    rows = [settled_row(number).model_copy(update=large) for number in range(2, 102)]
    await settle(pipeline, import_id, 0, ChunkOutcome(0, 0, 100, rows))
    found = await store.rows(scope, import_id, after=1, limit=501, outcome=None)
    assert 40 < len(found) < 50
    assert found[0]["found"] == 100


async def test_an_ended_import_is_deleted_once_and_its_name_is_free(
    store: Store, postgres: Postgres, scope: Scope, import_id: int, db: Stored
) -> None:
    await end(db, import_id)
    assert await store.delete_import(scope, import_id)
    assert not await store.delete_import(scope, import_id)
    name = await db.value("SELECT name FROM amigocare.lead_imports WHERE id = :i AND is_deleted", i=import_id)
    async with AcceptStore.transaction(postgres, scope.company_id) as accepting:
        account_id = await db.value("SELECT account_id FROM amigocare.lead_imports WHERE id = :i", i=import_id)
        assert not await accepting.name_taken(account_id=account_id, name=name)


async def test_an_import_in_progress_is_not_deleted(store: Store, scope: Scope, import_id: int) -> None:
    assert not await store.delete_import(scope, import_id)
    assert await store.get_import(scope, import_id)
