"""What people do with a lead, also at once, on the real PostgreSQL."""

import asyncio
import json
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.capturing.domain import CaptureBody, captured
from services.leads.capturing.store import CaptureStore
from services.leads.changing.store import ChangeStore, NotAColleague, WrongTransition
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing.store import ListStore, place_of
from services.leads.recording.store import Actor
from tests.support.kafka import unique
from tests.support.platform import Tenant


async def capture(postgres: Postgres, tenant: Tenant, number: int = 1, **fields: Any) -> UUID:
    form = {"name": "John Doe", "email": f"{unique('john')}@example.com"} | fields
    lead = captured(CaptureBody.model_validate(form))
    address = ip_network(f"10.2.{number // 250}.{number % 250}")
    made, _ = await CaptureStore(postgres, source="leads").capture(tenant.company_id, lead, address)
    return made.id


@pytest_asyncio.fixture
async def lead_id(postgres: Postgres, tenant: Tenant) -> UUID:
    return await capture(postgres, tenant)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor(tenant.company_id, tenant.user_id)


@pytest.fixture
def store(crowd: Postgres) -> ChangeStore:
    return ChangeStore(crowd, source="leads")


async def events(postgres: Postgres, lead_id: UUID, topic: str) -> list[dict[str, Any]]:
    async with postgres.transaction() as connection:
        found = await connection.execute(
            text("SELECT payload FROM amigocare.outbox WHERE key = :key AND topic = :topic ORDER BY id"),
            {"key": str(lead_id), "topic": topic},
        )
        return [json.loads(payload) for payload in found.scalars()]


async def audit(postgres: Postgres, lead_id: UUID) -> list[tuple[Any, ...]]:
    async with postgres.transaction() as connection:
        found = await connection.execute(
            text(
                "SELECT a.action, a.before, a.after, a.user_id FROM crm.audit_log a"
                " JOIN amigocare.amigocare_leads l ON l.id = a.lead_id WHERE l.public_id = :id ORDER BY a.id"
            ),
            {"id": lead_id},
        )
        return [tuple(row) for row in found]


async def test_a_move_is_audited_noted_and_said(
    store: ChangeStore, postgres: Postgres, actor: Actor, lead_id: UUID
) -> None:
    moved = await store.move(actor, lead_id, LeadStatus.CONTACTED, "Called customer, interested in proposal")
    assert moved is not None
    assert (moved.id, moved.status, moved.version) == (lead_id, "contacted", 2)
    assert await audit(postgres, lead_id) == [("status", {"status": "new"}, {"status": "contacted"}, actor.user_id)]
    (event,) = await events(postgres, lead_id, "lead.status-changed.v1")
    assert (event["old_status"], event["new_status"]) == ("new", "contacted")
    found = await ListStore(postgres).one(actor.company_id, lead_id, limit=10)
    assert found is not None
    newest, _ = found[1]
    assert newest["activity_type"] == "status_changed"
    assert newest["description"].endswith(": Called customer, interested in proposal")


async def test_the_same_again_says_nothing(store: ChangeStore, postgres: Postgres, actor: Actor, lead_id: UUID) -> None:
    first = await store.move(actor, lead_id, LeadStatus.CONTACTED, None)
    assert await store.move(actor, lead_id, LeadStatus.CONTACTED, "again") == first
    assert len(await events(postgres, lead_id, "lead.status-changed.v1")) == 1


async def test_of_the_same_move_many_times_at_once_one_is_made(
    store: ChangeStore, postgres: Postgres, actor: Actor, lead_id: UUID
) -> None:
    await asyncio.gather(*(store.move(actor, lead_id, LeadStatus.PROPOSAL, None) for _ in range(16)))
    assert len(await events(postgres, lead_id, "lead.status-changed.v1")) == 1
    assert len(await audit(postgres, lead_id)) == 1


async def test_two_moves_at_once_are_one_after_the_other(
    store: ChangeStore, postgres: Postgres, actor: Actor, lead_id: UUID
) -> None:
    """Whoever comes second is judged by what the first has made of the lead: of won and lost there is one."""
    answers = await asyncio.gather(
        *(store.move(actor, lead_id, status, None) for status in (LeadStatus.CLOSED_WON, LeadStatus.CLOSED_LOST)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, WrongTransition) for answer in answers) == 1
    (event,) = await events(postgres, lead_id, "lead.status-changed.v1")
    found = await ListStore(postgres).one(actor.company_id, lead_id)
    assert found is not None
    lead, _ = found
    assert lead["status"] == event["new_status"]
    assert lead["closed_at"] is not None


async def test_a_lead_is_given_to_colleagues_alone(
    store: ChangeStore, postgres: Postgres, actor: Actor, lead_id: UUID, tenant: Tenant, other_tenant: Tenant
) -> None:
    assigned = await store.assign(actor, lead_id, tenant.other_user_id)
    assert assigned is not None
    assert assigned.assigned_to == tenant.other_user_id
    with pytest.raises(NotAColleague):
        await store.assign(actor, lead_id, other_tenant.user_id)
    assert await store.assign(actor, lead_id, tenant.other_user_id) == assigned
    assert (await store.assign(actor, lead_id, None)).assigned_to is None  # type: ignore[union-attr]
    said = await events(postgres, lead_id, "lead.changed.v1")
    assert [(event["fields"], event["version"]) for event in said] == [(["assigned_to"], 2), (["assigned_to"], 3)]


async def test_another_companys_lead_is_none(
    store: ChangeStore, postgres: Postgres, lead_id: UUID, other_tenant: Tenant
) -> None:
    stranger = Actor(other_tenant.company_id, other_tenant.user_id)
    assert await store.move(stranger, lead_id, LeadStatus.CONTACTED, None) is None
    assert await store.assign(stranger, lead_id, None) is None
    assert await store.add_activity(stranger, lead_id, "note_added", "x") is None
    assert await store.move(stranger, uuid4(), LeadStatus.CONTACTED, None) is None
    assert await ListStore(postgres).one(stranger.company_id, lead_id) is None
    assert await audit(postgres, lead_id) == []


async def test_the_list_is_filtered_searched_and_paged(
    store: ChangeStore, postgres: Postgres, actor: Actor, tenant: Tenant
) -> None:
    made = [
        await capture(postgres, tenant, number, name=name, source=source, phone=phone)
        for number, (name, source, phone) in enumerate(
            [
                ("João Guimarães", "website", "(34) 99123-4567"),
                ("Joana Prado", "referral", "+919876543210"),
                ("Márcia Araújo", "website", None),
                ("Thiago", "social", None),
            ]
        )
    ]
    await store.move(actor, made[0], LeadStatus.QUALIFIED, None)
    await store.assign(actor, made[1], tenant.other_user_id)
    await store.add_activity(actor, made[2], "note_added", "Customer requested pricing information")
    reading = ListStore(postgres)

    async def found(**wanted: Any) -> list[int]:
        page = await reading.page(tenant.company_id, LeadFilter(**wanted), limit=20)
        assert await reading.count(tenant.company_id, LeadFilter(**wanted)) == (len(page), True)
        return [made.index(lead["id"]) for lead in page]

    assert await found() == [3, 2, 1, 0]
    assert await found(status=LeadStatus.QUALIFIED) == [0]
    assert await found(status=LeadStatus.NEW) == [3, 2, 1]
    assert await found(source="website") == [2, 0]
    assert await found(assigned_to=tenant.other_user_id) == [1]
    assert await found(channel="FORM") == [3, 2, 1, 0]
    assert await found(channel="IMPORT") == []
    assert await found(q="joa") == [1, 0]
    assert await found(q="JOAO guima") == [0]
    assert await found(q="araújo marc") == [2]
    assert await found(q="5534 9123-4567") == [0]
    assert await found(q="+91 98765 43210") == [1]
    assert await found(tag="VIP") == []
    assert await found(list_id=uuid4()) == []
    first = await reading.page(tenant.company_id, LeadFilter(), limit=3)
    rest = await reading.page(tenant.company_id, LeadFilter(), limit=3, behind=place_of(first[-1]))
    assert [made.index(lead["id"]) for lead in rest] == [0]
    assert await reading.count(tenant.company_id, LeadFilter(), most=3) == (3, False)
    assert (await reading.page(tenant.company_id, LeadFilter(), limit=1, oldest_first=True))[0]["id"] == made[0]
