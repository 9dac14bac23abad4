"""Canceling an import that runs, and taking one back that has ended, over the running services."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio
from bson import ObjectId

from tests.support.processes import held, needs_local_stack
from tests.support.readers import Stored, Topic, body_of, headers_of, subscribed
from tests.support.stack import Addresses
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals
from tests.support.waiting import eventually

UNDONE = "lead.import-undone.v1"
LEAD_CHANGED = {
    "en": "Somebody has changed the lead since it was imported.",
    "pt-BR": "Alguém alterou o lead depois da importação.",
}


@pytest_asyncio.fixture(scope="module")
async def undone(stack: Addresses) -> AsyncIterator[Topic]:
    """A subscriber of the events of undos."""
    async with subscribed(stack.kafka_bootstrap, UNDONE) as topic:
        yield topic


async def undo(user: User, import_id: int) -> dict[str, Any]:
    """Ask for the undo and wait for its end; return how it ended."""
    asked = await user.post(f"/imports/{import_id}/undo")
    assert asked.status_code == 202, asked.text
    assert asked.json()["state"] == "RUNNING"

    async def look() -> dict[str, Any] | None:
        found: dict[str, Any] = (await user.get(f"/imports/{import_id}/undo")).json()
        return found if found["state"] == "DONE" else None

    return await eventually(look, what=f"the undo of import {import_id}")


@needs_local_stack
async def test_an_import_is_canceled_while_a_stage_stands_still(user: User, stored: Stored, finished: Topic) -> None:
    """Nothing of it becomes a lead, also when the stage goes on; the rows can be had to import them another day."""
    rows = lead_rows(new_phones(120), "cancelada")
    with held("tagger"):
        import_id = await user.accept(csv_file([*rows, rows[0]]))
        answer = await user.post(f"/imports/{import_id}/cancel")
        assert answer.status_code == 202, answer.text
        assert answer.json()["cancel_requested_at"]
        ended = await user.ended(import_id)
    assert (ended["status"], ended["failure_reason"], ended["canceled"]) == ("FAILED", "canceled", 120)
    assert totals(ended) == (0, 1, 120)
    (record,) = await finished.all_of(import_id, stored)
    assert body_of(record)["failure_reason"] == "canceled"
    assert (await user.post(f"/imports/{import_id}/cancel")).status_code == 202, "asked again, the same answer"
    listed = await user.rows(import_id, outcome="error")
    assert {row["reason"] for row in listed} == {"canceled"}
    assert listed[0]["detail"]
    assert [row["cells"][:2] for row in listed] == [row[:2] for row in rows]
    again = await user.run(csv_file(rows))
    assert totals(again) == (120, 0, 0), "the tagger has gone on, and dropped what was canceled"
    assert await stored.consistent(user.tenant.company_id) == 120
    assert (await user.read(import_id))["total_created"] == 0


async def test_who_may_cancel_what(user: User, new_user: NewUser) -> None:
    ended = await user.run(csv_file(lead_rows(new_phones(1))))
    problem(await user.post(f"/imports/{ended['id']}/cancel"), 409, "import_ended")
    stranger = await new_user()
    for call in ("cancel", "undo"):
        problem(await stranger.post(f"/imports/{ended['id']}/{call}"), 404, "not_found")
        unasked = user.tenant.headers(permissions={})
        problem(await user.http.post(f"/imports/{ended['id']}/{call}", headers=unasked), 403, "permission_missing")
    problem(await user.get(f"/imports/{ended['id']}/undo"), 404, "not_found")
    problem(await user.get(f"/imports/{ended['id']}/undo/kept"), 404, "not_found")


@needs_local_stack
async def test_an_import_in_progress_is_not_undone(user: User) -> None:
    with held("creator"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(1))))
        problem(await user.post(f"/imports/{import_id}/undo"), 409, "import_in_progress")
    await user.ended(import_id)


async def test_an_import_is_taken_back_but_what_was_used_and_the_same_file_makes_it_again(
    user: User, stored: Stored, undone: Topic
) -> None:
    file = csv_file(lead_rows(new_phones(30), "desfeita"))
    first = await user.run(file)
    import_id, company = first["id"], user.tenant.company_id
    leads = sorted(await stored.leads(company), key=lambda lead: lead["chat_id"])
    await stored.chats.update_one({"_id": ObjectId(leads[0]["chat_id"])}, {"$set": {"last_message": "Oi"}})
    await stored.execute(
        "UPDATE amigocare.amigocare_leads SET name = 'Ana', updated_at = now() WHERE id = :id", id=leads[1]["id"]
    )
    state = await undo(user, import_id)
    assert [state[count] for count in ("total", "reversed", "kept", "failed")] == [30, 28, 2, 0]
    assert state["finished_at"]
    page = (await user.get(f"/imports/{import_id}/undo/kept", limit=1)).json()
    rest = (await user.get(f"/imports/{import_id}/undo/kept", limit=1, cursor=page["next"])).json()
    kept = sorted(page["items"] + rest["items"], key=lambda each: each["row"])
    assert rest["next"] is None
    assert [(each["row"], each["lead_id"], each["reason"]) for each in kept] == [
        (2, leads[0]["id"], "chat_changed"),
        (3, leads[1]["id"], "lead_changed"),
    ]
    assert [each["detail"] for each in kept] == ["Somebody has used the chat.", LEAD_CHANGED["en"]]
    headers = user.tenant.headers() | {"Accept-Language": "pt-BR"}
    said = await user.http.get(f"/imports/{import_id}/undo/kept", headers=headers)
    assert said.headers["Content-Language"] == "pt-BR"
    assert LEAD_CHANGED["pt-BR"] in {each["detail"] for each in said.json()["items"]}
    assert await stored.consistent(company) == 2
    found = await user.read(import_id)
    assert (found["status"], totals(found)) == ("FINISHED", (30, 0, 0)), "what it had made is still told"
    assert found["undo"] == state
    record = await undone.first_of(import_id)
    assert headers_of(record)["ce_type"] == "lead:import-undone"
    assert body_of(record) | {"undone_at": "", "accepted_at": ""} == {
        "import_id": import_id,
        "company_id": company,
        "account_id": user.tenant.account_id,
        "reversed": 28,
        "kept": 2,
        "failed": 0,
        "accepted_at": "",
        "undone_at": "",
    }
    problem(await user.post(f"/imports/{import_id}/undo"), 409, "undo_done")
    assert totals(await user.run(file)) == (28, 2, 0)
    assert await stored.consistent(company) == 30


async def test_two_who_ask_at_once_undo_it_once(user: User, stored: Stored, undone: Topic) -> None:
    ended = await user.run(csv_file(lead_rows(new_phones(50))))
    answers = await asyncio.gather(*(user.post(f"/imports/{ended['id']}/undo") for _ in range(4)))
    assert {answer.status_code for answer in answers} <= {202, 409}

    async def look() -> bool:
        return bool((await user.get(f"/imports/{ended['id']}/undo")).json()["state"] == "DONE")

    await eventually(look, what="the undo")
    (record,) = await undone.all_of(ended["id"], stored)
    assert body_of(record)["reversed"] == 50
    assert await stored.consistent(user.tenant.company_id) == 0


@needs_local_stack
async def test_a_canceled_import_is_taken_back(user: User, stored: Stored) -> None:
    ended = await user.run(csv_file(lead_rows(new_phones(20))))
    with held("tagger"):
        import_id = await user.accept(csv_file(lead_rows(new_phones(5))))
        await user.post(f"/imports/{import_id}/cancel")
        await user.ended(import_id)
    assert (await undo(user, import_id))["total"] == 0
    assert (await undo(user, ended["id"]))["reversed"] == 20
    assert await stored.leads(user.tenant.company_id) == []
