"""The examples of the lead service's specification, with their own values.

Users are the platform's numbers: where an example has a UUID for one, it is a number here, or its digits.
"""

from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.integration.leads.conftest import SECRET, Site
from tests.support.platform import EVERYTHING, Tenant

ENQUIRY: dict[str, Any] = {
    "name": "John Doe",
    "email": "john@example.com",
    "phone": "+919876543210",
    "company": "Acme Corp",
    "message": "Interested in your services",
    "source": "website",
}


@pytest.fixture
def public(site: Site, company: Tenant) -> httpx.AsyncClient:
    return site(capture_company_id=company.company_id)


@pytest.fixture
def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


async def enquire(public: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await public.post("/api/v1/leads", json=ENQUIRY | changes)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


def is_utc(text: str) -> bool:
    return text.endswith("Z") and datetime.fromisoformat(text).tzinfo is not None


async def test_create_lead(public: httpx.AsyncClient) -> None:
    made = await enquire(public)
    assert list(made) == ["id", "name", "email", "status", "created_at"]
    assert UUID(made["id"]).version == 7
    assert (made["name"], made["email"], made["status"]) == ("John Doe", "john@example.com", "new")
    assert is_utc(made["created_at"])


async def test_list_leads(public: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    made = await enquire(public)
    listed = (await admin.get("/api/v1/leads")).json()
    assert {name: listed[name] for name in ("total", "page", "limit")} == {"total": 1, "page": 1, "limit": 20}
    expected = made | {"source": "website"}
    assert {name: listed["items"][0][name] for name in expected} == expected
    for found, query in ((1, {"status": "new", "source": "website"}), (0, {"status": "contacted"}), (0, {"page": 2})):
        assert len((await admin.get("/api/v1/leads", params=query)).json()["items"]) == found


async def test_get_lead_details(public: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    made = await enquire(public)
    lead = (await admin.get(f"/api/v1/leads/{made['id']}")).json()
    expected = ENQUIRY | made | {"priority": "medium", "assigned_to": None, "updated_at": made["created_at"]}
    assert {name: lead[name] for name in expected} == expected
    (activity,) = lead["activities"]
    assert UUID(activity["id"])
    assert activity["activity_type"] == "created"
    assert activity["description"] == "Lead created from website"
    assert activity["created_at"] == made["created_at"]


async def test_update_lead_status(public: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    made = await enquire(public)
    body = {"status": "contacted", "notes": "Called customer, interested in proposal"}
    answer = await admin.patch(f"/api/v1/leads/{made['id']}/status", json=body)
    assert answer.status_code == 200
    assert list(answer.json()) == ["id", "status", "updated_at"]
    assert (answer.json()["id"], answer.json()["status"]) == (made["id"], "contacted")
    assert (await admin.patch(f"/api/v1/leads/{made['id']}/status", json=body)).json() == answer.json()
    assert (await admin.patch(f"/api/v1/leads/{made['id']}/status", json={"status": "proposal"})).status_code == 200
    refused = await admin.patch(f"/api/v1/leads/{made['id']}/status", json={"status": "new"})
    assert (refused.status_code, refused.json()["code"]) == (409, "transition")
    assert refused.json()["allowed"] == ["qualified", "closed_won", "closed_lost"]


async def test_assign_lead(public: httpx.AsyncClient, admin: httpx.AsyncClient, company: Tenant) -> None:
    made = await enquire(public)
    path = f"/api/v1/leads/{made['id']}/assign"
    for user in (company.other_user_id, str(company.other_user_id)):
        answer = await admin.post(path, json={"assigned_to": user})
        assert (answer.status_code, answer.json()["assigned_to"]) == (200, company.other_user_id)
    listed = await admin.get("/api/v1/leads", params={"assigned_to": company.other_user_id})
    assert listed.json()["total"] == 1
    assert (await admin.post(path, json={"assigned_to": None})).json()["assigned_to"] is None
    assert (await admin.post(path, json={"assigned_to": 2_000_000_000})).json()["code"] == "assignee_not_found"


async def test_add_activity_note(public: httpx.AsyncClient, admin: httpx.AsyncClient) -> None:
    made = await enquire(public)
    body = {"activity_type": "note_added", "description": "Customer requested pricing information"}
    answer = await admin.post(f"/api/v1/leads/{made['id']}/activities", json=body)
    assert answer.status_code == 201
    assert {name: answer.json()[name] for name in body} == body
    history = (await admin.get(f"/api/v1/leads/{made['id']}")).json()["activities"]
    assert [entry["activity_type"] for entry in history] == ["note_added", "created"]


async def test_ten_an_hour_and_address(site: Site, company: Tenant) -> None:
    """The eleventh is refused, whatever it says of itself; another address is not."""
    public = site(capture_company_id=company.company_id)
    for number in range(10):
        answer = await public.post("/api/v1/leads", json=ENQUIRY | {"email": f"{number}@example.com"})
        assert answer.headers["RateLimit-Remaining"] == str(9 - number)
    forged = {"X-Forwarded-For": "198.51.100.9", "Forwarded": "for=198.51.100.9", "X-Real-IP": "198.51.100.9"}
    refused = await public.post("/api/v1/leads", json=ENQUIRY, headers=forged)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_leads")
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600
    assert refused.headers["RateLimit-Limit"] == "10"
    assert refused.headers["RateLimit-Remaining"] == "0"
    behind = site(peer="10.0.0.5", capture_company_id=company.company_id, trusted_proxies="10.0.0.0/8")
    answer = await behind.post("/api/v1/leads", json=ENQUIRY, headers={"X-Forwarded-For": "198.51.100.9"})
    assert answer.status_code == 201
    answer = await behind.post("/api/v1/leads", json=ENQUIRY, headers={"X-Forwarded-For": "198.51.100.9, 203.0.113.7"})
    assert answer.status_code == 429


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 422),
        (b"{", 422),
        (b"null", 422),
        (b"[]", 422),
        (b'{"name": "\xff"}', 422),
        (b'{"name": "A", "email": "a@example.com", "admin": true}', 422),
        (b'{"name": " ", "email": "a@example.com"}', 422),
        (b'{"name": "A", "email": ""}', 422),
        (b'{"name": "A", "email": "a"}', 422),
        (b'{"name": 1, "email": "a@example.com"}', 422),
        (b'{"name": "A"}', 422),
        (b'{"name": "A", "email": "a@example.com", "source": "newsletter"}', 422),
        (b'{"name": "A", "email": "a@example.com", "status": "closed_won"}', 422),
        (b"[" * 60_000, 422),
        (b'{"name": "' + b"A" * 70_000 + b'"}', 413),
        (b'{"name": "A", "email": "a@example.com", "message": "\\ud800"}', 422),
        (b'{"name": "A\\u0000", "email": "a@example.com", "message": "a\\u0000b\\nc", "phone": "call me"}', 201),
    ],
)
async def test_a_body_of_any_kind_is_answered(public: httpx.AsyncClient, body: bytes, status: int) -> None:
    answer = await public.post("/api/v1/leads", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text
    if status != 201:
        assert answer.headers["Content-Type"] == "application/problem+json"


async def test_nobody_is_let_in_without_a_right(site: Site, company: Tenant) -> None:
    """Without a token, with a wrong one, without the permission; another company's lead is none."""
    public = site(capture_company_id=company.company_id)
    made = await enquire(public)
    calls: list[tuple[str, str, Any]] = [
        ("GET", "/api/v1/leads", None),
        ("GET", f"/api/v1/leads/{made['id']}", None),
        ("PATCH", f"/api/v1/leads/{made['id']}/status", {"status": "contacted"}),
        ("POST", f"/api/v1/leads/{made['id']}/assign", {"assigned_to": None}),
        ("POST", f"/api/v1/leads/{made['id']}/activities", {"activity_type": "contacted", "description": "x"}),
    ]
    importer = company.headers()
    for method, path, body in calls:
        for headers, status in (({}, 401), ({"Authorization": "Bearer x"}, 401), (importer, 403)):
            answer = await public.request(method, path, json=body, headers=headers)
            assert (answer.status_code, method, path) == (status, method, path)
    for headers, status in (({"Authorization": "Bearer x"}, 401), ({"Authorization": "Basic x"}, 401), (importer, 403)):
        assert (await public.post("/api/v1/leads", json=ENQUIRY, headers=headers)).status_code == status


async def test_another_companys_lead_is_not_found(public: httpx.AsyncClient, site: Site, other_tenant: Tenant) -> None:
    made = await enquire(public)
    stranger = site(headers=replace(other_tenant, jwt_secret=SECRET).headers(permissions=EVERYTHING))
    assert (await stranger.get("/api/v1/leads")).json()["items"] == []
    for lead_id in (made["id"], str(uuid4())):
        assert (await stranger.get(f"/api/v1/leads/{lead_id}")).status_code == 404
        for method, path, body in (
            ("PATCH", "status", {"status": "contacted"}),
            ("POST", "assign", {"assigned_to": None}),
            ("POST", "activities", {"activity_type": "contacted", "description": "x"}),
        ):
            answer = await stranger.request(method, f"/api/v1/leads/{lead_id}/{path}", json=body)
            assert answer.status_code == 404


async def test_a_lead_that_is_there_is_named(admin: httpx.AsyncClient) -> None:
    made = (await admin.post("/api/v1/leads", json=ENQUIRY)).json()
    refused = await admin.post("/api/v1/leads", json=ENQUIRY)
    assert (refused.status_code, refused.json()["lead_id"]) == (409, made["id"])
    assert (await admin.post("/api/v1/leads", json=ENQUIRY | {"allow_duplicate": True})).status_code == 201


async def test_who_reads_a_lead_is_written_down(
    public: httpx.AsyncClient, admin: httpx.AsyncClient, company: Tenant, db: Any
) -> None:
    made = await enquire(public)
    await admin.get(f"/api/v1/leads/{made['id']}")
    rows = await db.rows("SELECT user_id FROM crm.access_log WHERE company_id = :c", c=company.company_id)
    assert [row["user_id"] for row in rows] == [company.user_id]


async def test_health_asks_no_store(site: Site) -> None:
    assert (await site().get("/health")).json() == {"status": "ok"}
