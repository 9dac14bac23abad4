"""Every call of leads, whoever makes it: without a token, with a wrong one, without the right, of another company."""

import io
import uuid
from dataclasses import replace
from typing import Any

import httpx
import pytest
import pytest_asyncio
from fastapi.routing import APIRoute
from openpyxl import load_workbook

from libs.common.stores.postgres import Postgres
from services.leads.main import ROUTERS
from tests.integration.leads.conftest import SECRET, Site
from tests.integration.leads.test_change_store import capture
from tests.support.platform import EVERYTHING, Tenant
from tests.support.readers import Stored

PERMISSIONS = {
    ("GET", "/api/v1/leads"): "VIEW_LEADS",
    ("GET", "/api/v1/leads/export.csv"): "VIEW_LEADS",
    ("GET", "/api/v1/leads/export.xlsx"): "VIEW_LEADS",
    ("GET", "/api/v1/leads/template.csv"): "VIEW_LEADS",
    ("GET", "/api/v1/leads/{lead_id}"): "VIEW_LEADS",
    ("PATCH", "/api/v1/leads/{lead_id}"): "EDIT_LEADS",
    ("DELETE", "/api/v1/leads/{lead_id}"): "DELETE_LEADS",
    ("PATCH", "/api/v1/leads/{lead_id}/status"): "EDIT_LEADS",
    ("POST", "/api/v1/leads/{lead_id}/assign"): "ASSIGN_LEADS",
    ("POST", "/api/v1/leads/{lead_id}/activities"): "EDIT_LEADS",
    ("POST", "/api/v1/leads/{lead_id}/convert"): "CONVERT_LEADS",
    ("GET", "/api/v1/pipelines"): "VIEW_LEADS",
    ("GET", "/api/v1/lists"): "VIEW_LEADS",
    ("POST", "/api/v1/lists"): "EDIT_LEADS",
    ("GET", "/api/v1/lists/{list_id}"): "VIEW_LEADS",
    ("PATCH", "/api/v1/lists/{list_id}"): "EDIT_LEADS",
    ("DELETE", "/api/v1/lists/{list_id}"): "EDIT_LEADS",
    ("POST", "/api/v1/lists/{list_id}/members"): "EDIT_LEADS",
    ("DELETE", "/api/v1/lists/{list_id}/members"): "EDIT_LEADS",
    ("GET", "/api/v1/fields"): "VIEW_LEADS",
    ("POST", "/api/v1/fields"): "EDIT_LEADS",
    ("PATCH", "/api/v1/fields/{key}"): "EDIT_LEADS",
    ("DELETE", "/api/v1/fields/{key}"): "EDIT_LEADS",
    ("GET", "/api/v1/users"): "VIEW_LEADS",
    ("GET", "/api/v1/forms"): "EDIT_LEADS",
    ("POST", "/api/v1/forms"): "EDIT_LEADS",
    ("PATCH", "/api/v1/forms/{form_id}"): "EDIT_LEADS",
    ("DELETE", "/api/v1/forms/{form_id}"): "EDIT_LEADS",
}
BODIES: dict[tuple[str, str], Any] = {
    ("PATCH", "/api/v1/leads/{lead_id}"): {"notes": "x"},
    ("PATCH", "/api/v1/leads/{lead_id}/status"): {"status": "contacted"},
    ("POST", "/api/v1/leads/{lead_id}/assign"): {"assigned_to": None},
    ("POST", "/api/v1/leads/{lead_id}/activities"): {"activity_type": "contacted", "description": "x"},
    ("POST", "/api/v1/leads/{lead_id}/convert"): {"stage_id": str(uuid.uuid4()), "title": "x"},
    ("POST", "/api/v1/lists"): {"name": "x"},
    ("PATCH", "/api/v1/lists/{list_id}"): {"name": "y"},
    ("POST", "/api/v1/lists/{list_id}/members"): {"filter": {}},
    ("DELETE", "/api/v1/lists/{list_id}/members"): {"filter": {}},
    ("POST", "/api/v1/fields"): {"key": "k", "label": "K", "type": "string"},
    ("PATCH", "/api/v1/fields/{key}"): {"label": "L"},
    ("POST", "/api/v1/forms"): {"name": "x"},
    ("PATCH", "/api/v1/forms/{form_id}"): {"origins": []},
}
CALLS = sorted(PERMISSIONS)
ANYBODYS = {("POST", "/api/v1/leads"), ("OPTIONS", "/api/v1/leads")}
each_call = pytest.mark.parametrize(("method", "path"), CALLS)


@pytest_asyncio.fixture
async def ids(postgres: Postgres, db: Stored, company: Tenant) -> dict[str, str]:
    """What the company has."""
    lead_id = await capture(postgres, company)
    made = {"c": company.company_id, "u": company.user_id}
    await db.execute("INSERT INTO crm.lead_lists (company_id, name, created_by) VALUES (:c, 'Feira', :u)", **made)
    await db.execute(
        "INSERT INTO crm.field_definitions (company_id, key, label, type, created_by)"
        " VALUES (:c, 'plan', 'Plan', 'string', :u)",
        **made,
    )
    list_id = await db.value("SELECT id FROM crm.lead_lists WHERE company_id = :c", c=company.company_id)
    await db.execute("INSERT INTO crm.capture_forms (company_id) VALUES (:c)", c=company.company_id)
    form_id = await db.value("SELECT id FROM crm.capture_forms WHERE company_id = :c", c=company.company_id)
    return {"lead_id": str(lead_id), "list_id": str(list_id), "key": "plan", "form_id": str(form_id)}


def test_every_call_is_in_the_table() -> None:
    found = {
        (method, route.path)
        for each in ROUTERS
        for route in each.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert found == PERMISSIONS.keys() | ANYBODYS


async def state(db: Stored) -> list[Any]:
    """Return all that a call could have changed."""
    tables = (
        "amigocare.amigocare_leads",
        "crm.lead_lists",
        "crm.lead_list_members",
        "crm.field_definitions",
        "crm.capture_forms",
        "crm.lead_activities",
        "crm.opportunities",
        "crm.audit_log",
        "crm.access_log",
    )
    return [await db.rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]


@each_call
async def test_who_may_not_changes_and_learns_nothing(
    site: Site, db: Stored, company: Tenant, other_tenant: Tenant, ids: dict[str, str], method: str, path: str
) -> None:
    client: httpx.AsyncClient = site()
    others = replace(other_tenant, jwt_secret=SECRET)
    lacking = {"LEADS": [each for each in EVERYTHING["LEADS"] if each != PERMISSIONS[method, path]]}
    wrong = {
        "nobody": ({}, 401),
        "not a token": ({"Authorization": "Bearer x"}, 401),
        "another scheme": ({"Authorization": "Basic eDp4"}, 401),
        "another secret": (replace(company, jwt_secret="x" * 40).headers(permissions=EVERYTHING), 401),
        "expired": (company.headers(permissions=EVERYTHING, exp=1), 401),
        "no company": (company.headers(permissions=EVERYTHING, company_id=None), 401),
        "without the right": (company.headers(permissions=lacking), 403),
        "the right on another module": (company.headers(permissions={"DOORS": EVERYTHING["LEADS"]}), 403),
    }
    if "{" in path:
        wrong["another company"] = (others.headers(permissions=EVERYTHING), 404)
    before = await state(db)
    for who, (headers, status) in wrong.items():
        answer = await client.request(method, path.format(**ids), json=BODIES.get((method, path)), headers=headers)
        assert (who, answer.status_code) == (who, status), answer.text
        assert answer.headers["content-type"] == "application/problem+json"
    assert await state(db) == before


async def test_a_list_and_an_export_show_the_callers_company_alone(
    site: Site, company: Tenant, other_tenant: Tenant, ids: dict[str, str]
) -> None:
    others = site(headers=replace(other_tenant, jwt_secret=SECRET).headers(permissions=EVERYTHING))
    for params in ({}, {"q": "john"}, {"list_id": ids["list_id"]}):
        assert (await others.get("/api/v1/leads", params=params)).json()["total"] == 0
        assert (await others.get("/api/v1/leads/export.csv", params=params)).text.count("\n") == 1
        book = await others.get("/api/v1/leads/export.xlsx", params=params)
        assert load_workbook(io.BytesIO(book.content)).worksheets[0].max_row == 1
    assert (await others.get("/api/v1/lists")).json()["items"] == []
    assert (await others.get("/api/v1/fields")).json()["items"] == []
    assert (await others.get("/api/v1/forms")).json()["items"] == []


async def test_colleagues_are_those_of_the_callers_company(site: Site, company: Tenant, other_tenant: Tenant) -> None:
    """Page by page, and by a token that may look at leads alone."""
    theirs = {other_tenant.user_id, other_tenant.other_user_id}
    client = site(headers=company.headers(permissions={"LEADS": ["VIEW_LEADS"]}))
    first = (await client.get("/api/v1/users", params={"limit": 1})).json()
    rest = (await client.get("/api/v1/users", params={"limit": 1, "cursor": first["next"]})).json()
    found = [*first["items"], *rest["items"]]
    assert found == [{"id": company.user_id, "name": "A"}, {"id": company.other_user_id, "name": "B"}]
    assert rest["next"] is None
    assert theirs.isdisjoint({each["id"] for each in found})
    assert (await client.get("/api/v1/users", params={"cursor": "x"})).status_code == 422
