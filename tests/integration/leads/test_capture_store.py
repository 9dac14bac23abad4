"""Leads of the public form: the limit, the same person, what is written of one, on the real PostgreSQL."""

import asyncio
import json
from ipaddress import ip_network
from typing import Any

import pytest
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.capturing.domain import CaptureBody, CreateBody, SentKey, captured, created
from services.leads.capturing.store import (
    CaptureStore,
    KeyReused,
    LeadExists,
    LeadGone,
    NoSuchColleague,
    TooMany,
)
from services.leads.making.domain import NewLead
from services.leads.making.store import Captured
from tests.support.kafka import unique
from tests.support.platform import Tenant

HERE = ip_network("203.0.113.7/32")
THERE = ip_network("2001:db8:1:2::/64")


def person(**changes: Any) -> NewLead:
    form = {"name": "John Doe", "email": f"{unique('john')}@example.com", "source": "website"}
    return captured(CaptureBody.model_validate(form | changes))


_OF_COMPANY = "SELECT id FROM amigocare.amigocare_leads WHERE company_id = :c"


async def change(postgres: Postgres, statement: str, **values: Any) -> None:
    async with postgres.transaction() as connection:
        await connection.execute(text(statement), values)


async def rows(postgres: Postgres, statement: str, **values: Any) -> list[Any]:
    async with postgres.transaction() as connection:
        return list((await connection.execute(text(statement), values)).all())


@pytest.fixture
def store(crowd: Postgres) -> CaptureStore:
    return CaptureStore(crowd, source="leads")


async def test_a_lead_is_written_with_its_history_its_words_and_its_event(
    store: CaptureStore, postgres: Postgres, tenant: Tenant
) -> None:
    lead = person(name="João Doe", phone="+919876543210", company="Acme Corp", message="Interested in your services")
    made, left = await store.capture(tenant.company_id, lead, HERE)
    assert (made.name, made.email, made.status, left) == ("João Doe", lead.email, "new", 9)
    ((lead_id, phone, written, version),) = await rows(
        postgres,
        "SELECT id, contact_cellphone, phone_as_written, version FROM amigocare.amigocare_leads WHERE public_id = :id",
        id=made.id,
    )
    assert (phone, written, version) == ("9876543210", "+919876543210", 1)
    assert await rows(
        postgres, "SELECT activity_type, description FROM crm.lead_activities WHERE lead_id = :id", id=lead_id
    ) == [("created", "Lead created from website")]
    assert await rows(
        postgres,
        "SELECT phones FROM crm.lead_search WHERE lead_id = :id AND words @@ to_tsquery('simple', '''joa'':*')",
        id=lead_id,
    ) == [(["919876543210"],)]
    ((payload,),) = await rows(postgres, "SELECT payload FROM amigocare.outbox WHERE key = :key", key=str(made.id))
    event = json.loads(payload)
    assert (event["event_type"], event["email"], event["source"]) == ("LeadCreated", lead.email, "website")
    assert (event["channel"], event["company_id"], event["import_id"]) == ("FORM", tenant.company_id, None)


async def test_of_forty_calls_at_once_from_one_address_ten_make_a_lead(
    store: CaptureStore, postgres: Postgres, tenant: Tenant
) -> None:
    answers = await asyncio.gather(
        *(store.capture(tenant.company_id, person(), HERE) for _ in range(40)), return_exceptions=True
    )
    refused = [answer for answer in answers if isinstance(answer, TooMany)]
    made = [answer for answer in answers if not isinstance(answer, BaseException)]
    assert (len(made), len(refused)) == (10, 30)
    assert sorted(left for _, left in made) == list(range(10))
    assert all(3590 <= answer.seconds <= 3600 for answer in refused)
    assert await rows(
        postgres, "SELECT count(*) FROM amigocare.amigocare_leads WHERE company_id = :c", c=tenant.company_id
    ) == [(10,)]
    await store.capture(tenant.company_id, person(), THERE)


async def test_an_hour_later_the_address_may_again(store: CaptureStore, postgres: Postgres, tenant: Tenant) -> None:
    """The window rolls: each call counts for an hour from its own time."""
    for _ in range(10):
        await store.capture(tenant.company_id, person(), HERE)
    async with postgres.transaction() as connection:
        await connection.execute(
            text("UPDATE crm.capture_hits SET hits[1] = hits[1] - interval '1 hour' WHERE company_id = :c"),
            {"c": tenant.company_id},
        )
    await store.capture(tenant.company_id, person(), HERE)
    with pytest.raises(TooMany):
        await store.capture(tenant.company_id, person(), HERE)
    assert await rows(
        postgres, "SELECT cardinality(hits) FROM crm.capture_hits WHERE company_id = :c", c=tenant.company_id
    ) == [(10,)]


async def test_addresses_are_forgotten(store: CaptureStore, postgres: Postgres, tenant: Tenant) -> None:
    """The table holds those of the last hour."""
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "INSERT INTO crm.capture_hits (company_id, address, hits, last_at) SELECT :c, ('10.0.0.' || n)::cidr,"
                " ARRAY[now() - interval '2 hours'], now() - interval '2 hours' FROM generate_series(1, 8) n"
            ),
            {"c": tenant.company_id},
        )
    for _ in range(4):
        await store.capture(tenant.company_id, person(), HERE)
    assert await rows(
        postgres, "SELECT host(address) FROM crm.capture_hits WHERE company_id = :c", c=tenant.company_id
    ) == [("203.0.113.7",)]


async def test_the_same_person_is_answered_the_first_lead(
    store: CaptureStore, postgres: Postgres, tenant: Tenant
) -> None:
    """Also when the form is sent twice at once, from wherever, in whichever case."""
    email = f"{unique('Ana')}@example.com"
    answers = await asyncio.gather(
        *(
            store.capture(
                tenant.company_id, person(email=email if number % 2 else email.lower()), ip_network(f"10.1.0.{number}")
            )
            for number in range(12)
        )
    )
    assert len({made.id for made, _ in answers}) == 1
    assert await rows(
        postgres, "SELECT count(*) FROM amigocare.amigocare_leads WHERE company_id = :c", c=tenant.company_id
    ) == [(1,)]


async def test_another_companys_lead_is_nobodys_double(
    store: CaptureStore, tenant: Tenant, other_tenant: Tenant
) -> None:
    lead = person()
    mine, left = await store.capture(tenant.company_id, lead, HERE)
    theirs, others_left = await store.capture(other_tenant.company_id, lead, HERE)
    assert mine.id != theirs.id
    assert left == others_left == 9


async def test_a_user_is_told_of_the_lead_that_is_there(store: CaptureStore, tenant: Tenant) -> None:
    """By its address or by either form of its phone."""

    async def create(*, allow: bool = False, **fields: str | int) -> Any:
        body = CreateBody.model_validate({"name": "Bia", "email": f"{unique('bia')}@example.com"} | fields)
        return await store.create(tenant.company_id, created(body), user_id=tenant.user_id, allow_duplicate=allow)

    first = await create(email="bia@example.com", phone="(11) 98123-4567")
    for name, same in (("email", "BIA@example.com"), ("phone", "11 8123-4567"), ("phone", "+55 11 98123 4567")):
        with pytest.raises(LeadExists) as refused:
            await create(**{name: same})  # type: ignore[arg-type]
        assert refused.value.lead_id == first.id
    assert (await create(allow=True, email="bia@example.com")).id != first.id
    with pytest.raises(NoSuchColleague):
        await create(assigned_to=2_000_000_000)


async def test_of_the_same_lead_made_twice_at_once_one_is_told_of_the_other(
    store: CaptureStore, tenant: Tenant
) -> None:
    body = created(CreateBody(name="Bia", email=f"{unique('bia')}@example.com", phone="11981234567"))
    answers = await asyncio.gather(
        *(store.create(tenant.company_id, body, user_id=tenant.user_id, allow_duplicate=False) for _ in range(8)),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, LeadExists) for answer in answers) == 7


class Keyed:
    """Calls with one key."""

    def __init__(self, store: CaptureStore, tenant: Tenant) -> None:
        self._store, self._tenant, self.key = store, tenant, unique("key")

    async def create(self, **fields: Any) -> Captured:
        body = CreateBody.model_validate({"name": "Bia", "email": "bia@example.com"} | fields)
        return await self._store.create(
            self._tenant.company_id,
            created(body),
            user_id=self._tenant.user_id,
            allow_duplicate=False,
            sent=SentKey.of(self.key, body),
        )


async def test_a_call_that_is_sent_again_with_its_key_makes_no_second_lead(
    store: CaptureStore, postgres: Postgres, tenant: Tenant
) -> None:
    keyed = Keyed(store, tenant)
    answers = await asyncio.gather(*(keyed.create() for _ in range(8)))
    assert len(set(answers)) == 1
    assert len(await rows(postgres, _OF_COMPANY, c=tenant.company_id)) == 1
    with pytest.raises(KeyReused):
        await keyed.create(notes="another")
    with pytest.raises(LeadExists):  # without the key it is a call like any other
        await Keyed(store, tenant).create()


async def test_a_key_of_a_call_that_was_refused_is_free(store: CaptureStore, tenant: Tenant) -> None:
    keyed = Keyed(store, tenant)
    with pytest.raises(NoSuchColleague):
        await keyed.create(assigned_to=2_000_000_000)
    assert (await keyed.create()).name == "Bia"


async def test_a_key_is_kept_for_a_day_and_says_when_its_lead_is_gone(
    store: CaptureStore, postgres: Postgres, tenant: Tenant
) -> None:
    keyed = Keyed(store, tenant)
    first = await keyed.create()
    await change(postgres, "UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE public_id = :id", id=first.id)
    with pytest.raises(LeadGone):
        await keyed.create()
    aged = "UPDATE crm.idempotency_keys SET created_at = now() - make_interval(hours => :hours) WHERE company_id = :c"
    await change(postgres, aged, hours=24, c=tenant.company_id)
    assert (await keyed.create(notes="another")).id != first.id
    await change(postgres, aged, hours=25, c=tenant.company_id)
    other = Keyed(store, tenant)
    await other.create(email="other@example.com")
    kept = await rows(postgres, "SELECT key FROM crm.idempotency_keys WHERE company_id = :c", c=tenant.company_id)
    assert [row.key for row in kept] == [other.key]


async def test_keys_of_two_companies_are_two(
    store: CaptureStore, postgres: Postgres, tenant: Tenant, other_tenant: Tenant
) -> None:
    ours, theirs = Keyed(store, tenant), Keyed(store, other_tenant)
    theirs.key = ours.key
    assert (await ours.create()).id != (await theirs.create()).id
