"""The examples of the lead service's specification, with their own values, against the running services.

Users are the platform's numbers: where an example has a UUID for one, it is a number here, or its digits.
"""

import re
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.e2e.test_leads import form_of
from tests.support.platform import EVERYTHING, Tenant
from tests.support.processes import needs_local_stack
from tests.support.readers import body_of, subscribed
from tests.support.stack import Addresses, own_address

ENQUIRY = {
    "name": "John Doe",
    "email": "john@example.com",
    "phone": "+919876543210",
    "company": "Acme Corp",
    "message": "Interested in your services",
    "source": "website",
}
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@pytest_asyncio.fixture
async def created(http: httpx.AsyncClient, stack_tenant: Tenant, stack_engine: AsyncEngine) -> dict[str, Any]:
    """The answer to the first example: a lead of the public form."""
    answer = await http.post("/api/v1/leads", json=ENQUIRY, headers=await form_of(stack_engine, stack_tenant))
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest_asyncio.fixture
async def admin(stack: Addresses, stack_tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    headers = stack_tenant.headers(permissions=EVERYTHING)
    async with httpx.AsyncClient(base_url=stack.api_url, headers=headers, timeout=30) as client:
        yield client


def is_time(text: str) -> bool:
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None


def test_create_lead(created: dict[str, Any]) -> None:
    assert list(created) == ["id", "name", "email", "status", "created_at"]
    assert UUID.fullmatch(created["id"])
    assert (created["name"], created["email"], created["status"]) == ("John Doe", "john@example.com", "new")
    assert is_time(created["created_at"])


async def test_list_leads(created: dict[str, Any], admin: httpx.AsyncClient) -> None:
    asked: dict[str, str | int] = {"status": "new", "source": "website", "page": 1, "limit": 20}
    found = (await admin.get("/api/v1/leads", params=asked)).json()
    assert {name: found[name] for name in ("total", "page", "limit")} == {"total": 1, "page": 1, "limit": 20}
    (item,) = found["items"]
    assert {name: item[name] for name in created} == created
    assert item["source"] == "website"
    assert (await admin.get("/api/v1/leads", params={"status": "qualified"})).json()["items"] == []


async def test_get_lead_details(created: dict[str, Any], admin: httpx.AsyncClient) -> None:
    found = (await admin.get(f"/api/v1/leads/{created['id']}")).json()
    expected = ENQUIRY | {"id": created["id"], "status": "new", "priority": "medium", "assigned_to": None}
    expected |= {"created_at": created["created_at"], "updated_at": created["created_at"]}
    assert {name: found[name] for name in expected} == expected
    (activity,) = found["activities"]
    assert UUID.fullmatch(activity["id"])
    assert (activity["activity_type"], activity["description"]) == ("created", "Lead created from website")
    assert activity["created_at"] == created["created_at"]


async def test_update_lead_status(created: dict[str, Any], admin: httpx.AsyncClient) -> None:
    body = {"status": "contacted", "notes": "Called customer, interested in proposal"}
    answer = await admin.patch(f"/api/v1/leads/{created['id']}/status", json=body)
    assert answer.status_code == 200
    assert list(answer.json()) == ["id", "status", "updated_at"]
    assert (answer.json()["id"], answer.json()["status"]) == (created["id"], "contacted")
    assert is_time(answer.json()["updated_at"])


async def test_assign_lead(created: dict[str, Any], admin: httpx.AsyncClient, stack_tenant: Tenant) -> None:
    path = f"/api/v1/leads/{created['id']}/assign"
    for user in (str(stack_tenant.other_user_id), stack_tenant.other_user_id):
        assert (await admin.post(path, json={"assigned_to": user})).status_code == 200
    found = (await admin.get("/api/v1/leads", params={"assigned_to": stack_tenant.other_user_id})).json()
    assert [each["id"] for each in found["items"]] == [created["id"]]


async def test_add_activity_note(created: dict[str, Any], admin: httpx.AsyncClient) -> None:
    body = {"activity_type": "note_added", "description": "Customer requested pricing information"}
    assert (await admin.post(f"/api/v1/leads/{created['id']}/activities", json=body)).status_code == 201


async def test_events(created: dict[str, Any], admin: httpx.AsyncClient, stack: Addresses) -> None:
    moved = await admin.patch(f"/api/v1/leads/{created['id']}/status", json={"status": "contacted"})
    lead_id = created["id"]
    expected = {
        "lead.created.v1": {
            "event_type": "LeadCreated",
            "lead_id": lead_id,
            "email": "john@example.com",
            "source": "website",
            "timestamp": created["created_at"],
        },
        "lead.status-changed.v1": {
            "event_type": "LeadStatusChanged",
            "lead_id": lead_id,
            "old_status": "new",
            "new_status": "contacted",
            "timestamp": moved.json()["updated_at"],
        },
    }
    for name, event in expected.items():
        async with subscribed(stack.kafka_bootstrap, name) as topic:
            body = body_of(await topic.first_of(lead_id))
        assert {member: body[member] for member in event} == event


@needs_local_stack
async def test_health_check(http: httpx.AsyncClient) -> None:
    """Any of several calls may wait for a busy machine; the service itself asks no server."""
    answers = [await http.get(f"{own_address('leads')}/health") for _ in range(10)]
    assert {answer.status_code for answer in answers} == {200}
    assert min(answer.elapsed.total_seconds() for answer in answers) < 0.2


async def test_the_eleventh_request_of_an_hour_is_refused(
    http: httpx.AsyncClient, stack_tenant: Tenant, stack_engine: AsyncEngine
) -> None:
    form = await form_of(stack_engine, stack_tenant)
    answers = [await http.post("/api/v1/leads", json=ENQUIRY, headers=form) for _ in range(11)]
    assert [answer.status_code for answer in answers] == [201] * 10 + [429]
    assert len({answer.json()["id"] for answer in answers[:10]}) == 1, "the same person within the hour is one lead"
