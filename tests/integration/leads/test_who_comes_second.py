"""Two who want the same lead at once, one of them not committed yet: the second waits, and is judged by what the first
has made of it.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import text

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.enroller.handlers import enroll_chunk
from services.enroller.store import Store
from services.leads.changing.store import ChangeStore, WrongTransition
from services.leads.converting.domain import ConvertBody
from services.leads.converting.store import ConversionStore, NoSuchStage
from services.leads.deleting.store import DeletionStore
from services.leads.editing.store import EditStore
from services.leads.grouping.store import GroupStore
from services.leads.recording.store import Actor, MovedOn
from tests.integration.leads.test_change_store import audit, capture, events
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline, all_into
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.undoing import imported
from tests.support.waiting import eventually

DELETED = "is_deleted = true"
WON = "status = 'closed_won'"
NOTED = "notes = 'called'"


@pytest.fixture
def actor(tenant: Tenant) -> Actor:
    return Actor(tenant.company_id, tenant.user_id)


@pytest_asyncio.fixture
async def lead_id(postgres: Postgres, tenant: Tenant) -> UUID:
    return await capture(postgres, tenant)


class Second:
    """Calls that come while another one's change of the lead is not committed."""

    def __init__(self, crowd: Postgres, db: Stored, lead_id: UUID) -> None:
        self._crowd, self._db, self._lead_id = crowd, db, lead_id

    def behind(self, change: str, *, call: Awaitable[Any]) -> AbstractAsyncContextManager[asyncio.Future[Any]]:
        """Change the lead, start the call, commit when it waits. What it does without waiting is its own mistake."""
        statement = (
            f"UPDATE amigocare.amigocare_leads SET {change}, version = version + 1,"
            " updated_at = clock_timestamp() WHERE public_id = :id"
        )
        return self.behind_statement(statement, self._lead_id, call=call)

    @asynccontextmanager
    async def behind_statement(
        self, statement: str, row_id: UUID | str, *, call: Awaitable[Any]
    ) -> AsyncIterator[asyncio.Future[Any]]:
        """As ``behind``, with another statement of a row."""
        async with self._crowd.transaction() as first:
            await first.execute(text(statement), {"id": row_id})
            second = asyncio.ensure_future(call)

            async def waits_or_is_through() -> bool:
                return second.done() or await self._db.waits_for_a_lock()

            await eventually(waits_or_is_through, what="a call that waits")
        await asyncio.wait([second])
        yield second


@pytest.fixture
def second(crowd: Postgres, db: Stored, lead_id: UUID) -> Second:
    return Second(crowd, db, lead_id)


CALLS: dict[str, Callable[[Postgres, Actor, UUID], Awaitable[Any]]] = {
    "assign": lambda crowd, actor, lead: ChangeStore(crowd, source="leads").assign(actor, lead, actor.user_id),
    "move": lambda crowd, actor, lead: ChangeStore(crowd, source="leads").move(actor, lead, LeadStatus.CONTACTED, None),
    "note": lambda crowd, actor, lead: ChangeStore(crowd, source="leads").add_activity(actor, lead, "note_added", "x"),
    "edit": lambda crowd, actor, lead: EditStore(crowd, source="leads").edit(actor, lead, {"notes": "x"}, {}),
}


@pytest.mark.parametrize("call", CALLS)
async def test_whoever_comes_while_a_lead_is_deleted_finds_none(
    second: Second, crowd: Postgres, postgres: Postgres, db: Stored, actor: Actor, lead_id: UUID, call: str
) -> None:
    async with second.behind(DELETED, call=CALLS[call](crowd, actor, lead_id)) as answered:
        assert answered.result() is None
    (lead,) = await db.rows("SELECT * FROM amigocare.amigocare_leads WHERE public_id = :id", id=lead_id)
    assert (lead["assigned_to"], lead["status"], lead["notes"], lead["version"]) == (None, "new", None, 2)
    assert await audit(postgres, lead_id) == []


async def test_whoever_converts_while_a_lead_is_deleted_finds_none(
    second: Second, crowd: Postgres, db: Stored, actor: Actor, lead_id: UUID
) -> None:
    converting = ConversionStore(crowd, source="leads")
    stages = (await converting.pipelines(actor.company_id))[0]["stages"]
    wish = ConvertBody(stage_id=stages[0]["id"], title="x")
    async with second.behind(DELETED, call=converting.convert(actor, lead_id, wish)) as answered:
        assert answered.result() is None
    assert await db.value("SELECT count(*) FROM crm.opportunities WHERE company_id = :c", c=actor.company_id) == 0


async def test_a_lead_that_is_being_deleted_is_put_into_no_list(
    second: Second, crowd: Postgres, actor: Actor, lead_id: UUID
) -> None:
    grouping = GroupStore(crowd)
    list_id = (await grouping.make(actor, "Feira", None))["id"]
    async with second.behind(DELETED, call=grouping.add(actor.company_id, list_id, [lead_id])) as answered:
        assert tuple(answered.result()) == (0, 0)


async def test_whoever_adds_to_a_list_that_is_being_deleted_finds_none(
    second: Second, crowd: Postgres, actor: Actor, lead_id: UUID
) -> None:
    grouping = GroupStore(crowd)
    list_id = (await grouping.make(actor, "Feira", None))["id"]
    adding = grouping.add(actor.company_id, list_id, [lead_id])
    async with second.behind_statement("DELETE FROM crm.lead_lists WHERE id = :id", list_id, call=adding) as answered:
        assert answered.result() is None


async def test_whoever_converts_into_a_stage_that_is_being_deleted_finds_none(
    second: Second, crowd: Postgres, actor: Actor, lead_id: UUID
) -> None:
    converting = ConversionStore(crowd, source="leads")
    stage_id = (await converting.pipelines(actor.company_id))[0]["stages"][0]["id"]
    wish = converting.convert(actor, lead_id, ConvertBody(stage_id=stage_id, title="x"))
    async with second.behind_statement("DELETE FROM crm.stages WHERE id = :id", stage_id, call=wish) as answered:
        assert isinstance(answered.exception(), NoSuchStage)


async def test_lists_are_counted_in_one_order_so_that_nobody_waits_in_a_circle(
    crowd: Postgres,
    postgres: Postgres,
    db: Stored,
    stores: tuple[PostgresSettings, MongoSettings],
    actor: Actor,
    lead_id: UUID,
) -> None:
    """Who leaves many lists at once waits for the first of them before he has any other."""
    grouping, mongo = GroupStore(crowd), Mongo(stores[1], application_name="tests")
    lists = sorted([(await grouping.make(actor, f"List {number}", None))["id"] for number in range(12)])
    for each in lists:
        await grouping.add(actor.company_id, each, [lead_id])
    free = "SELECT count(*) FROM (SELECT FROM crm.lead_lists WHERE id = ANY(:ids) FOR UPDATE SKIP LOCKED) free"
    async with crowd.transaction() as first:
        await first.execute(text("SELECT FROM crm.lead_lists WHERE id = :id FOR UPDATE"), {"id": lists[0]})
        leaving = asyncio.create_task(DeletionStore(crowd, mongo, source="leads").delete(actor, lead_id))

        await eventually(db.waits_for_a_lock, what="a deletion that waits")
        async with postgres.transaction() as another:
            assert (await another.execute(text(free), {"ids": lists[1:]})).scalar_one() == len(lists) - 1
    assert await leaving
    await mongo.close()
    assert await db.value("SELECT sum(lead_count) FROM crm.lead_lists WHERE id = ANY(:ids)", ids=lists) == 0


async def test_a_second_delete_finds_none(
    second: Second,
    crowd: Postgres,
    postgres: Postgres,
    stores: tuple[PostgresSettings, MongoSettings],
    actor: Actor,
    lead_id: UUID,
) -> None:
    mongo = Mongo(stores[1], application_name="tests")
    async with second.behind(
        DELETED, call=DeletionStore(crowd, mongo, source="leads").delete(actor, lead_id)
    ) as answered:
        assert answered.result() is False
    await mongo.close()
    assert await events(postgres, lead_id, "lead.deleted.v1") == []


async def test_a_second_move_is_judged_by_where_the_first_has_put_the_lead(
    second: Second, crowd: Postgres, postgres: Postgres, actor: Actor, lead_id: UUID
) -> None:
    moving = ChangeStore(crowd, source="leads").move(actor, lead_id, LeadStatus.CLOSED_LOST, None)
    async with second.behind(WON, call=moving) as answered:
        assert isinstance(answered.exception(), WrongTransition)
    assert await events(postgres, lead_id, "lead.status-changed.v1") == []


async def test_a_second_change_of_one_version_is_told_that_the_lead_moved_on(
    second: Second, crowd: Postgres, postgres: Postgres, actor: Actor, lead_id: UUID
) -> None:
    editing = EditStore(crowd, source="leads").edit(actor, lead_id, {"notes": "x"}, {}, frozenset({1}))
    async with second.behind(WON, call=editing) as answered:
        assert isinstance(answered.exception(), MovedOn)
    assert await audit(postgres, lead_id) == []


async def test_an_undo_keeps_a_lead_whose_edit_is_not_committed_yet(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, db: Stored, tenant: Tenant
) -> None:
    given = await imported(pipeline, crowd, mongo, db, tenant)
    edited, *_ = await given.leads()
    async with Second(crowd, db, edited["public_id"]).behind(NOTED, call=given.undo()):
        pass
    assert await given.counts() == (3, 2, 1, 0)
    (kept,) = await db.leads(tenant.company_id)
    assert (kept["id"], kept["notes"]) == (edited["id"], "called")


async def test_an_edit_of_a_lead_that_is_being_taken_back_finds_none(
    pipeline: Pipeline, crowd: Postgres, mongo: Mongo, db: Stored, tenant: Tenant
) -> None:
    given = await imported(pipeline, crowd, mongo, db, tenant)
    lead, *_ = await given.leads()
    actor = Actor(tenant.company_id, tenant.user_id)
    editing = EditStore(crowd, source="leads").edit(actor, lead["public_id"], {"notes": "x"}, {})
    async with Second(crowd, db, lead["public_id"]).behind(DELETED, call=editing) as answered:
        assert answered.result() is None


async def test_a_lead_that_is_deleted_while_it_is_enrolled_joins_no_list(
    pipeline: Pipeline, postgres: Postgres, crowd: Postgres, db: Stored, tenant: Tenant
) -> None:
    """A lead of the chunk that is being deleted is waited for, and left out."""
    actor, phones = Actor(tenant.company_id, tenant.user_id), new_phones(3)
    list_id = (await GroupStore(crowd).make(actor, "Feira", None))["id"]
    import_id = await insert_import(postgres, tenant, row_counts=[len(phones)], name=unique("import"))
    made = await pipeline.until_created(accepted_chunk(tenant, import_id, live_rows(phones)))
    chunk = made.model_copy(update={"list_id": list_id})
    public_id = "SELECT public_id FROM amigocare.amigocare_leads WHERE id = :id"
    lead_id = await db.value(public_id, id=chunk.live.lead_id[0])
    enrolling = enroll_chunk(chunk, store=Store(crowd), publish=all_into([]))
    async with Second(crowd, db, lead_id).behind(DELETED, call=enrolling) as answered:
        answered.result()
    assert await db.value("SELECT lead_count FROM crm.lead_lists WHERE id = :id", id=list_id) == 2


async def test_whoever_comes_second_is_later_and_finds_what_the_first_has_written(
    crowd: Postgres, db: Stored, actor: Actor, lead_id: UUID
) -> None:
    """His time is not that of when he came, but of when it was his turn; the source's name is the new one's."""
    other_source = text(
        "UPDATE amigocare.amigocare_leads SET version = version + 1, source_id = (SELECT min(id)"
        " FROM amigocare.lead_sources WHERE name = 'referral' AND NOT is_deleted) WHERE public_id = :id"
    )
    async with crowd.transaction() as first:
        await first.execute(other_source, {"id": lead_id})
        call = EditStore(crowd, source="leads").edit(actor, lead_id, {"source": "social", "job_title": "x"}, {})
        second = asyncio.ensure_future(call)

        await eventually(db.waits_for_a_lock, what="a call that waits")
        late = (await first.execute(text("SELECT clock_timestamp()"))).scalar_one()
    edited = await second
    assert edited is not None
    assert (edited.version, edited.updated_at > late) == (3, True)
    (entry,) = await db.rows(
        "SELECT a.before, a.at FROM crm.audit_log a JOIN amigocare.amigocare_leads l ON l.id = a.lead_id"
        " WHERE l.public_id = :id",
        id=lead_id,
    )
    assert (entry["before"], entry["at"]) == ({"source": "referral", "job_title": None}, edited.updated_at)
