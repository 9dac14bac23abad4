"""The calls about imports that were accepted: history, progress, rows, deletion."""

import asyncio
from typing import Any

import pytest

from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones, problem, totals

FIELDS = {
    "id",
    "name",
    "status",
    "total_rows",
    "total_created",
    "total_existing",
    "total_errors",
    "failure_reason",
    "account_id",
    "source_id",
    "created_at",
    "finished_at",
    "canceled",
    "cancel_requested_at",
    "tags_left_out",
    "undo",
    "progress",
}


async def pages(user: User, path: str, **query: Any) -> list[list[dict[str, Any]]]:
    found = []
    cursor: dict[str, str] = {}
    while True:
        page = (await user.get(path, **query, **cursor)).json()
        found.append(page["items"])
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


async def eight_imports(user: User) -> list[int]:
    """Four imports of each account."""
    accounts = [user.tenant.account_id, user.tenant.other_account_id] * 4
    files = [csv_file(lead_rows(new_phones(1))) for _ in accounts]
    made = [await user.accept(file, account_id=account) for file, account in zip(files, accounts, strict=True)]
    await asyncio.gather(*(user.ended(import_id) for import_id in made))
    return made


async def test_history_is_newest_first_in_pages(user: User) -> None:
    made = await eight_imports(user)
    assert [[item["id"] for item in page] for page in await pages(user, "/imports", limit=3)] == [
        made[:4:-1],
        made[4:1:-1],
        made[1::-1],
    ]
    (whole,) = await pages(user, "/imports")
    assert [item["id"] for item in whole] == made[::-1]
    assert await pages(user, "/imports", limit=8) == [whole]
    for item in whole:
        assert set(item) >= FIELDS
        read = await user.read(item["id"])
        assert item == {name: read[name] for name in item}


async def test_pages_do_not_shift_when_the_history_changes(user: User) -> None:
    made = await eight_imports(user)
    first = (await user.get("/imports", limit=3)).json()
    await user.accept(csv_file(lead_rows(new_phones(1))))
    assert (await user.delete(made[-1])).status_code == 204
    second = (await user.get("/imports", limit=3, cursor=first["next"])).json()
    assert [item["id"] for item in second["items"]] == made[4:1:-1]


async def test_history_by_account_and_status(user: User, stored: Stored) -> None:
    made = await eight_imports(user)
    by_account = await pages(user, "/imports", account_id=user.tenant.other_account_id, limit=3)
    assert [item["id"] for page in by_account for item in page] == made[::-2]
    await stored.execute("UPDATE amigocare.lead_imports SET status = 'FAILED' WHERE id = :id", id=made[2])
    assert [[item["id"] for item in page] for page in await pages(user, "/imports", status="FAILED")] == [[made[2]]]
    finished = await pages(user, "/imports", status="FINISHED", account_id=user.tenant.account_id)
    assert [[item["id"] for item in page] for page in finished] == [[made[6], made[4], made[0]]]
    assert await pages(user, "/imports", status="PROCESSING") == [[]]
    assert await pages(user, "/imports", account_id=2**31 - 1) == [[]]


@needs_local_stack
async def test_an_import_in_progress(user: User) -> None:
    with held("dedup"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(4))), name="Feira")
        found = await user.read(import_id)
        assert (found["status"], found["total_rows"], found["finished_at"]) == ("PROCESSING", 4, None)
        assert totals(found) == (0, 0, 0)
        assert (found["progress"]["processed_rows"], found["progress"]["percent"]) == (0, 0)
        assert (await user.rows(import_id)) == []
        problem(await user.delete(import_id), 409, "import_in_progress")
        assert [[item["id"] for item in page] for page in await pages(user, "/imports", status="PROCESSING")] == [
            [import_id]
        ]
    found = await user.ended(import_id)
    assert found["status"] == "FINISHED"
    assert (found["progress"]["processed_rows"], found["progress"]["percent"]) == (4, 100)
    assert found["finished_at"] > found["created_at"]


async def test_rows_in_pages_and_by_outcome(user: User) -> None:
    phones = new_phones(60)
    bad = [["Ana", f"bad {number}", "", "", "x"] for number in range(50)]
    found = await user.run(csv_file([*lead_rows(phones), *bad, *lead_rows(phones)]), on_invalid_row="skip")
    assert totals(found) == (60, 60, 50)
    path = f"/imports/{found['id']}/rows"
    by_forty = await pages(user, path, limit=40)
    assert [len(page) for page in by_forty] == [40, 40, 30]
    rows = [row for page in by_forty for row in page]
    assert [row["row"] for row in rows] == list(range(62, 172))
    assert {frozenset(row) for row in rows} == {frozenset({"row", "outcome", "reason", "detail", "cells"})}
    assert rows[0]["cells"] == bad[0]
    for outcome, reason, numbers in (
        ("error", "phone_invalid", range(62, 112)),
        ("existing", "in_file", range(112, 172)),
    ):
        by_outcome = [row for page in await pages(user, path, limit=50, outcome=outcome) for row in page]
        assert [row["row"] for row in by_outcome] == list(numbers)
        assert {(row["outcome"], row["reason"]) for row in by_outcome} == {(outcome, reason)}
    assert [len(page) for page in await pages(user, path, limit=50, outcome="error")] == [50]


async def test_delete_an_import(user: User, stored: Stored) -> None:
    import_id = (await user.run(csv_file(lead_rows(new_phones(2))), name="Feira"))["id"]
    answer = await user.delete(import_id)
    assert (answer.status_code, answer.content) == (204, b"")
    for path in ("", "/rows", "/rows?format=csv", "/events"):
        problem(await user.get(f"/imports/{import_id}{path}"), 404, "not_found")
    problem(await user.delete(import_id), 404, "not_found")
    assert await pages(user, "/imports") == [[]]
    assert len(await stored.leads(user.tenant.company_id)) == 2, "its leads stay"
    statement = "SELECT is_deleted, name, status FROM amigocare.lead_imports WHERE id = :id"
    assert await stored.rows(statement, id=import_id) == [{"is_deleted": True, "name": "Feira", "status": "FINISHED"}]
    again = await user.accept(csv_file(lead_rows(new_phones(1))), name="FEIRA")
    assert (await user.ended(again))["name"] == "FEIRA"


@pytest.mark.parametrize("path", ["", "/rows", "/rows?format=xlsx", "/events"])
async def test_an_unknown_id(user: User, path: str) -> None:
    problem(await user.get(f"/imports/{2**31 - 1}{path}"), 404, "not_found")
    if not path:
        problem(await user.delete(2**31 - 1), 404, "not_found")


@pytest.mark.parametrize(
    "import_id",
    ["0", "-1", "2147483648", "99999999999999999999999999", "1.5", "abc", "1.0", "1_0", "+1", "%2B1", "%D9%A1"],
)
async def test_an_id_that_no_column_can_hold(user: User, import_id: str) -> None:
    for path in ("", "/rows", "/events"):
        problem(await user.get(f"/imports/{import_id}{path}"), 422, "request_invalid")
    answer = await user.http.delete(f"/imports/{import_id}", headers=user.tenant.headers())
    problem(answer, 422, "request_invalid")


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=-1",
        "limit=501",
        "limit=ten",
        "limit=1.0",
        "limit=1_0",
        "limit=%2B1",
        "cursor=1.0",
        "account_id=1_0",
        "cursor=abc",
        "cursor=-1",
        "cursor=2147483648",
        "cursor=%00",
        "account_id=0",
        "account_id=2147483648",
        "account_id=x",
        "status=DONE",
    ],
)
async def test_a_wrong_query_of_the_history(user: User, query: str) -> None:
    problem(await user.get(f"/imports?{query}"), 422, "request_invalid")


@pytest.mark.parametrize(
    "query",
    [
        *("limit=0", "limit=501", "cursor=abc", "outcome=made", "format=pdf"),
        *("reason=%00", "reason=in_file%00", "reason=", "reason=in%20file", "reason=" + "a" * 65, "reason=%C3%A3"),
    ],
)
async def test_a_wrong_query_of_rows(user: User, query: str) -> None:
    import_id = (await user.run(csv_file(lead_rows(new_phones(1)))))["id"]
    problem(await user.get(f"/imports/{import_id}/rows?{query}"), 422, "request_invalid")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("GET", "/import", {"POST"}),
        ("DELETE", "/import", {"POST"}),
        ("POST", "/imports", {"GET"}),
        ("DELETE", "/imports", {"GET"}),
        ("PATCH", "/imports/1", {"GET", "DELETE"}),
        ("PUT", "/imports/1", {"GET", "DELETE"}),
        ("POST", "/imports/1/rows", {"GET"}),
        ("DELETE", "/imports/1/events", {"GET"}),
    ],
)
async def test_a_method_that_is_not_allowed(user: User, method: str, path: str, allowed: set[str]) -> None:
    answer = await user.http.request(method, path, headers=user.tenant.headers())
    problem(answer, 405, "method_not_allowed")
    assert {name.strip() for name in answer.headers["allow"].split(",")} - {"HEAD", "OPTIONS"} == allowed


@pytest.mark.parametrize("path", ["/nothing", "/imports/1/nothing", "/import/1", "/leads"])
async def test_an_unknown_path(user: User, path: str) -> None:
    problem(await user.get(path), 404, "not_found")
