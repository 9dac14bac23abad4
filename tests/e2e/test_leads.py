"""From the form of a site to the pipeline, and each step as an event that another service read."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.kafka import unique
from tests.support.platform import EVERYTHING, Tenant, create_tenant
from tests.support.readers import Topic, body_of, headers_of, subscribed
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

TOPICS = ("lead.created.v1", "lead.status-changed.v1", "lead.changed.v1")
ORIGIN = "https://www.example.com"


@pytest_asyncio.fixture(scope="session")
async def told(stack: Addresses) -> AsyncIterator[dict[str, Topic]]:
    async with AsyncExitStack() as subscriptions:
        yield {
            name: await subscriptions.enter_async_context(subscribed(stack.kafka_bootstrap, name)) for name in TOPICS
        }


async def form_of(engine: AsyncEngine, tenant: Tenant) -> dict[str, str]:
    """Return what a browser sends with a form of the company that stands on a page of another host."""
    key = unique("form")
    async with engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO crm.capture_forms (key, company_id, origins) VALUES (:key, :company_id, :origins)"),
            {"key": key, "company_id": tenant.company_id, "origins": [ORIGIN]},
        )
    return {"X-Form-Key": key, "Origin": ORIGIN}


async def test_from_the_form_to_the_pipeline_with_every_step_read_by_a_subscriber(
    http: httpx.AsyncClient, told: dict[str, Topic], stack_tenant: Tenant, stack_engine: AsyncEngine
) -> None:
    form = await form_of(stack_engine, stack_tenant)
    signed_in = stack_tenant.headers(permissions=EVERYTHING)
    enquiry = {
        "name": "John Doe",
        "email": f"{unique('john')}@example.com",
        "phone": "+919876543210",
        "company": "Acme Corp",
        "message": "Interested in your services",
        "source": "website",
    }
    answer = await http.post("/api/v1/leads", json=enquiry, headers=form)
    assert answer.status_code == 201, answer.text
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    lead_id = answer.json()["id"]
    for looked_for in ("joh", "acme", enquiry["email"], "+91 98765 43210"):
        page = await http.get("/api/v1/leads", params={"q": looked_for}, headers=signed_in)
        assert [each["id"] for each in page.json()["items"]] == [lead_id], looked_for
    moved = await http.patch(f"/api/v1/leads/{lead_id}/status", json={"status": "contacted"}, headers=signed_in)
    assert moved.status_code == 200, moved.text
    assigned = await http.post(
        f"/api/v1/leads/{lead_id}/assign", json={"assigned_to": stack_tenant.other_user_id}, headers=signed_in
    )
    assert assigned.status_code == 200, assigned.text
    made, changed_status, changed = [await told[name].first_of(lead_id) for name in TOPICS]
    assert headers_of(made)["ce_type"] == "LeadCreated"
    assert body_of(made) == {
        "event_type": "LeadCreated",
        "lead_id": lead_id,
        "email": enquiry["email"],
        "source": "website",
        "timestamp": answer.json()["created_at"],
        "company_id": stack_tenant.company_id,
        "channel": "FORM",
        "import_id": None,
    }
    assert body_of(changed_status) == {
        "event_type": "LeadStatusChanged",
        "lead_id": lead_id,
        "old_status": "new",
        "new_status": "contacted",
        "timestamp": moved.json()["updated_at"],
        "company_id": stack_tenant.company_id,
    }
    assert (body_of(changed)["fields"], body_of(changed)["version"]) == (["assigned_to"], 3)


async def test_an_imported_lead_is_found_and_told_of(
    http: httpx.AsyncClient, told: dict[str, Topic], user: User
) -> None:
    phones = new_phones(30)
    found = await user.run(csv_file(lead_rows(phones)))
    signed_in = user.tenant.headers(permissions=EVERYTHING)

    async def search() -> list[dict[str, Any]]:
        page = await http.get("/api/v1/leads", params={"q": f"(11) {phones[7][2:]}"}, headers=signed_in)
        items: list[dict[str, Any]] = page.json()["items"]
        return items

    (lead,) = await eventually(search, what="the lead's place in the search")
    assert (lead["name"], lead["channel"], lead["import_id"]) == (f"Lead {phones[7]}", "IMPORT", found["id"])
    page = await http.get("/api/v1/leads", params={"import_id": found["id"], "limit": 100}, headers=signed_in)
    assert page.json()["total"] == 30
    for each in page.json()["items"]:
        event = body_of(await told["lead.created.v1"].first_of(each["id"]))
        assert (event["channel"], event["import_id"], event["source"]) == ("IMPORT", found["id"], "Feira")
    read = (await http.get(f"/api/v1/leads/{lead['id']}", headers=signed_in)).json()
    assert [each["description"] for each in read["activities"]] == ["Lead created from Feira"]


async def test_further_columns_become_fields_of_the_leads_company_alone(
    http: httpx.AsyncClient, user: User, stack_engine: AsyncEngine
) -> None:
    """Previewed, imported to its end, read lead by lead; and found by the field."""
    phones = new_phones(2)
    rows = (f"Ana,{phones[0]},Santos,2,28/11/2026,sim", f"Rui,{phones[1]},,,,não")
    content = "\n".join(["Nome,Celular,Cidade,Filhos,Desde,Convênio", *rows]).encode()
    keep = {"columns": "mapped", "extra_columns": "keep"}
    previewed = await user.previewed(content, **keep)
    made = [(each["header"], each["field"], each["type"]) for each in previewed["columns"] if each["is_new"]]
    assert made == [
        ("Cidade", "custom:cidade", "string"),
        ("Filhos", "custom:filhos", "number"),
        ("Desde", "custom:desde", "date"),
        ("Convênio", "custom:convenio", "boolean"),
    ]
    signed_in = user.tenant.headers(permissions=EVERYTHING)
    assert (await http.get("/api/v1/fields", headers=signed_in)).json()["items"] == []
    found = await user.run(content, **keep)
    assert (found["status"], found["total_created"]) == ("FINISHED", 2)
    fields = (await http.get("/api/v1/fields", headers=signed_in)).json()["items"]
    assert [(each["key"], each["label"], each["type"]) for each in fields] == [
        (field.removeprefix("custom:"), header, kind) for header, field, kind in made
    ]

    async def search() -> list[dict[str, Any]]:
        page = await http.get("/api/v1/leads", params={"custom.filhos": "2"}, headers=signed_in)
        items: list[dict[str, Any]] = page.json()["items"]
        return items

    (lead,) = await eventually(search, what="the lead with two children")
    read = (await http.get(f"/api/v1/leads/{lead['id']}", headers=signed_in)).json()
    assert read["custom_fields"] == {"cidade": "Santos", "filhos": 2, "desde": "2026-11-28", "convenio": True}
    others = (await create_tenant(stack_engine, jwt_secret=user.tenant.jwt_secret)).headers(permissions=EVERYTHING)
    assert (await http.get("/api/v1/fields", headers=others)).json()["items"] == []
    assert (await http.get(f"/api/v1/leads/{lead['id']}", headers=others)).status_code == 404


async def test_of_a_silent_import_nobody_hears_but_its_end(
    http: httpx.AsyncClient, told: dict[str, Topic], user: User
) -> None:
    """What is imported after it is heard on the same topic, when the silent one's turn is over."""
    signed_in = user.tenant.headers(permissions=EVERYTHING)

    async def enrolled(count: int, **data: Any) -> list[str]:
        """Import so many leads; return their ids once each has its place in the search."""
        found = await user.run(csv_file(lead_rows(new_phones(count))), **data)
        params: dict[str, Any] = {"import_id": found["id"], "q": "lead"}

        async def look() -> list[str] | None:
            page = await http.get("/api/v1/leads", params=params, headers=signed_in)
            ids = [each["id"] for each in page.json()["items"]]
            return ids if len(ids) == count else None

        return await eventually(look, what="the leads' places in the search") or []

    silent = await enrolled(3, silent=True)
    (loud,) = await enrolled(1, name=unique("loud"))
    topic = told["lead.created.v1"]
    await topic.first_of(loud)
    assert len(silent) == 3
    assert [lead_id for lead_id in silent if topic.records.get(lead_id)] == []


async def test_what_a_caller_says_of_his_address_the_gateway_drops(
    http: httpx.AsyncClient, stack_tenant: Tenant, stack_engine: AsyncEngine
) -> None:
    """Each call names another address, and the eleventh is refused: the limit is that of who is connected."""
    form = await form_of(stack_engine, stack_tenant)
    for number in range(11):
        person = {"name": "Ana", "email": f"{unique('ana')}@example.com"}
        forged = form | {"X-Forwarded-For": f"198.51.100.{number}", "Forwarded": f"for=198.51.100.{number}"}
        answer = await http.post("/api/v1/leads", json=person, headers=forged)
        assert answer.status_code == (201 if number < 10 else 429), answer.text
