"""An undo takes back what nobody has touched, lists the rest, and can be cut off anywhere."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId

from libs.common.errors import BadMessage, NotFinished
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.imports import chunk_life
from libs.imports.chats import chats_of
from libs.imports.chunk_states import NamedChunk
from services.api.ending.store import Answer
from services.api.http.store import Scope
from services.leads.editing.store import EditStore
from services.leads.recording.store import Actor
from services.undoer.domain import Portion
from services.undoer.store import Store
from tests.support.chunks import new_phones
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.undoing import Imported, imported

pytestmark = pytest.mark.usefixtures("quiet")


@pytest_asyncio.fixture
async def given(pipeline: Pipeline, crowd: Postgres, mongo: Mongo, db: Stored, tenant: Tenant) -> Imported:
    return await imported(pipeline, crowd, mongo, db, tenant)


async def test_leads_chats_and_tags_that_nobody_touched_are_taken_back(given: Imported, db: Stored) -> None:
    state = await given.undo()
    assert state["finished_at"] >= state["requested_at"]
    assert await given.counts() == (3, 3, 0, 0)
    assert await given.kept() == []
    company = given.tenant.company_id
    assert await db.consistent(company) == 0
    assert await db.chats_of(company) == []
    links = await db.rows("SELECT * FROM amigocare.chat_tags WHERE company_id = :c", c=company)
    assert len(links) == 6
    for gone in (*await given.leads(), *links):
        assert (gone["is_deleted"], gone["destroyer_id"]) == (True, given.tenant.other_user_id)
    (event,) = await given.events()
    assert (event.reversed, event.kept, event.failed, event.company_id) == (3, 0, 0, company)
    assert event.undone_at == state["finished_at"]


async def test_each_lead_that_is_taken_back_is_told_of_and_leaves_its_lists(given: Imported, db: Stored) -> None:
    """Those that are kept stay in them, and nothing is said of them."""
    company, user = given.tenant.company_id, given.tenant.user_id
    kept, *gone = await given.leads()
    await db.execute("UPDATE amigocare.amigocare_leads SET updated_at = now() WHERE id = :id", id=kept["id"])
    await db.execute(
        "WITH list AS (INSERT INTO crm.lead_lists (company_id, name, created_by) VALUES (:c, 'Feira', :u) RETURNING id)"
        " INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)"
        " SELECT list.id, l.id, :c FROM list, amigocare.amigocare_leads l WHERE l.company_id = :c",
        c=company,
        u=user,
    )
    count = "SELECT lead_count FROM crm.lead_lists WHERE company_id = :c"
    assert await db.value(count, c=company) == 3
    await given.undo()
    assert await db.value(count, c=company) == 1
    rows = await db.rows("SELECT key, payload FROM amigocare.outbox WHERE topic = 'lead.deleted.v1' ORDER BY id")
    assert [row["key"] for row in rows] == [str(lead["public_id"]) for lead in gone]
    assert all(json.loads(row["payload"])["erased"] is False for row in rows)


async def test_of_an_edit_and_an_undo_at_once_one_is_first(given: Imported, crowd: Postgres) -> None:
    """Either the lead was edited and is kept, or it was taken back and there is none to edit."""
    store, actor = EditStore(crowd, source="leads"), Actor(given.tenant.company_id, given.tenant.user_id)
    leads = await given.leads()
    _, *edited = await asyncio.gather(
        given.undo(), *(store.edit(actor, lead["public_id"], {"notes": "called"}, {}) for lead in leads)
    )
    for before, done, after in zip(leads, edited, await given.leads(), strict=True):
        assert before["id"] == after["id"]
        assert after["is_deleted"] == (done is None)
        assert (after["notes"] == "called") == (done is not None)
    reversed_, kept = sum(done is None for done in edited), sum(done is not None for done in edited)
    assert await given.counts() == (3, reversed_, kept, 0)


async def test_tags_that_only_this_import_made_go_and_the_requests_stay(given: Imported, db: Stored) -> None:
    await given.undo()
    live = await db.rows(
        "SELECT name FROM amigocare.tags WHERE company_id = :c AND NOT is_deleted", c=given.tenant.company_id
    )
    assert {row["name"] for row in live} == {"Cliente", "Parceiro", "VIP"}
    gone = await db.rows(
        "SELECT destroyer_id FROM amigocare.tags WHERE company_id = :c AND is_deleted", c=given.tenant.company_id
    )
    assert [row["destroyer_id"] for row in gone] == [given.tenant.other_user_id] * 3


Touch = Callable[[Imported, dict[str, Any]], Awaitable[None]]


def of_the_lead(change: str) -> Touch:
    async def touch(given: Imported, lead: dict[str, Any]) -> None:
        patient = "(SELECT max(id) FROM amigocare.patients)"
        await given.db.execute(
            f"UPDATE amigocare.amigocare_leads SET {change.replace('PATIENT', patient)} WHERE id = :id", id=lead["id"]
        )

    return touch


def of_the_chat(change: dict[str, Any]) -> Touch:
    async def touch(given: Imported, lead: dict[str, Any]) -> None:
        changed = await chats_of(given.mongo).update_one({"_id": ObjectId(lead["chat_id"])}, {"$set": change})
        assert changed.modified_count == 1

    return touch


async def tagged_by_hand(given: Imported, lead: dict[str, Any]) -> None:
    await given.db.execute(
        "INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)"
        " VALUES (:chat, :tag, :lead, :company, :user)",
        chat=lead["chat_id"],
        tag=given.tenant.tag_ids[2],
        lead=lead["id"],
        company=given.tenant.company_id,
        user=given.tenant.user_id,
    )


async def a_tag_taken_away(given: Imported, lead: dict[str, Any]) -> None:
    await given.db.execute(
        "UPDATE amigocare.chat_tags SET is_deleted = true, updated_at = now() WHERE lead_id = :id AND tag_id = :tag",
        id=lead["id"],
        tag=given.tenant.tag_ids[0],
    )


TOUCHED: dict[str, tuple[Touch, str]] = {
    "edited": (of_the_lead("name = 'Ana', updated_at = now()"), "lead_changed"),
    "converted at": (of_the_lead("converted_at = now()"), "lead_converted"),
    "converted by": (of_the_lead("converted_by = creator_id"), "lead_converted"),
    "converted from": (of_the_lead("converted_from = 'chat'"), "lead_converted"),
    "linked with a patient": (of_the_lead("patient_id = PATIENT"), "lead_linked"),
    "deleted by hand": (of_the_lead("is_deleted = true"), "lead_deleted"),
    "written to": (of_the_chat({"updated_at": datetime(2030, 1, 1, tzinfo=UTC)}), "chat_changed"),
    "a field more": (of_the_chat({"last_message": "Oi"}), "chat_changed"),
    "tagged by hand": (tagged_by_hand, "chat_tagged"),
    "a tag taken away": (a_tag_taken_away, "chat_tagged"),
}


@pytest.mark.parametrize("what", TOUCHED)
async def test_a_lead_that_somebody_touched_stays_as_it_is_and_is_listed(
    given: Imported, db: Stored, what: str
) -> None:
    touch, reason = TOUCHED[what]
    await db.execute(
        "INSERT INTO amigocare.patients (company_id, contact_cellphone) VALUES (:c, '11900000000')",
        c=given.tenant.company_id,
    )
    await touch(given, (await given.leads())[1])
    before = (await given.leads())[1]
    await given.undo()
    assert await given.counts() == (3, 2, 1, 0)
    assert await given.kept() == [(3, reason)]
    leads = await given.leads()
    assert leads[1] == before
    assert [lead["is_deleted"] for lead in leads] == [True, before["is_deleted"], True]
    chats = await db.chats_of(given.tenant.company_id)
    assert [str(chat["_id"]) for chat in chats] == [before["chat_id"]]


async def test_the_same_file_imports_anew_and_makes_the_reversed_leads_again(
    given: Imported, pipeline: Pipeline, db: Stored
) -> None:
    await tagged_by_hand(given, (await given.leads())[0])
    await given.undo()
    again = await insert_import(given.postgres, given.tenant, row_counts=[3], name=unique("n"))
    created = await pipeline.whole(given.chunk.model_copy(update={"import_id": again}))
    assert len(created.live) == 2
    assert [row.reason for row in created.settled] == ["lead_exists"]
    assert await db.consistent(given.tenant.company_id) == 3


async def test_a_long_undo_goes_on_where_it_was_cut_off(given: Imported) -> None:
    await given.ask()
    store = given.store(portion=1)
    with pytest.raises(NotFinished):
        await given.run(store, stopping=True)
    assert await given.counts() == (3, 0, 0, 0)

    class CutOff(Exception):
        pass

    class AfterOnePortion(Store):
        async def end_portion(self, request: UndoRequested, portion: Portion, chats_left: Any) -> None:
            await super().end_portion(request, portion, chats_left)
            raise CutOff

    with pytest.raises(CutOff):
        await given.run(AfterOnePortion(given.postgres, given.mongo, clock=lambda: datetime.now(UTC), portion=1))
    assert await given.counts() == (3, 1, 0, 0)
    await given.run()
    assert await given.counts() == (3, 3, 0, 0)
    await given.run()
    assert len(await given.events()) == 1


async def test_another_runs_portion_is_not_done_twice(given: Imported) -> None:
    """A process that stood still wakes up when another one has done its portion, and the whole undo."""
    await given.ask()
    store = given.store()
    portion = await store.next_portion(given.request)
    assert isinstance(portion, Portion)
    taken = await store.take_leads(given.request, portion, set())
    assert taken is not None
    await given.run()
    assert await store.take_leads(given.request, portion, set()) is None
    await store.delete_chats(given.request, taken)
    await store.end_portion(given.request, taken, set())
    assert not await store.finish(given.request)
    assert await given.counts() == (3, 3, 0, 0)


async def test_a_lead_that_has_another_chat_by_now_is_listed(given: Imported) -> None:
    lead = (await given.leads())[0]
    await of_the_lead("chat_id = 'f' || substr(chat_id, 2)")(given, lead)
    await given.undo()
    assert await given.counts() == (3, 2, 1, 0)
    (kept,) = await given.ending.kept(given.scope, given.import_id, after=0, limit=9)
    assert (kept["lead_id"], kept["row_number"], kept["reason"]) == (lead["id"], None, "lead_changed")


async def test_an_import_without_leads_is_undone_at_once(pipeline: Pipeline, given: Imported) -> None:
    empty = await imported(
        pipeline, given.postgres, given.mongo, given.db, given.tenant, phones=list(given.chunk.live.phone)
    )
    await empty.undo()
    assert await empty.counts() == (0, 0, 0, 0)
    assert len(await given.db.leads(given.tenant.company_id)) == 3


async def test_who_asks_is_told_what_holds(given: Imported, other_tenant: Tenant) -> None:
    for scope in (
        Scope(other_tenant.company_id, None),
        Scope(given.tenant.company_id, (given.tenant.other_account_id,)),
    ):
        assert await given.ending.undo(scope, given.import_id, user_id=1) == (Answer.UNKNOWN, {})
        assert await given.ending.get_undo(scope, given.import_id) is None
        assert await given.ending.kept(scope, given.import_id, after=0, limit=1) == []
    running = await insert_import(given.postgres, given.tenant, row_counts=[1], name=unique("n"))
    assert await given.ending.undo(given.scope, running, user_id=1) == (Answer.IN_PROGRESS, {})
    assert await given.ask() is Answer.YES
    assert await given.ask() is Answer.YES
    await given.run()
    assert await given.ask() is Answer.DONE


async def test_a_message_of_an_undo_that_nobody_asked_for_is_bad(given: Imported) -> None:
    with pytest.raises(BadMessage):
        await given.run()
    await given.ask()
    stranger = given.request.model_copy(update={"accepted_at": datetime(2020, 1, 1, tzinfo=UTC)})
    with pytest.raises(BadMessage):
        await given.store().next_portion(stranger)


async def test_chunks_of_an_import_that_is_taken_back_are_not_opened_again(
    given: Imported, pipeline: Pipeline, db: Stored
) -> None:
    import_id = await insert_import(given.postgres, given.tenant, row_counts=[1], name=unique("n"))
    await pipeline.dead_letter((import_id, 0))
    answer, undo = await given.ending.undo(given.scope, import_id, user_id=given.tenant.user_id)
    assert (answer, undo["finished_at"]) == (Answer.YES, None)
    async with given.postgres.transaction() as connection:
        assert await chunk_life.reopen(connection, [NamedChunk(import_id, 0)]) == []
    assert await db.value("SELECT status FROM amigocare.lead_imports WHERE id = :i", i=import_id) == "FAILED"


async def test_a_portion_reads_its_own_leads_alone(given: Imported, pipeline: Pipeline) -> None:
    """By the index on chat ids, whose order is the file's."""
    other = await imported(pipeline, given.postgres, given.mongo, given.db, given.tenant, phones=new_phones(2))
    await given.ask()
    portion = await given.store().next_portion(given.request)
    assert portion is not None
    assert list(portion.chat_ids) == [lead["id"] for lead in await given.leads()]
    assert not portion.chat_ids.keys() & {lead["id"] for lead in await other.leads()}
