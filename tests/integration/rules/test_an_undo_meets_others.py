"""An undo against whoever else is at work: a second undo, a customer who writes, an import of the same phones."""

import asyncio
from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from bson import ObjectId
from sqlalchemy import text

from libs.common.clock import utc_now
from libs.common.errors import NotFinished
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.imports.chats import chats_of
from services.undoer.domain import Portion
from services.undoer.store import Store
from tests.support.chunks import new_phones
from tests.support.contacts import insert_lead
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.undoing import Imported, imported

pytestmark = pytest.mark.usefixtures("quiet")

PORTION = 4


@pytest_asyncio.fixture
async def given(pipeline: Pipeline, crowd: Postgres, mongo: Mongo, db: Stored, tenant: Tenant) -> Imported:
    return await imported(pipeline, crowd, mongo, db, tenant, phones=new_phones(12))


async def test_two_undos_at_once_count_every_lead_once(given: Imported) -> None:
    """Two wishes, and their messages with four processes: portions are done by whoever comes first."""
    await asyncio.gather(given.ask(), given.ask())
    await asyncio.gather(*(given.run(given.store(portion=2)) for _ in range(4)))
    assert await given.counts() == (12, 12, 0, 0)
    assert len(await given.events()) == 1
    assert await given.db.consistent(given.tenant.company_id) == 0


class CustomerWrites(Store):
    """A customer writes into one chat of the portion when undoer has looked at it, and deleted its lead."""

    chat_id = ""

    async def take_leads(self, request: UndoRequested, portion: Portion, changed_chats: Any) -> Portion | None:
        taken = await super().take_leads(request, portion, changed_chats)
        assert taken is not None
        self.chat_id = taken.chat_ids[min(taken.chat_ids)]
        change = {"$set": {"updated_at": datetime(2030, 1, 1, tzinfo=UTC)}}
        await chats_of(self._mongo).update_one({"_id": ObjectId(self.chat_id)}, change)
        return taken


def customer_writes(given: Imported) -> CustomerWrites:
    return CustomerWrites(given.postgres, given.mongo, clock=utc_now)


async def test_a_chat_that_a_customer_writes_into_meanwhile_stays_with_its_lead(given: Imported) -> None:
    before = {lead["chat_id"]: lead for lead in await given.leads()}
    await given.ask()
    store = customer_writes(given)
    await given.run(store)
    assert await given.counts() == (12, 11, 1, 0)
    ((row, reason),) = await given.kept()
    assert reason == "chat_changed"
    (lead,) = await given.db.leads(given.tenant.company_id)
    assert lead["chat_id"] == store.chat_id
    assert all(lead[column] == value for column, value in before[store.chat_id].items())
    assert len(lead["tags"]) == 2, "it has its tags still"
    assert row == int(store.chat_id[16:], 16)
    assert await given.db.consistent(given.tenant.company_id) == 1


async def test_a_lead_whose_phone_another_lead_took_meanwhile_is_listed_as_failed(given: Imported) -> None:
    await given.ask()

    class AndALeadIsMade(CustomerWrites):
        async def delete_chats(self, request: UndoRequested, portion: Portion) -> None:
            leads = {lead["chat_id"]: lead for lead in await given.leads()}
            await insert_lead(given.db, given.tenant, leads[self.chat_id]["contact_cellphone"])
            await super().delete_chats(request, portion)

    await given.run(AndALeadIsMade(given.postgres, given.mongo, clock=utc_now))
    assert await given.counts() == (12, 11, 0, 1)
    assert [reason for _, reason in await given.kept()] == ["phone_taken"]
    # It is no more, as the others: subscribers are told of it, too.
    said = await given.db.rows("SELECT key FROM amigocare.outbox WHERE topic = 'lead.deleted.v1'")
    assert {row["key"] for row in said} == {str(lead["public_id"]) for lead in await given.leads() if lead["import_id"]}


async def test_a_phone_that_is_taken_at_the_very_moment_is_looked_at_again(given: Imported) -> None:
    """The other lead is not committed yet when undoer looks: the unique index decides, and the next run sees it."""
    await given.ask()
    store = customer_writes(given)
    portion = await store.next_portion(given.request)
    assert portion is not None
    taken = await store.take_leads(given.request, portion, set())
    assert taken is not None
    await store.delete_chats(given.request, taken)
    lead = next(lead for lead in await given.leads() if lead["chat_id"] == store.chat_id)
    async with given.postgres.transaction() as other:
        await other.execute(
            text(
                "INSERT INTO amigocare.amigocare_leads (contact_cellphone, source_id, channel_id, company_id,"
                " amigocare_messaging_account_id, creator_id) SELECT contact_cellphone, source_id, channel_id,"
                " company_id, amigocare_messaging_account_id, creator_id FROM amigocare.amigocare_leads WHERE id = :id"
            ),
            {"id": lead["id"]},
        )
        ending = asyncio.create_task(store.end_portion(given.request, taken, await store.chats_left(taken)))
        await asyncio.sleep(0.2)
        assert not ending.done()
    with pytest.raises(NotFinished):
        await ending
    await given.run()
    assert await given.counts() == (12, 11, 0, 1)


class ImportedMeanwhile(Store):
    """The same file is imported at one of the seams of the undo: before each of a portion's three steps."""

    def __init__(self, given: Imported, pipeline: Pipeline, *, seam: int) -> None:
        super().__init__(given.postgres, given.mongo, clock=utc_now, portion=PORTION)
        self._given, self._pipeline, self._steps_left = given, pipeline, seam
        self.created: ChunkCreated | None = None

    async def take_leads(self, request: UndoRequested, portion: Portion, changed_chats: Any) -> Portion | None:
        await self._step()
        return await super().take_leads(request, portion, changed_chats)

    async def delete_chats(self, request: UndoRequested, portion: Portion) -> None:
        await self._step()
        await super().delete_chats(request, portion)

    async def end_portion(self, request: UndoRequested, portion: Portion, chats_left: Any) -> None:
        await self._step()
        await super().end_portion(request, portion, chats_left)

    async def _step(self) -> None:
        if not self._steps_left:
            self.created = await import_again(self._given, self._pipeline)
        self._steps_left -= 1


async def import_again(given: Imported, pipeline: Pipeline) -> ChunkCreated:
    again = await insert_import(given.postgres, given.tenant, row_counts=[given.chunk.row_count], name=unique("n"))
    return await pipeline.whole(given.chunk.model_copy(update={"import_id": again}))


@pytest.mark.parametrize("seam", range(9))
async def test_an_import_of_the_same_phones_between_two_steps_of_an_undo(
    given: Imported, pipeline: Pipeline, seam: int
) -> None:
    """Whose lead and chat are gone becomes a lead, and stays one, with its chat; what is there still exists."""
    await given.ask()
    store = ImportedMeanwhile(given, pipeline, seam=seam)
    await given.run(store)
    assert await given.counts() == (12, 12, 0, 0)
    created = store.created
    assert created is not None
    portions, step = divmod(seam, 3)
    gone = PORTION * (portions + (step == 2))
    without_lead = PORTION * (step == 1)
    assert len(created.live) == gone
    reasons = Counter(row.reason for row in created.settled)
    assert reasons == +Counter(chat_exists=without_lead, lead_exists=12 - gone - without_lead)
    assert await given.db.consistent(given.tenant.company_id) == gone
    assert len((await import_again(given, pipeline)).live) == 12 - gone
    assert await given.db.consistent(given.tenant.company_id) == 12


async def test_undo_against_an_import_of_the_same_phones(given: Imported, pipeline: Pipeline) -> None:
    """At once: no chat without its lead, no lead without its chat, no phone twice."""
    await given.ask()

    async def a_little_later() -> ChunkCreated:
        await asyncio.sleep(0.01)
        return await import_again(given, pipeline)

    _, created = await asyncio.gather(given.run(given.store(portion=1)), a_little_later())
    assert await given.counts() == (12, 12, 0, 0)
    assert await given.db.consistent(given.tenant.company_id) == len(created.live)
    assert {row.reason for row in created.settled} <= {"lead_exists", "chat_exists"}
    assert len((await import_again(given, pipeline)).live) + len(created.live) == 12


async def test_a_phone_whose_customer_writes_meanwhile_is_not_imported_beside_its_chat(
    given: Imported, pipeline: Pipeline
) -> None:
    """Its lead is deleted when the import comes, its chat is still there: the lead comes back, and is the only one."""
    await given.ask()

    class AndTheFileIsImported(CustomerWrites):
        async def delete_chats(self, request: UndoRequested, portion: Portion) -> None:
            created = await import_again(given, pipeline)
            assert [row.reason for row in created.settled] == ["chat_exists"] * 12
            await super().delete_chats(request, portion)

    await given.run(AndTheFileIsImported(given.postgres, given.mongo, clock=utc_now))
    assert await given.counts() == (12, 11, 1, 0)
    assert await given.db.consistent(given.tenant.company_id) == 1
    assert len((await import_again(given, pipeline)).live) == 11
    assert await given.db.consistent(given.tenant.company_id) == 12
