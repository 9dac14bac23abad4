"""A lead is deleted once; erased, nothing of ours says who it was."""

import asyncio
from uuid import UUID, uuid4

import httpx
import pytest
import pytest_asyncio
from bson import ObjectId

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.changing.store import ChangeStore
from services.leads.deleting.store import DeletionStore
from services.leads.recording.store import Actor
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import audit, capture, events
from tests.support.platform import Tenant
from tests.support.readers import Stored

SECRETS = ("Jóhn", "@example.com", "9876543210", "Acme", "widget", "Johnny", "Söze")


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


@pytest_asyncio.fixture
async def lead_id(postgres: Postgres, company: Tenant) -> UUID:
    return await capture(postgres, company, name="Jóhn Doe", phone="+919876543210", company="Acme", message="widgets")


@pytest.fixture
def actor(company: Tenant) -> Actor:
    return Actor(company.company_id, company.user_id)


async def test_a_deleted_lead_is_gone_and_told_of(
    admin: httpx.AsyncClient, postgres: Postgres, db: Stored, lead_id: UUID
) -> None:
    path = f"/api/v1/leads/{lead_id}"
    assert (await admin.delete(path, headers={"If-Match": '"9"'})).status_code == 412
    assert (await admin.delete(path)).status_code == 204
    for answer in (await admin.get(path), await admin.delete(path), await admin.patch(path, json={"notes": "x"})):
        assert answer.status_code == 404
    assert (await admin.get("/api/v1/leads")).json()["total"] == 0
    assert (await admin.get("/api/v1/leads", params={"q": "john"})).json()["total"] == 0
    (event,) = await events(postgres, lead_id, "lead.deleted.v1")
    assert event["erased"] is False
    assert [entry[0] for entry in await audit(postgres, lead_id)] == ["delete"]
    assert await db.value("SELECT name FROM amigocare.amigocare_leads WHERE public_id = :id", id=lead_id) == "Jóhn Doe"


async def everything_of(db: Stored, company_id: int) -> str:
    """Return all that the tables hold of a company's leads, but what waits to be published."""
    tables = await db.rows(
        "SELECT c.table_schema || '.' || c.table_name AS name FROM information_schema.columns c"
        " JOIN information_schema.tables t USING (table_schema, table_name)"
        " WHERE c.column_name = 'company_id' AND c.table_schema IN ('amigocare', 'crm')"
        " AND t.table_type = 'BASE TABLE' ORDER BY 1"
    )
    assert len(tables) > 15
    found = [await db.rows(f"SELECT * FROM {each['name']} WHERE company_id = :c", c=company_id) for each in tables]
    return str(found) + str(await db.chats_of(company_id))


@pytest.mark.parametrize("deleted_before", [False, True])
async def test_nothing_says_who_an_erased_lead_was(
    admin: httpx.AsyncClient, postgres: Postgres, db: Stored, company: Tenant, lead_id: UUID, *, deleted_before: bool
) -> None:
    path = f"/api/v1/leads/{lead_id}"
    chat_id = ObjectId()
    await db.chats.insert_one(
        {"_id": chat_id, "company_id": company.company_id, "name": "Jóhn", "contact_cellphone": "9876543210"}
    )
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET chat_id = :chat, cpf = '52998224725' WHERE public_id = :id",
        chat=str(chat_id),
        id=lead_id,
    )
    await admin.patch(path, json={"name": "Keyser Söze", "first_name": "Johnny", "notes": "likes widgets"})
    await admin.patch(f"{path}/status", json={"status": "contacted", "notes": "called Jóhn"})
    note = {"activity_type": "note_added", "description": "Jóhn wants widgets"}
    await admin.post(f"{path}/activities", json=note)
    stages = (await admin.get("/api/v1/pipelines")).json()["items"][0]["stages"]
    wish = {"stage_id": stages[0]["id"], "title": "widgets for Söze"}
    assert (await admin.post(f"{path}/convert", json=wish)).status_code == 200
    before = await everything_of(db, company.company_id)
    assert all(secret in before for secret in SECRETS)
    if deleted_before:
        assert (await admin.delete(path)).status_code == 204
    for _ in range(2):  # a second time finds nothing to do
        assert (await admin.delete(path, params={"erase": "true"})).status_code == 204
    after = await everything_of(db, company.company_id)
    assert [secret for secret in (*SECRETS, "52998224725") if secret in after] == []
    assert [event["erased"] for event in await events(postgres, lead_id, "lead.deleted.v1")] == [False] * (
        deleted_before
    ) + [True]
    row = (await db.rows("SELECT * FROM amigocare.amigocare_leads WHERE public_id = :id", id=lead_id))[0]
    assert (row["status"], row["is_deleted"], row["source_id"] > 0) == ("contacted", True, True)
    assert len(await audit(postgres, lead_id)) == 4 + deleted_before


async def test_what_the_company_does_not_have_is_not_found(admin: httpx.AsyncClient, other_tenant: Tenant) -> None:
    for params in ({}, {"erase": "true"}):
        assert (await admin.delete(f"/api/v1/leads/{uuid4()}", params=params)).status_code == 404


async def test_of_assign_move_and_delete_at_once_each_happens_before_the_end_or_not_at_all(
    crowd: Postgres, stores: tuple[PostgresSettings, MongoSettings], db: Stored, actor: Actor, company: Tenant
) -> None:
    mongo = Mongo(stores[1], application_name="tests")
    changing, deleting = ChangeStore(crowd, source="leads"), DeletionStore(crowd, mongo, source="leads")
    for number in range(6):
        lead_id = await capture(crowd, company, number)
        assigned, first, second, moved = await asyncio.gather(
            changing.assign(actor, lead_id, company.other_user_id),
            deleting.delete(actor, lead_id),
            deleting.delete(actor, lead_id),
            changing.move(actor, lead_id, LeadStatus.CONTACTED, None),
        )
        assert first != second
        (row,) = await db.rows("SELECT * FROM amigocare.amigocare_leads WHERE public_id = :id", id=lead_id)
        assert row["is_deleted"]
        assert (row["assigned_to"] is not None) == (assigned is not None)
        assert (row["status"] == "contacted") == (moved is not None)
        log = [entry[0] for entry in await audit(crowd, lead_id)]
        assert log[-1] == "delete"
        assert row["version"] == 1 + len(log)
    await mongo.close()
