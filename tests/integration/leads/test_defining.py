"""Fields of a company's own: fifty, each of one type that its values are held to, and leads are found by them."""

import asyncio
from typing import Any

import httpx
import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from services.leads.defining.store import FieldStore, TooManyFields
from services.leads.domain.custom_fields import MOST
from services.leads.recording.store import Actor
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import audit, capture
from tests.support.platform import Tenant

FIELDS = {"shoe_size": "number", "plan": "string", "is_vip": "boolean", "birthday": "date"}
VALUES: dict[str, Any] = {"shoe_size": 41.5, "plan": "Ouro", "is_vip": True, "birthday": "1990-02-28"}


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    client = site(headers=signed_in)
    for key, kind in FIELDS.items():
        answer = await client.post("/api/v1/fields", json={"key": key, "label": key.title(), "type": kind})
        assert answer.status_code == 201, answer.text
    return client


async def test_a_field_is_made_renamed_and_deleted(admin: httpx.AsyncClient) -> None:
    again = await admin.post("/api/v1/fields", json={"key": "plan", "label": "Plano", "type": "number"})
    assert (again.status_code, again.json()["code"]) == (409, "field_exists")
    assert (await admin.patch("/api/v1/fields/plan", json={"label": "Plano"})).json()["label"] == "Plano"
    found = (await admin.get("/api/v1/fields")).json()["items"]
    assert {each["key"]: each["type"] for each in found} == FIELDS
    assert (await admin.delete("/api/v1/fields/plan")).status_code == 204
    assert (await admin.delete("/api/v1/fields/plan")).status_code == 404
    assert (await admin.patch("/api/v1/fields/plan", json={"label": "x"})).status_code == 404


@pytest.mark.parametrize("wrong", [{"key": "a b"}, {"key": ""}, {"key": "x" * 65}, {"label": ""}, {"type": "money"}])
async def test_a_field_that_cannot_be_is_refused(admin: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await admin.post("/api/v1/fields", json={"key": "a", "label": "A", "type": "string"} | wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_of_many_fields_at_once_fifty_are_made(crowd: Postgres, tenant: Tenant) -> None:
    store, actor = FieldStore(crowd), Actor(tenant.company_id, tenant.user_id)
    answers = await asyncio.gather(
        *(store.make(actor, f"field_{number}", "Field", "string") for number in range(MOST + 10)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, TooManyFields) for answer in answers) == 10
    assert len(await store.all(tenant.company_id)) == MOST


async def test_values_are_held_to_their_types_and_leads_are_found_by_them(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant
) -> None:
    lead_id, other = [await capture(postgres, company, number) for number in (1, 2)]
    path = f"/api/v1/leads/{lead_id}"
    answer = await admin.patch(path, json={"custom_fields": VALUES})
    assert answer.status_code == 200, answer.text
    assert answer.json()["custom_fields"] == VALUES
    assert (await admin.patch(f"/api/v1/leads/{other}", json={"custom_fields": {"plan": "Prata"}})).status_code == 200
    for key, value in {"shoe_size": "41.50", "plan": "Ouro", "is_vip": "true", "birthday": "1990-02-28"}.items():
        page = await admin.get("/api/v1/leads", params={f"custom.{key}": value})
        assert [each["id"] for each in page.json()["items"]] == [str(lead_id)], key
    both = {"custom.plan": "Ouro", "custom.is_vip": "false"}
    assert (await admin.get("/api/v1/leads", params=both)).json()["total"] == 0
    answer = await admin.patch(path, json={"custom_fields": {"plan": None, "is_vip": False}})
    assert answer.json()["custom_fields"] == {"shoe_size": 41.5, "is_vip": False, "birthday": "1990-02-28"}
    _, before, after, _ = (await audit(postgres, lead_id))[-1]
    assert (before["custom_fields"]["plan"], "plan" in after["custom_fields"]) == ("Ouro", False)


@pytest.mark.parametrize(
    "wrong",
    [
        {"shoe_size": "41"},
        {"shoe_size": True},
        {"shoe_size": 1e16},
        {"plan": 1},
        {"plan": "x" * 1_001},
        {"is_vip": "true"},
        {"birthday": "28/02/1990"},
        {"birthday": "1990-02-30"},
        {"colour": "red"},
    ],
)
async def test_a_value_of_another_type_is_refused(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, wrong: dict[str, Any]
) -> None:
    lead_id = await capture(postgres, company)
    answer = await admin.patch(f"/api/v1/leads/{lead_id}", json={"custom_fields": VALUES | wrong})
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/custom_fields/{next(iter(wrong))}"]


@pytest.mark.parametrize("asked", [{"custom.colour": "red"}, {"custom.shoe_size": "large"}, {"custom.is_vip": "1"}])
async def test_what_no_lead_can_have_is_not_looked_for(admin: httpx.AsyncClient, asked: dict[str, str]) -> None:
    answer = await admin.get("/api/v1/leads", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
    assert answer.json()["errors"][0]["parameter"] == next(iter(asked))
