"""Changes of many leads at once: few transactions, each call its own outcome, and nobody waits for another's lead."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import pytest
from opentelemetry import context
from sqlalchemy import event, text

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.common.traces import trace_context
from libs.common.web.refusals import Refused
from libs.contracts.leads.events import LeadStatus
from services.leads.changing.store import Assigned, ChangeStore, Moved, NotAColleague, WrongTransition
from services.leads.defining.store import FieldStore
from services.leads.editing.domain import PHONE
from services.leads.editing.store import EditStore, PhoneRequired, PhoneTaken
from services.leads.recording.store import Actor, MovedOn
from tests.integration.leads.test_change_store import audit, capture
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.undoing import imported

ENTRIES = """
    SELECT l.public_id, l.version, l.updated_at,
           (SELECT count(*) FROM crm.audit_log a WHERE a.lead_id = l.id) AS audited,
           (SELECT count(*) FROM crm.lead_activities a
            WHERE a.lead_id = l.id AND a.activity_type <> 'created') AS noted,
           (SELECT count(*) FROM amigocare.outbox o
            WHERE o.key = l.public_id::text AND o.topic <> 'lead.created.v1') AS said
    FROM amigocare.amigocare_leads l WHERE l.public_id = ANY(CAST(:ids AS uuid[]))
"""
SAID = "SELECT id, topic, headers, payload FROM amigocare.outbox WHERE key = :key AND topic = :topic ORDER BY id"
FOLDED = "SELECT folded FROM crm.lead_search JOIN amigocare.amigocare_leads ON id = lead_id WHERE public_id = :id"
CONTACTED, QUALIFIED, WON = LeadStatus.CONTACTED, LeadStatus.QUALIFIED, LeadStatus.CLOSED_WON


class Asked(NamedTuple):
    """What a server was asked."""

    statements: list[str]
    commits: list[Any]


@contextmanager
def asked(postgres: Postgres) -> Iterator[Asked]:
    """Give what the server is asked meanwhile."""
    seen, engine = Asked([], []), postgres.engine.sync_engine

    def on_statement(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.statements.append(statement)

    def on_commit(connection: Any) -> None:
        seen.commits.append(connection)

    event.listen(engine, "before_cursor_execute", on_statement)
    event.listen(engine, "commit", on_commit)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", on_statement)
        event.remove(engine, "commit", on_commit)


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor(tenant.company_id, tenant.user_id)


async def leads_of(postgres: Postgres, tenant: Tenant, count: int, **fields: Any) -> list[UUID]:
    return [await capture(postgres, tenant, number, **fields) for number in range(count)]


async def at_once(calls: list[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*calls, return_exceptions=True))


async def assert_each_change_is_written_once(db: Stored, ids: list[UUID], *, noted: bool) -> None:
    for lead in await db.rows(ENTRIES, ids=ids):
        changes = lead["version"] - 1
        expected = (changes, changes if noted else 0, changes)
        assert (lead["audited"], lead["noted"], lead["said"]) == expected, lead["public_id"]


Call = Callable[[Postgres, Actor, list[UUID]], list[Awaitable[Any]]]


def edits(crowd: Postgres, actor: Actor, ids: list[UUID]) -> list[Awaitable[Any]]:
    store = EditStore(crowd, source="leads")
    return [store.edit(actor, each, {"job_title": str(number)}, {}) for number, each in enumerate(ids)]


def moves(crowd: Postgres, actor: Actor, ids: list[UUID]) -> list[Awaitable[Any]]:
    store = ChangeStore(crowd, source="leads")
    return [store.move(actor, each, CONTACTED, None) for each in ids]


def assignments(crowd: Postgres, actor: Actor, ids: list[UUID]) -> list[Awaitable[Any]]:
    store = ChangeStore(crowd, source="leads")
    return [store.assign(actor, each, actor.user_id) for each in ids]


@pytest.mark.parametrize(("calls", "alone"), [(edits, 2), (moves, 2), (assignments, 3)])
async def test_a_hundred_changes_at_once_cost_few_transactions(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor, calls: Call, alone: int
) -> None:
    ids = await leads_of(postgres, tenant, 101)
    with asked(crowd) as one:
        await at_once(calls(crowd, actor, ids[:1]))
    assert (len(one.commits), len(one.statements)) == (1, alone)
    with asked(crowd) as many:
        answers = await at_once(calls(crowd, actor, ids[1:]))
    assert [answer.version for answer in answers] == [2] * 100
    assert len(many.commits) <= 3
    assert len(many.statements) <= 3 * alone
    await assert_each_change_is_written_once(db, ids, noted=calls is not edits)


async def test_edits_of_many_leads_at_once_have_each_their_own_outcome(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor, pipeline: Pipeline, mongo: Mongo
) -> None:
    """Of what fails nothing is written, and of the others all is, once."""
    await FieldStore(postgres).make(actor, "rooms", "Rooms", "number")
    ids = await leads_of(postgres, tenant, 24)
    of_import = (await (await imported(pipeline, crowd, mongo, db, tenant)).leads())[0]["public_id"]
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET amigocare_messaging_account_id = :a WHERE public_id = ANY(:ids)",
        a=tenant.account_id,
        ids=ids,
    )
    store = EditStore(crowd, source="leads")
    phone = dict(zip(PHONE, ("11981234567", "11981234567", "55", "BR"), strict=True))
    await store.edit(actor, ids[23], phone, {})
    wishes: list[tuple[UUID, dict[str, Any], dict[str, Any], set[int] | None, Any]] = [
        *((each, {"notes": f"note {each}"}, {}, None, 2) for each in ids[:4]),
        *((each, {"name": f"Name {each}", "company_name": None}, {}, {1}, 2) for each in ids[4:8]),
        *((each, {"source": "social", "priority": "high"}, {}, {1, 7}, 2) for each in ids[8:10]),
        *((each, {}, {"rooms": 3}, None, 2) for each in ids[10:12]),
        *((each, {"notes": None, "priority": "medium"}, {}, None, 1) for each in ids[12:14]),
        *((each, {"notes": "late"}, {}, {7}, MovedOn) for each in ids[14:16]),
        *((each, {"notes": "x"}, {"doors": 1}, None, Refused) for each in ids[16:18]),
        *((each, phone, {}, None, PhoneTaken) for each in ids[18:20]),
        (of_import, dict.fromkeys(PHONE[:2]), {}, None, PhoneRequired),
        (uuid4(), {"notes": "x"}, {}, None, None),
        (ids[20], {"notes": "a\x00b"}, {}, None, Exception),
        *((each, {"first_name": "Ana"}, {}, None, 2) for each in ids[21:23]),
    ]
    random.Random(7).shuffle(wishes)
    answers = await at_once([store.edit(actor, *wish[:4]) for wish in wishes])
    for (lead_id, wanted, custom, _, expected), answer in zip(wishes, answers, strict=True):
        if isinstance(expected, type):
            assert isinstance(answer, expected), answer
            assert await audit(postgres, lead_id) == []
            continue
        assert (answer and answer.version) == expected
        for action, before, after, user_id in await audit(postgres, lead_id):
            changes = wanted | ({"custom_fields": custom} if custom else {})
            changed = {name: value for name, value in changes.items() if name != "company_name"}
            assert (action, after, before.keys(), user_id) == ("edit", changed, changed.keys(), actor.user_id)
    await assert_each_change_is_written_once(db, [*ids, of_import], noted=False)
    for lead_id, *_ in (wish for wish in wishes if "name" in wish[1]):
        assert (await db.value(FOLDED, id=lead_id)).split()[:2] == ["name", str(lead_id).split("-")[0]]


async def test_moves_and_assignments_at_once_have_each_their_own_outcome(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, other_tenant: Tenant, actor: Actor
) -> None:
    ids = await leads_of(postgres, tenant, 12)
    store = ChangeStore(crowd, source="leads")
    await store.move(actor, ids[11], WON, None)
    answers = await at_once(
        [
            *(store.move(actor, each, QUALIFIED, "note") for each in ids[:4]),
            store.move(actor, ids[4], LeadStatus.NEW, None),
            store.move(actor, ids[5], WON, None),
            store.move(actor, ids[6], CONTACTED, None, {9}),
            store.move(actor, ids[11], QUALIFIED, None),
            store.move(actor, uuid4(), QUALIFIED, None),
            store.assign(actor, ids[7], tenant.other_user_id),
            store.assign(actor, ids[8], other_tenant.user_id),
            store.assign(actor, ids[9], None),
            store.assign(actor, ids[10], tenant.user_id, {2}),
        ]
    )
    outcomes = [type(answer) if isinstance(answer, Exception) else answer and answer.version for answer in answers]
    assert outcomes == [2, 2, 2, 2, 1, 2, MovedOn, WrongTransition, None, 2, NotAColleague, 1, MovedOn]
    statuses = {row["public_id"]: (row["status"], row["closed_at"]) for row in await db.leads(tenant.company_id)}
    assert statuses[ids[0]] == ("qualified", None)
    assert statuses[ids[5]] == ("closed_won", answers[5].updated_at)
    assert isinstance(answers[0], Moved)
    assert isinstance(answers[9], Assigned)
    await assert_each_change_is_written_once(db, ids, noted=True)


async def test_the_second_edit_of_a_lead_sees_what_the_first_has_made(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    """Also in one transaction: as if they had come one after the other, each with its own user and its own time."""
    one, other = await leads_of(postgres, tenant, 2)
    store, colleague = EditStore(crowd, source="leads"), Actor(tenant.company_id, tenant.other_user_id)
    with asked(crowd) as seen:
        first, second, late, same, third = await at_once(
            [
                store.edit(actor, one, {"notes": "a", "job_title": "x"}, {}, {1}),
                store.edit(colleague, one, {"notes": "b"}, {}, {2}),
                store.edit(actor, one, {"notes": "c"}, {}, {1}),
                store.edit(actor, one, {"job_title": "x"}, {}, {3}),
                store.edit(actor, other, {"notes": "d"}, {}, {1}),
            ]
        )
    assert len(seen.commits) == 1
    assert isinstance(late, MovedOn)
    assert [first.version, second.version, same.version, third.version] == [2, 3, 3, 2]
    assert first.updated_at < second.updated_at == same.updated_at
    assert await audit(postgres, one) == [
        ("edit", {"notes": None, "job_title": None}, {"notes": "a", "job_title": "x"}, actor.user_id),
        ("edit", {"notes": "a"}, {"notes": "b"}, colleague.user_id),
    ]
    said = [json.loads(row["payload"]) for row in await db.rows(SAID, key=str(one), topic="lead.changed.v1")]
    assert [(each["version"], each["fields"]) for each in said] == [(2, ["job_title", "notes"]), (3, ["notes"])]
    (row,) = await db.rows("SELECT * FROM amigocare.amigocare_leads WHERE public_id = :id", id=one)
    assert (row["notes"], row["job_title"], row["version"], row["updated_at"]) == ("b", "x", 3, second.updated_at)


async def test_a_lead_that_goes_there_and_back_at_once_says_each_step(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    one, other = await leads_of(postgres, tenant, 2)
    store = ChangeStore(crowd, source="leads")
    steps = (CONTACTED, LeadStatus.NEW, CONTACTED, WON, QUALIFIED)
    *answers, refused, _ = await at_once(
        [*(store.move(actor, one, status, None) for status in steps), store.move(actor, other, CONTACTED, None)]
    )
    assert [answer.version for answer in answers] == [2, 3, 4, 5]
    assert isinstance(refused, WrongTransition)
    said = await db.rows(SAID, key=str(one), topic="lead.status-changed.v1")
    assert [json.loads(row["payload"])["new_status"] for row in said] == list(steps[:4])
    assert len({row["headers"]["ce_id"] for row in said}) == 4
    await assert_each_change_is_written_once(db, [one, other], noted=True)
    noted = await db.rows(
        "SELECT description FROM crm.lead_activities a JOIN amigocare.amigocare_leads l ON l.id = a.lead_id"
        " WHERE l.public_id = :id AND a.activity_type = 'status_changed' ORDER BY a.id",
        id=one,
    )
    assert noted[3]["description"] == "Status changed from contacted to closed_won"


async def test_a_lead_that_is_not_there_is_none_while_its_neighbours_are_changed(
    crowd: Postgres, postgres: Postgres, tenant: Tenant, other_tenant: Tenant, actor: Actor
) -> None:
    mine, gone = await leads_of(postgres, tenant, 2)
    others = await capture(postgres, other_tenant)
    async with postgres.transaction() as connection:
        deleted = "UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE public_id = :id"
        await connection.execute(text(deleted), {"id": gone})
    answers = await at_once(moves(crowd, actor, [mine, gone, others, uuid4()]))
    assert [answer and answer.version for answer in answers] == [2, None, None, None]
    assert await audit(postgres, others) == []


async def test_each_event_belongs_to_the_trace_of_its_own_call(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    ids = await leads_of(postgres, tenant, 4)
    store = EditStore(crowd, source="leads")

    async def traced(number: int, lead_id: UUID) -> Any:
        context.attach(trace_context({"traceparent": f"00-{number:032x}-{number:016x}-01"}))
        return await store.edit(actor, lead_id, {"notes": str(number)}, {})

    answers = await at_once([traced(number, each) for number, each in enumerate([*ids, *ids], 1)])
    assert [answer.version for answer in answers] == [*[2] * 4, *[3] * 4]
    for number, lead_id in enumerate(ids, 1):
        said = await db.rows(SAID, key=str(lead_id), topic="lead.changed.v1")
        traces = [row["headers"]["traceparent"].split("-")[1] for row in said]
        assert traces == [f"{number:032x}", f"{number + 4:032x}"]
        times = [row["headers"]["ce_time"] for row in said]
        assert times == sorted(set(times))


async def test_a_caller_who_goes_away_takes_nobody_along(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant, actor: Actor
) -> None:
    ids = await leads_of(postgres, tenant, 6)
    calls = [asyncio.ensure_future(call) for call in moves(crowd, actor, ids)]
    await asyncio.sleep(0)
    calls[0].cancel()
    calls[3].cancel()
    answers = await at_once(list(calls))
    assert [isinstance(answer, Moved) for answer in answers] == [False, True, True, False, True, True]
    await assert_each_change_is_written_once(db, ids, noted=True)
