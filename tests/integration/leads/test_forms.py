"""Forms of a company's pages: made, changed and deleted by its users; their keys let leads in."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.capturing.store import CaptureStore
from services.leads.placing.domain import MOST, MOST_ORIGINS
from services.leads.placing.store import FormStore, TooManyForms
from services.leads.recording.store import Actor
from tests.integration.leads.conftest import Site
from tests.support.platform import Tenant
from tests.support.readers import Stored

PAGE = "https://www.example.com"
PERSON = {"name": "John Doe", "email": "john@example.com"}


@pytest.fixture
def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


async def make(admin: httpx.AsyncClient, **changes: Any) -> dict[str, Any]:
    answer = await admin.post("/api/v1/forms", json={"name": "Contact page", "origins": [PAGE]} | changes)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


async def send(public: httpx.AsyncClient, form: dict[str, Any], *, origin: str = PAGE) -> httpx.Response:
    return await public.post("/api/v1/leads", json=PERSON, headers={"X-Form-Key": form["key"], "Origin": origin})


async def test_a_form_that_was_made_lets_leads_in_from_its_pages(
    site: Site, admin: httpx.AsyncClient, db: Stored, company: Tenant
) -> None:
    public, form = site(), await make(admin)
    assert list(form) == ["id", "key", "name", "origins", "created_by", "created_at"]
    assert (len(form["key"]), form["created_by"]) == (32, company.user_id)
    answer = await send(public, form)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, PAGE)
    owner = "SELECT company_id FROM amigocare.amigocare_leads WHERE public_id = :id"
    assert await db.value(owner, id=answer.json()["id"]) == company.company_id
    assert (await send(public, form, origin="https://elsewhere.example.com")).json()["code"] == "origin_forbidden"
    assert (await admin.get("/api/v1/forms")).json() == {"items": [form]}


async def test_a_page_may_read_why_its_form_was_refused(
    site: Site, admin: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the reason: which field is wrong, and when to come again while a store is away."""
    form = await make(admin)
    public, headers = site(), {"X-Form-Key": form["key"], "Origin": PAGE}
    wrong = await public.post("/api/v1/leads", json={"name": ""}, headers=headers)
    assert (wrong.status_code, wrong.headers.get("Access-Control-Allow-Origin")) == (422, PAGE)

    async def away(*_: object) -> None:
        raise OSError

    monkeypatch.setattr(CaptureStore, "capture", away)
    refused = await send(public, form)
    assert (refused.status_code, refused.headers.get("Access-Control-Allow-Origin")) == (503, PAGE)
    assert "Retry-After" in refused.headers["Access-Control-Expose-Headers"]
    elsewhere = await send(public, form, origin="https://elsewhere.example.com")
    assert "Access-Control-Allow-Origin" not in elsewhere.headers


ASKED = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type,x-form-key"}


async def test_pages_that_are_named_to_the_service_shut_out_no_page_of_a_form(
    site: Site, admin: httpx.AsyncClient
) -> None:
    form, named = await make(admin), "https://crm.example.com"
    public = site(http_cors_origins=named)
    for origin in (PAGE, named):
        before = await public.options("/api/v1/leads", headers={"Origin": origin} | ASKED)
        assert (before.is_success, before.headers["Access-Control-Allow-Origin"]) == (True, origin)
        assert "x-form-key" in before.headers["Access-Control-Allow-Headers"].lower()
    answer = await send(public, form)
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, PAGE)
    elsewhere = await public.options("/api/v1/leads", headers={"Origin": "https://elsewhere.example.com"} | ASKED)
    assert (elsewhere.status_code, "Access-Control-Allow-Origin" in elsewhere.headers) == (403, False)


async def test_what_was_made_is_found_below_the_path_that_a_gateway_serves_under(
    site: Site, signed_in: dict[str, str], admin: httpx.AsyncClient
) -> None:
    form, behind = await make(admin), site(headers=signed_in, http_root_path="/crm")
    made = await send(site(http_root_path="/crm"), form)
    assert made.headers["Location"] == f"/crm/api/v1/leads/{made.json()['id']}"
    listed = await behind.post("/api/v1/lists", json={"name": "Fair"})
    assert listed.headers["Location"] == f"/crm/api/v1/lists/{listed.json()['id']}"
    for path in (made.headers["Location"], listed.headers["Location"], made.headers["Location"].removeprefix("/crm")):
        assert (await behind.get(path)).status_code == 200
    for path in ("/crm/api/v1/leads", "/api/v1/leads"):
        wrong = await behind.put(path)
        assert (wrong.status_code, wrong.headers["Allow"]) == (405, "GET, HEAD, POST"), path


async def test_a_form_is_changed_and_deleted(site: Site, admin: httpx.AsyncClient) -> None:
    public, form = site(), await make(admin)
    path, other = f"/api/v1/forms/{form['id']}", "https://shop.example.com"
    changed = (await admin.patch(path, json={"origins": [other]})).json()
    assert changed == form | {"origins": [other]}
    assert (await send(public, form)).json()["code"] == "origin_forbidden"
    assert (await send(public, form, origin=other)).status_code == 201
    assert (await admin.patch(path, json={"name": " Shop "})).json() == changed | {"name": "Shop"}
    assert (await admin.patch(path, json={})).json() == changed | {"name": "Shop"}
    assert (await admin.delete(path)).status_code == 204
    refused = await send(public, form, origin=other)
    assert (refused.status_code, refused.json()["code"]) == (422, "form_unknown")
    preflight = await public.options("/api/v1/leads", headers={"Origin": other})
    assert preflight.status_code == 403
    for answer in (await admin.delete(path), await admin.patch(path, json={"name": "x"})):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await admin.patch(f"/api/v1/forms/{uuid4()}", json={})).status_code == 404


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("https://www.Example.com/", PAGE),
        ("https://www.example.com:443", PAGE),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://café.example", "https://xn--caf-dma.example"),
        ("http://[2001:db8::1]:81", "http://[2001:db8::1]:81"),
    ],
)
async def test_an_origin_is_kept_as_browsers_send_it(admin: httpx.AsyncClient, written: str, kept: str) -> None:
    assert (await make(admin, origins=[written, kept]))["origins"] == [kept]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "\u200b"},
        {"name": "x" * 256},
        {"origins": "https://www.example.com"},
        *({"origins": [each]} for each in ("", "null", "*", "www.example.com", "https://*.example.com", "ftp://a.b")),
        *({"origins": [f"https://{each}"]} for each in ("", "a/b", "a?b", "a#b", "u:p@a", "a:b", "a b", "a" * 300)),
        {"origins": [f"https://{number}.example.com" for number in range(MOST_ORIGINS + 1)]},
        {"key": "chosen by me"},
    ],
)
async def test_a_form_that_cannot_be_is_refused(admin: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await admin.post("/api/v1/forms", json={"name": "A"} | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"][0]["pointer"].startswith(f"/{next(iter(wrong))}")


async def test_of_many_forms_at_once_fifty_are_made(crowd: Postgres, tenant: Tenant) -> None:
    store, actor = FormStore(crowd), Actor(tenant.company_id, tenant.user_id)
    answers = await asyncio.gather(*(store.make(actor, "Form", []) for _ in range(MOST + 10)), return_exceptions=True)
    assert sum(isinstance(answer, TooManyForms) for answer in answers) == 10
    found = await store.all(tenant.company_id)
    assert len({each["key"] for each in found}) == MOST


async def test_the_role_of_leads_writes_forms_of_its_transactions_company_alone(
    postgres: Postgres, tenant: Tenant, other_tenant: Tenant
) -> None:
    """It reads whose form a key is before it knows the company; past that it is behind the wall."""
    for company in (tenant, other_tenant):
        await FormStore(postgres).make(Actor(company.company_id, company.user_id), "Form", [PAGE])
    ids = {"ours": tenant.company_id, "theirs": other_tenant.company_id}
    everybody = "WHERE company_id IN (:ours, :theirs)"
    async with postgres.engine.connect() as connection:

        async def as_leads(company_id: int | None, statement: str) -> int:
            async with connection.begin() as transaction:
                await connection.execute(text("SET LOCAL ROLE leadflow_leads"))
                setting = {"id": "" if company_id is None else str(company_id)}
                await connection.execute(text("SELECT set_config('leadflow.company_id', :id, true)"), setting)
                rows = (await connection.execute(text(statement), ids)).rowcount
                await transaction.rollback()
            return rows

        assert await as_leads(None, f"SELECT FROM crm.capture_forms {everybody}") == 2
        for company_id, rows in ((None, 0), (tenant.company_id, 1)):
            assert await as_leads(company_id, f"UPDATE crm.capture_forms SET origins = '{{}}' {everybody}") == rows
            assert await as_leads(company_id, f"DELETE FROM crm.capture_forms {everybody}") == rows
