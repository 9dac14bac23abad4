"""A lead becomes an opportunity once, whoever asks and however often."""

import asyncio
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from services.leads.converting.domain import ConvertBody
from services.leads.converting.store import ConversionStore
from services.leads.recording.store import Actor
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import audit, capture, events
from tests.support.platform import Tenant
from tests.support.readers import Stored

WISH = {"title": "Clareamento", "value": 1500.5, "currency": "BRL", "expected_close": "2027-01-31"}


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


async def stages_of(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    answer = await client.get("/api/v1/pipelines")
    assert answer.status_code == 200, answer.text
    stages: list[dict[str, Any]] = answer.json()["items"][0]["stages"]
    return stages


async def test_a_company_has_a_pipeline_from_the_start(
    crowd: Postgres, db: Stored, tenant: Tenant, admin: httpx.AsyncClient
) -> None:
    """Of many who ask first at once one makes it."""
    store = ConversionStore(crowd, source="leads")
    answers = await asyncio.gather(*(store.pipelines(tenant.company_id) for _ in range(12)))
    assert len({each[0]["id"] for each in answers}) == 1
    assert await db.value("SELECT count(*) FROM crm.pipelines WHERE company_id = :c", c=tenant.company_id) == 1
    assert [stage["name"] for stage in await stages_of(admin)] == [
        "Prospecting",
        "Qualification",
        "Proposal",
        "Negotiation",
        "Closing",
    ]


async def test_a_lead_is_converted_with_its_history_audit_and_event(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant
) -> None:
    lead_id = await capture(postgres, company)
    (first, second, *_) = await stages_of(admin)
    answer = await admin.post(f"/api/v1/leads/{lead_id}/convert", json=WISH | {"stage_id": second["id"]})
    assert answer.status_code == 200, answer.text
    opportunity, lead = answer.json()["opportunity"], answer.json()["lead"]
    assert opportunity == WISH | {
        "stage_id": second["id"],
        "id": opportunity["id"],
        "created_at": opportunity["created_at"],
    }
    assert (lead["opportunity_id"], lead["version"]) == (opportunity["id"], 2)
    assert lead["activities"][0]["description"] == "Converted, in stage Qualification"
    assert await audit(postgres, lead_id) == [
        ("convert", {"opportunity_id": None}, {"opportunity_id": opportunity["id"]}, company.user_id)
    ]
    (event,) = await events(postgres, lead_id, "lead.changed.v1")
    assert event["fields"] == ["opportunity_id"]
    again = await admin.post(
        f"/api/v1/leads/{lead_id}/convert", json=WISH | {"stage_id": first["id"], "title": "Another"}
    )
    assert again.json()["opportunity"] == opportunity
    assert len(await events(postgres, lead_id, "lead.changed.v1")) == 1


async def test_of_many_who_convert_at_once_all_are_answered_the_first_one(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    lead_id = await capture(postgres, tenant)
    store, actor = ConversionStore(crowd, source="leads"), Actor(tenant.company_id, tenant.user_id)
    stages = (await store.pipelines(tenant.company_id))[0]["stages"]
    answers = await asyncio.gather(
        *(
            store.convert(actor, lead_id, ConvertBody.model_validate(WISH | {"stage_id": each["id"]}))
            for each in stages * 4
        )
    )
    assert len({str(answer) for answer in answers}) == 1
    assert await db.value("SELECT count(*) FROM crm.opportunities WHERE company_id = :c", c=tenant.company_id) == 1
    assert len(await audit(postgres, lead_id)) == 1
    assert len(await events(postgres, lead_id, "lead.changed.v1")) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": ""},
        {"value": -1},
        {"value": "NaN"},
        {"value": 1e13},
        {"value": 1.001},
        {"currency": "reais"},
        {"expected_close": "soon"},
        {"stage_id": "1"},
        {"owner": 1},
    ],
)
async def test_what_cannot_be_stored_is_refused(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, wrong: dict[str, Any]
) -> None:
    lead_id = await capture(postgres, company)
    wish = WISH | {"stage_id": (await stages_of(admin))[0]["id"]} | wrong
    answer = await admin.post(f"/api/v1/leads/{lead_id}/convert", json=wish)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_another_companys_stage_is_none(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, other_tenant: Tenant
) -> None:
    lead_id = await capture(postgres, company)
    (theirs, *_) = await ConversionStore(postgres, source="leads").pipelines(other_tenant.company_id)
    for stage_id in (theirs["stages"][0]["id"], str(uuid4())):
        answer = await admin.post(f"/api/v1/leads/{lead_id}/convert", json=WISH | {"stage_id": stage_id})
        assert (answer.status_code, answer.json()["code"]) == (422, "stage_not_found")
