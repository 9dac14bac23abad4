"""Whoever holds a lead, its place in the search or a phone delays nobody but the calls that need it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from services.leads.changing.store import ChangeStore
from services.leads.editing.domain import PHONE
from services.leads.editing.store import Edited, EditStore, PhoneTaken
from services.leads.recording.store import Actor
from tests.integration.leads.test_joined_changes import (
    CONTACTED,
    ENTRIES,
    FOLDED,
    SAID,
    asked,
    assert_each_change_is_written_once,
    at_once,
    leads_of,
    moves,
)
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

_OF_ACCOUNT = "UPDATE amigocare.amigocare_leads SET amigocare_messaging_account_id = :a WHERE public_id = ANY(:ids)"
_HOLD = "SELECT FROM amigocare.amigocare_leads WHERE public_id = :id FOR UPDATE"
_HOLD_PLACE = """
    SELECT FROM crm.lead_search WHERE lead_id = (SELECT id FROM amigocare.amigocare_leads WHERE public_id = :id)
    FOR UPDATE
"""


def phone(number: int) -> dict[str, Any]:
    written = f"119812{number:05d}"
    return dict(zip(PHONE, (written, written, "55", "BR"), strict=True))


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor(tenant.company_id, tenant.user_id)


@pytest_asyncio.fixture
async def few(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    """A process with few connections."""
    postgres = Postgres(stores[0].model_copy(update={"postgres_pool_size": 4}), application_name="tests")
    yield postgres
    await postgres.close()


@asynccontextmanager
async def held(postgres: Postgres, lead_id: UUID, statement: str = _HOLD) -> AsyncIterator[None]:
    """Have another connection hold the lead."""
    async with postgres.transaction() as connection:
        await connection.execute(text(statement), {"id": lead_id})
        yield


async def test_a_lead_that_somebody_holds_delays_nobody_but_its_own_calls(
    few: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    """However many those are: together they take one connection."""
    ids = await leads_of(postgres, tenant, 12)
    editing, changing = EditStore(few, source="leads"), ChangeStore(few, source="leads")
    async with held(postgres, ids[0]):
        waiting = [
            *(asyncio.ensure_future(editing.edit(actor, ids[0], {"notes": str(turn)}, {})) for turn in range(30)),
            asyncio.ensure_future(changing.move(actor, ids[0], CONTACTED, None)),
        ]
        for turn in range(3):
            others = [
                *(editing.edit(actor, each, {"notes": str(turn)}, {}) for each in ids[1:]),
                *(changing.assign(actor, each, actor.user_id if turn % 2 else None) for each in ids[1:]),
            ]
            answers = await asyncio.wait_for(asyncio.gather(*others), 10)
            assert None not in answers
        assert not any(each.done() for each in waiting)
    versions = sorted(answer.version for answer in await asyncio.gather(*waiting) if answer is not None)
    assert versions == list(range(2, 33))
    assert (await db.rows(ENTRIES, ids=ids[:1]))[0]["audited"] == 31


async def test_a_place_in_the_search_that_somebody_holds_delays_nobody_else(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    """What enrolls leads writes places without their leads' locks."""
    ids = await leads_of(postgres, tenant, 6)
    store = EditStore(crowd, source="leads")
    async with held(postgres, ids[0], _HOLD_PLACE):
        waiting = asyncio.ensure_future(store.edit(actor, ids[0], {"name": "Ana"}, {}))
        others = [store.edit(actor, each, {"name": "Bia"}, {}) for each in ids[1:]]
        assert None not in await asyncio.wait_for(asyncio.gather(*others), 10)
        assert not waiting.done()
    answer = await waiting
    assert isinstance(answer, Edited)
    assert [(await db.value(FOLDED, id=each)).split()[0] for each in ids] == ["ana", *["bia"] * 5]


async def test_who_waits_for_a_lead_really_waits_in_the_database(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    """The one that was left out is no busy loop."""
    one, other = await leads_of(postgres, tenant, 2)
    async with held(postgres, one):
        with asked(crowd) as seen:
            calls = [asyncio.ensure_future(call) for call in moves(crowd, actor, [one, other])]
            await eventually(db.waits_for_a_lock, what="a call that waits")
            assert [call.done() for call in calls] == [False, True]
            assert len(seen.statements) == 3
    assert [answer.version for answer in await at_once(list(calls))] == [2, 2]


async def test_a_phone_that_is_taken_in_the_middle_of_others_refuses_one_call(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    ids = await leads_of(postgres, tenant, 8)
    await db.execute(_OF_ACCOUNT, a=tenant.account_id, ids=ids)
    store = EditStore(crowd, source="leads")

    await store.edit(actor, ids[7], phone(3), {})
    answers = await at_once(
        [
            *(store.edit(actor, each, phone(number), {}) for number, each in enumerate(ids[:7])),
            *(store.edit(actor, each, {"notes": "x"}, {}) for each in ids[:7]),
        ]
    )
    assert isinstance(answers[3], PhoneTaken)
    assert answers[3].lead_id == ids[7]
    assert sorted(answer.version for number, answer in enumerate(answers) if number != 3) == [*[2] * 7, *[3] * 6]
    await assert_each_change_is_written_once(db, ids, noted=False)


async def test_a_phone_that_somebody_is_about_to_take_delays_nobody_else(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    """Who waits for it holds his own lead alone: two who each want what the other has would wait for ever."""
    ids = await leads_of(postgres, tenant, 6)
    await db.execute(_OF_ACCOUNT, a=tenant.account_id, ids=ids)
    store = EditStore(crowd, source="leads")
    taking = ", ".join(f"{column} = :{column}" for column in PHONE)
    async with postgres.transaction() as connection:
        taken = f"UPDATE amigocare.amigocare_leads SET {taking} WHERE public_id = :id"
        await connection.execute(text(taken), phone(1) | {"id": ids[0]})
        waiting = asyncio.ensure_future(store.edit(actor, ids[1], phone(1), {}))
        others = [store.edit(actor, each, {"notes": "x"}, {}) for each in ids[2:]]
        assert None not in await asyncio.wait_for(asyncio.gather(*others), 10)
        assert not waiting.done()
    (answer,) = await at_once([waiting])
    assert isinstance(answer, PhoneTaken)
    assert answer.lead_id == ids[0]


async def test_processes_that_change_the_same_leads_never_wait_in_a_circle(
    stores: tuple[PostgresSettings, MongoSettings], postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    ids, chance = await leads_of(postgres, tenant, 6), random.Random(11)
    processes = [Postgres(stores[0], application_name=f"tests-{number}") for number in range(3)]
    editing = [EditStore(each, source="leads") for each in processes]
    changing = [ChangeStore(each, source="leads") for each in processes]

    async def user(number: int) -> int:
        made = 0
        for turn in range(12):
            lead, place = ids[(turn * 5 + number) % 6], number % 3
            field = {"notes": f"{number} {turn}"} if turn % 2 else {"name": f"{number} {turn}"}
            colleague = chance.choice([None, actor.user_id])
            made += (await editing[place].edit(actor, lead, field, {})) is not None
            made += (await changing[place].assign(actor, lead, colleague)) is not None
        return made

    try:
        assert await asyncio.wait_for(asyncio.gather(*map(user, range(24))), 60) == [24] * 24
    finally:
        for each in processes:
            await each.close()
    for lead in await db.rows(ENTRIES, ids=ids):
        assert lead["audited"] == lead["said"] == lead["version"] - 1 > 48
    for lead_id in ids:
        said = [json.loads(row["payload"]) for row in await db.rows(SAID, key=str(lead_id), topic="lead.changed.v1")]
        assert [each["version"] for each in said] == list(range(2, len(said) + 2))
