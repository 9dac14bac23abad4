"""Lists of leads: by ids and by filters, counted by the database whoever changes them at once."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from services.leads.deleting.store import DeletionStore
from services.leads.domain.lead_filter import LeadFilter
from services.leads.grouping.store import GroupStore
from services.leads.recording.store import Actor
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import capture
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


async def list_of(client: httpx.AsyncClient, name: str = "Feira") -> str:
    answer = await client.post("/api/v1/lists", json={"name": name})
    assert answer.status_code == 201, answer.text
    made: str = answer.json()["id"]
    return made


async def is_counted(db: Stored, list_id: UUID | str) -> int:
    """Return how many leads a list has, after a look whether that is what its row says."""
    count: int = await db.value("SELECT count(*) FROM crm.lead_list_members WHERE list_id = :id", id=list_id)
    assert await db.value("SELECT lead_count FROM crm.lead_lists WHERE id = :id", id=list_id) == count
    return count


async def test_a_list_is_made_changed_and_deleted(admin: httpx.AsyncClient) -> None:
    first = await list_of(admin)
    path = f"/api/v1/lists/{first}"
    taken = await admin.post("/api/v1/lists", json={"name": " FEIRA "})
    assert (taken.status_code, taken.json()["code"]) == (409, "name_taken")
    second = await list_of(admin, "Maio")
    changed = await admin.patch(path, json={"description": "de saúde"})
    assert (changed.json()["name"], changed.json()["description"]) == ("Feira", "de saúde")
    assert (await admin.patch(path, json={"name": "maio"})).status_code == 409
    assert (await admin.patch(path, json={"description": None})).json()["description"] is None
    page = (await admin.get("/api/v1/lists", params={"limit": 1})).json()
    assert [each["id"] for each in page["items"]] == [first]
    rest = (await admin.get("/api/v1/lists", params={"cursor": page["next"]})).json()
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([second], None)
    assert (await admin.delete(path)).status_code == 204
    for answer in (await admin.get(path), await admin.delete(path), await admin.patch(path, json={"name": "x"})):
        assert answer.status_code == 404


async def test_members_by_ids_and_by_filter(
    admin: httpx.AsyncClient, postgres: Postgres, db: Stored, company: Tenant
) -> None:
    leads = [str(await capture(postgres, company, n, company="Acme" if n % 2 else "Other")) for n in range(6)]
    list_id = await list_of(admin)
    path = f"/api/v1/lists/{list_id}/members"

    async def change(method: str, body: dict[str, Any]) -> tuple[int, int]:
        answer = await admin.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()["changed"], await is_counted(db, list_id)

    assert await change("POST", {"lead_ids": [*leads[:2], leads[0], str(uuid4())]}) == (2, 2)
    assert await change("POST", {"lead_ids": leads[:2]}) == (0, 2)
    assert await change("POST", {"filter": {"q": "acme"}}) == (2, 4)
    page = (await admin.get("/api/v1/leads", params={"list_id": list_id})).json()
    assert (page["total"], {each["id"] for each in page["items"]}) == (4, {leads[0], *leads[1::2]})
    assert (await admin.get(f"/api/v1/leads/{leads[1]}")).json()["lists"] == [list_id]
    assert await change("DELETE", {"filter": {"q": "acme"}}) == (3, 1)
    assert await change("POST", {"filter": {}}) == (5, 6)
    assert (await admin.delete(f"/api/v1/leads/{leads[0]}")).status_code == 204
    assert await is_counted(db, list_id) == 5
    assert (await admin.get(f"/api/v1/lists/{list_id}")).json()["lead_count"] == 5


@pytest.mark.parametrize(
    "wrong",
    [{}, {"lead_ids": []}, {"lead_ids": ["1"]}, {"lead_ids": [str(uuid4())], "filter": {}}, {"filter": {"x": 1}}],
)
async def test_whom_nobody_means_is_refused(admin: httpx.AsyncClient, wrong: dict[str, Any]) -> None:
    answer = await admin.post(f"/api/v1/lists/{await list_of(admin)}/members", json=wrong)
    assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_another_companys_list_and_leads_are_none(
    admin: httpx.AsyncClient, crowd: Postgres, postgres: Postgres, db: Stored, company: Tenant, other_tenant: Tenant
) -> None:
    theirs = await capture(postgres, other_tenant)
    list_id = UUID(await list_of(admin))
    store = GroupStore(crowd)
    for whom in (LeadFilter(), [theirs]):
        assert await store.add(other_tenant.company_id, list_id, whom) is None
        found = await store.add(company.company_id, list_id, whom)
        assert found is not None
        assert found.changed == 0
    assert await is_counted(db, list_id) == 0


async def test_the_count_is_right_whoever_adds_removes_and_deletes_at_once(
    crowd: Postgres, stores: tuple[PostgresSettings, MongoSettings], db: Stored, company: Tenant
) -> None:
    """Nobody is in a list who is deleted, and nobody waits for each other in a circle."""
    actor, store = Actor(company.company_id, company.user_id), GroupStore(crowd)
    mongo = Mongo(stores[1], application_name="tests")
    deleting = DeletionStore(crowd, mongo, source="leads")
    lists = [(await store.make(actor, name, None))["id"] for name in ("A", "B", "C")]
    for turn in range(4):
        leads = [await capture(crowd, company, turn * 20 + n) for n in range(20)]
        await asyncio.gather(
            *(store.add(company.company_id, each, LeadFilter()) for each in lists),
            *(store.add(company.company_id, each, leads[::-1]) for each in reversed(lists)),
            *(store.remove(company.company_id, each, leads[:5]) for each in lists),
            *(deleting.delete(actor, lead) for lead in leads[3:9]),
        )
        for each in lists:
            await is_counted(db, each)
        ghosts = (
            "SELECT count(*) FROM crm.lead_list_members m JOIN amigocare.amigocare_leads l ON l.id = m.lead_id"
            " WHERE l.is_deleted AND m.company_id = :c"
        )
        assert await db.value(ghosts, c=company.company_id) == 0
    await mongo.close()
