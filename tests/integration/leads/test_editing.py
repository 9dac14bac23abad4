"""A lead's fields get other values: audited, told, found by; and whoever had another version in mind is told so."""

import asyncio
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.changing.store import ChangeStore
from services.leads.editing.domain import EditBody, wanted_columns
from services.leads.editing.store import EditStore
from services.leads.recording.store import Actor, MovedOn
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import audit, capture, events
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


@pytest_asyncio.fixture
async def lead_id(postgres: Postgres, company: Tenant) -> UUID:
    return await capture(postgres, company, name="John Doe", phone="+919876543210", company="Acme Corp")


async def test_an_edit_is_audited_told_and_found_by(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, lead_id: UUID
) -> None:
    edit = {"name": "Jóhn Söze", "phone": "(11) 8123-4567", "company": None, "notes": "a\nb", "priority": "high"}
    answer = await admin.patch(f"/api/v1/leads/{lead_id}", json=edit)
    assert answer.status_code == 200, answer.text
    assert {name: answer.json()[name] for name in edit} == edit
    assert (answer.headers["ETag"], answer.json()["version"]) == ('"2"', 2)
    ((action, before, after, user_id),) = await audit(postgres, lead_id)
    assert (action, user_id) == ("edit", company.user_id)
    assert before == {
        "name": "John Doe",
        "company_name": "Acme Corp",
        "contact_cellphone": "9876543210",
        "contact_cellphone_country_code": "IN",
        "contact_cellphone_dial_code": "91",
        "notes": None,
        "phone_as_written": "+919876543210",
        "priority": "medium",
    }
    assert after["contact_cellphone"] == "11981234567"
    (event,) = await events(postgres, lead_id, "lead.changed.v1")
    assert (event["version"], event["fields"]) == (2, ["company", "name", "notes", "phone", "priority"])
    for looked_for, count in (("john soze", 1), ("11 98123-4567", 1), ("acme", 0), ("+919876543210", 0)):
        page = await admin.get("/api/v1/leads", params={"q": looked_for})
        assert (looked_for, page.json()["total"]) == (looked_for, count)


async def test_the_search_is_written_anew_only_for_what_is_searched(
    admin: httpx.AsyncClient, db: Stored, lead_id: UUID
) -> None:
    """Its indexes are most of what an edit writes."""

    async def place() -> Any:
        of_lead = "SELECT s.xmin::text FROM crm.lead_search s JOIN amigocare.amigocare_leads l ON l.id = s.lead_id"
        return await db.value(f"{of_lead} WHERE l.public_id = :id", id=lead_id)

    first = await place()
    for edit in ({"notes": "called"}, {"priority": "high"}, {"job_title": "Dentist"}):
        assert (await admin.patch(f"/api/v1/leads/{lead_id}", json=edit)).status_code == 200
        assert await place() == first
    for edit in ({"name": "Jane"}, {"email": "jane@example.com"}, {"phone": "(11) 8123-4567"}, {"source": "referral"}):
        assert (await admin.patch(f"/api/v1/leads/{lead_id}", json=edit)).status_code == 200
        written = await place()
        assert written != first, edit
        first = written


async def test_the_same_values_again_change_and_say_nothing(
    admin: httpx.AsyncClient, postgres: Postgres, lead_id: UUID
) -> None:
    for edit in ({}, {"name": " John Doe "}, {"phone": "+919876543210"}, {"company": "Acme Corp"}):
        answer = await admin.patch(f"/api/v1/leads/{lead_id}", json=edit)
        assert (answer.status_code, answer.json()["version"]) == (200, 1), answer.text
    assert await events(postgres, lead_id, "lead.changed.v1") == []
    assert await audit(postgres, lead_id) == []


async def test_whoever_had_another_version_in_mind_is_shown_the_present_one(
    admin: httpx.AsyncClient, lead_id: UUID
) -> None:
    path = f"/api/v1/leads/{lead_id}"
    tag = (await admin.get(path)).headers["ETag"]
    assert (await admin.patch(path, json={"notes": "1"}, headers={"If-Match": tag})).status_code == 200
    for wrong in (tag, 'W/"2"', '"99"', "2"):
        answer = await admin.patch(path, json={"notes": "2"}, headers={"If-Match": wrong})
        assert (answer.status_code, answer.json()["code"]) == (412, "moved_on"), wrong
        assert (answer.json()["lead"]["notes"], answer.headers["ETag"]) == ("1", '"2"')
    stale = {"If-Match": tag}
    for answer in (
        await admin.patch(f"{path}/status", json={"status": "contacted"}, headers=stale),
        await admin.post(f"{path}/assign", json={"assigned_to": None}, headers=stale),
    ):
        assert (answer.status_code, answer.json()["code"]) == (412, "moved_on")
    assert (await admin.patch(path, json={"notes": "3"}, headers={"If-Match": '"7", "2"'})).status_code == 200
    assert (await admin.patch(path, json={"notes": "4"}, headers={"If-Match": "*"})).status_code == 200
    assert (await admin.patch(path, json={"notes": "5"})).json()["version"] == 5


async def test_of_many_who_have_one_version_in_mind_one_is_first(
    crowd: Postgres, postgres: Postgres, company: Tenant, lead_id: UUID
) -> None:
    store, actor = EditStore(crowd, source="leads"), Actor(company.company_id, company.user_id)
    answers = await asyncio.gather(
        *(store.edit(actor, lead_id, {"notes": str(number)}, {}, {1}) for number in range(12)), return_exceptions=True
    )
    assert sum(isinstance(answer, MovedOn) for answer in answers) == 11
    assert len(await audit(postgres, lead_id)) == 1


async def test_two_who_change_different_fields_at_once_both_have_their_way(
    crowd: Postgres, db: Stored, company: Tenant, lead_id: UUID
) -> None:
    store, actor = EditStore(crowd, source="leads"), Actor(company.company_id, company.user_id)
    moving = ChangeStore(crowd, source="leads")
    fields = ("notes", "job_title", "first_name", "last_name", "message")
    await asyncio.gather(
        *(store.edit(actor, lead_id, {field: "new"}, {}) for field in fields),
        moving.move(actor, lead_id, LeadStatus.QUALIFIED, None),
    )
    (row,) = await db.rows("SELECT * FROM amigocare.amigocare_leads WHERE public_id = :id", id=lead_id)
    assert [row[field] for field in fields] == ["new"] * 5
    assert (row["status"], row["version"]) == ("qualified", 7)


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": " "},
        {"name": None},
        {"email": "nobody"},
        {"source": "newsletter"},
        {"priority": "urgent"},
        {"status": "closed_won"},
        {"company_id": 2},
        {"job_title": "x" * 256},
        {"custom_fields": {"unknown": 1}},
        {"custom_fields": {"a": {"b": 1}}},
    ],
)
async def test_what_cannot_be_written_is_refused(
    admin: httpx.AsyncClient, postgres: Postgres, lead_id: UUID, wrong: dict[str, Any]
) -> None:
    answer = await admin.patch(f"/api/v1/leads/{lead_id}", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{next(iter(wrong))}")
    assert await audit(postgres, lead_id) == []


async def test_a_phone_that_another_lead_of_the_account_has_is_named(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant
) -> None:
    first, second = [await capture(postgres, company, number, phone=f"1198123456{number}") for number in (1, 2)]
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "UPDATE amigocare.amigocare_leads SET amigocare_messaging_account_id = :account"
                " WHERE public_id = ANY(:ids)"
            ),
            {"account": company.account_id, "ids": [first, second]},
        )
    answer = await admin.patch(f"/api/v1/leads/{second}", json={"phone": "11981234561"})
    assert (answer.status_code, answer.json()["code"], answer.json()["lead_id"]) == (409, "lead_exists", str(first))


def test_what_is_wanted_is_what_was_named() -> None:
    """A default is no wish."""
    assert wanted_columns(EditBody()) == {}
    assert wanted_columns(EditBody(company=None)) == {"company_name": None}


async def test_who_makes_a_lead_again_is_answered_it_also_when_its_address_was_emptied(
    admin: httpx.AsyncClient,
) -> None:
    body = {"name": "Bia", "email": f"{unique('bia')}@example.com"}
    keyed = {"Idempotency-Key": unique("key")}
    first = await admin.post("/api/v1/leads", json=body, headers=keyed)
    assert first.status_code == 201, first.text
    edited = await admin.patch(f"/api/v1/leads/{first.json()['id']}", json={"email": None})
    assert edited.status_code == 200, edited.text
    again = await admin.post("/api/v1/leads", json=body, headers=keyed)
    assert again.status_code == 201, again.text
    assert again.json() == first.json() | {"email": None}
