"""A canceled import makes no more leads and ends at once, each row created, existing or canceled; whoever was first."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text

from libs.common.clock import utc_now
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.events import ImportFinished
from libs.contracts.lead_import.internal.messages import ChunkAccepted, Outcome
from libs.imports.chunk_states import NamedChunk
from services.api.ending.store import Answer, EndingStore
from services.api.http.store import Scope
from services.creator.domain import chat_ids
from services.creator.store import ChunkEnded
from services.finalizer.canceler import Canceler
from services.operator.store import Store as Operator
from tests.support.chunks import new_phones, settled_row
from tests.support.contacts import insert_chat
from tests.support.imports import accepted_chunk, deduplicated, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

pytestmark = pytest.mark.usefixtures("quiet")

ROWS = 3


@dataclass(frozen=True, slots=True)
class Running:
    """An import in progress, of chunks of ``ROWS`` live rows and one that the api had settled."""

    import_id: int
    chunks: list[ChunkAccepted]
    tenant: Tenant
    pipeline: Pipeline
    postgres: Postgres
    db: Stored

    @property
    def scope(self) -> Scope:
        return Scope(self.tenant.company_id, None)

    async def cancel(self) -> Answer:
        ending = EndingStore(self.postgres, clock=utc_now)
        return await ending.cancel(self.scope, self.import_id, user_id=self.tenant.user_id)

    async def turn(self) -> None:
        """Let a finalizer look for canceled imports once."""
        store = self.pipeline.finalizer_store
        await Canceler(store, wake_relay=lambda: None, cancel_seconds=1).cancel_once()

    async def found(self) -> dict[str, Any]:
        return (await self.db.rows("SELECT * FROM amigocare.lead_imports WHERE id = :i", i=self.import_id))[0]

    async def ended(self, *, created: int, canceled: int, earlier: int = 0) -> None:
        """Check status, totals, rows, leads, chats, and the event; ``earlier``: leads of the other imports."""
        found = await self.found()
        totals = (found["total_created"], found["total_existing"], found["total_errors"], found["total_canceled"])
        assert totals == (created, len(self.chunks), canceled, canceled)
        assert (found["status"], found["failure_reason"], found["revision"]) == ("FAILED", "canceled", 1)
        rows = await self.db.rows("SELECT * FROM amigocare.lead_import_rows WHERE import_id = :i", i=self.import_id)
        assert sum(row["reason"] == "canceled" and row["outcome"] == "error" for row in rows) == canceled
        assert len(rows) + created == found["total_rows"]
        assert await self.db.consistent(self.tenant.company_id) == created + earlier
        events = await self.db.rows("SELECT payload FROM amigocare.outbox WHERE key = :k", k=str(self.import_id))
        (event,) = [ImportFinished.model_validate_json(bytes(row["payload"])) for row in events]
        assert (event.status, event.failure_reason, event.total_errors) == ("FAILED", "canceled", canceled)


async def running(pipeline: Pipeline, postgres: Postgres, tenant: Tenant, db: Stored, chunks: int) -> Running:
    counts = [ROWS + 1] * chunks
    import_id = await insert_import(postgres, tenant, row_counts=counts, name=unique("n"))
    made = []
    for index in range(chunks):
        first = 2 + index * (ROWS + 1)
        settled = [settled_row(first + ROWS, Outcome.EXISTING, "in_file")]
        live = live_rows(new_phones(ROWS), first_row=first, tags=[[unique("tag")]] * ROWS)
        made.append(accepted_chunk(tenant, import_id, live, chunk_index=index, settled=settled))
        await db.execute(
            "UPDATE amigocare.lead_import_chunks SET payload = :p WHERE import_id = :i AND chunk_index = :c",
            p=made[-1].model_dump_json().encode(),
            i=import_id,
            c=index,
        )
    return Running(import_id, made, tenant, pipeline, postgres, db)


@pytest.fixture
def start(pipeline: Pipeline, crowd: Postgres, tenant: Tenant, db: Stored) -> Any:
    async def begin(chunks: int) -> Running:
        return await running(pipeline, crowd, tenant, db, chunks)

    return begin


async def test_what_no_lead_was_made_of_is_canceled_and_what_ended_before_stays(start: Any) -> None:
    """Of twelve chunks, more than one transaction settles."""
    given = await start(12)
    await given.pipeline.whole(given.chunks[0])
    await given.pipeline.whole(given.chunks[5])
    assert await given.cancel() is Answer.YES
    assert (await given.found())["status"] == "PROCESSING", "it is canceled when the finalizer says so"
    await given.turn()
    await given.ended(created=2 * ROWS, canceled=10 * ROWS)


async def test_a_row_that_the_finalizer_canceled_holds_its_original_cells(start: Any, db: Stored) -> None:
    given = await start(1)
    await given.cancel()
    await given.turn()
    cells = await db.value(
        "SELECT cells FROM amigocare.lead_import_rows WHERE import_id = :i AND row_number = 2", i=given.import_id
    )
    assert cells == given.chunks[0].live.original_cells(0)


async def test_a_wish_that_is_repeated_changes_nothing_and_one_after_the_end_is_refused(start: Any) -> None:
    given = await start(1)
    assert await given.cancel() is Answer.YES
    first = (await given.found())["cancel_requested_at"]
    assert await given.cancel() is Answer.YES
    await given.turn()
    assert await given.cancel() is Answer.YES
    await given.turn()
    assert (await given.found())["cancel_requested_at"] == first
    await given.ended(created=0, canceled=ROWS)
    finished = await start(1)
    await finished.pipeline.whole(finished.chunks[0])
    assert await finished.cancel() is Answer.ENDED
    assert (await finished.found())["status"] == "FINISHED"


async def test_another_company_or_account_cannot_cancel(start: Any, other_tenant: Tenant) -> None:
    given = await start(1)
    store = EndingStore(given.postgres, clock=utc_now)
    for scope in (
        Scope(other_tenant.company_id, None),
        Scope(given.tenant.company_id, (given.tenant.other_account_id,)),
    ):
        assert await store.cancel(scope, given.import_id, user_id=1) is Answer.UNKNOWN
    assert (await given.found())["cancel_requested_at"] is None


async def test_messages_that_are_still_on_their_way_are_dropped_by_every_stage(start: Any, db: Stored) -> None:
    given = await start(2)
    with_tags = await given.pipeline.tag(await given.pipeline.dedup(given.chunks[0]))
    await given.cancel()
    await given.turn()
    assert await given.pipeline.create_if_open(with_tags) is None
    assert await given.pipeline.tag(await given.pipeline.dedup(given.chunks[1])) is None
    await given.ended(created=0, canceled=2 * ROWS)
    names = sorted({name for chunk in given.chunks for names in chunk.live.tags for name in names})
    live = "SELECT count(*) FROM amigocare.tags WHERE name = ANY(:names) AND NOT is_deleted"
    assert await db.value(live, names=names) == 0


async def test_from_the_wish_on_no_lead_and_no_tag_is_made(start: Any, db: Stored) -> None:
    """Also before a finalizer has looked: the stages see the wish, and the chunk's own message settles its rows."""
    given = await start(1)
    await given.cancel()
    with_tags = await given.pipeline.tag(await given.pipeline.dedup(given.chunks[0]))
    assert with_tags is not None
    assert with_tags.live.row_tag_ids == [[]] * ROWS
    assert (
        await db.value("SELECT count(*) FROM amigocare.lead_import_tags WHERE import_id = :i", i=given.import_id) == 0
    )
    created = await given.pipeline.create(with_tags)
    assert [row.reason for row in created.settled] == ["in_file", *["canceled"] * ROWS]
    await given.pipeline.settle(created)
    await given.ended(created=0, canceled=ROWS)


async def test_a_row_that_is_known_to_exist_stays_so(start: Any, db: Stored) -> None:
    given = await start(1)
    await insert_chat(db, given.tenant, given.chunks[0].live.phone[0])
    waiting = await given.pipeline.dedup(given.chunks[0])
    await given.cancel()
    await given.pipeline.settle(await given.pipeline.create(await given.pipeline.tag(waiting)))
    found = await given.found()
    assert (found["total_existing"], found["total_canceled"]) == (2, ROWS - 1)


async def test_a_chunk_whose_leads_were_made_ends_by_its_own_message(start: Any) -> None:
    given = await start(2)
    created = await given.pipeline.until_created(given.chunks[0])
    await given.cancel()
    await given.turn()
    assert (await given.found())["status"] == "PROCESSING"
    await given.pipeline.settle(created)
    await given.ended(created=ROWS, canceled=ROWS)


async def test_leads_without_chats_are_finished_by_the_repeat(start: Any) -> None:
    """The creator died between the two: what is a lead already is not canceled, and has its chat."""
    given = await start(1)
    chunk = await given.pipeline.tag(await given.pipeline.dedup(given.chunks[0]))
    ids = chat_ids(chunk)
    async with given.pipeline.creator_store.transaction(given.tenant.company_id) as leads:
        made = await leads.insert_leads(chunk, ids, [0, 1], all_new=True)
        await leads.insert_chat_tags(chunk, ids, made, all_new=True)
    await given.cancel()
    await given.turn()
    await given.pipeline.settle(await given.pipeline.create(chunk))
    await given.ended(created=2, canceled=1)
    links = "SELECT count(*) FROM amigocare.chat_tags WHERE company_id = :c AND NOT is_deleted"
    assert await given.db.value(links, c=given.tenant.company_id) == 2


async def test_a_dead_letter_that_is_replayed_makes_no_leads_of_a_canceled_import(start: Any) -> None:
    given = await start(2)
    await given.pipeline.dead_letter((given.import_id, 0))
    await given.cancel()
    await given.turn()
    assert (await given.found())["failure_reason"] == "canceled"
    assert await Operator(given.postgres).reopen([NamedChunk(given.import_id, 0)]) == [(given.import_id, 0)]
    created = await given.pipeline.until_created(given.chunks[0])
    assert len(created.live) == 0
    await given.pipeline.settle(created)
    found = await given.found()
    assert (found["status"], found["failure_reason"], found["revision"]) == ("FAILED", "canceled", 2)
    assert (found["total_errors"], found["total_canceled"]) == (2 * ROWS, 2 * ROWS)


async def test_cancel_against_the_last_chunk(start: Any) -> None:
    """Either it had ended and says so, or it ends as canceled: never as finished after a promise to cancel."""
    for turn in range(-6, 7):
        given = await start(2)
        await given.pipeline.whole(given.chunks[0])
        created = await given.pipeline.until_created(given.chunks[1])

        async def after(turns: int, what: Callable[[], Awaitable[Answer | None]]) -> Answer | None:
            await asyncio.sleep(max(turns, 0) * 0.001)
            return await what()

        answer, _ = await asyncio.gather(
            after(turn, given.cancel), after(-turn, partial(given.pipeline.settle, created))
        )
        await given.turn()
        found = await given.found()
        assert (answer, found["status"], found["failure_reason"]) in {
            (Answer.YES, "FAILED", "canceled"),
            (Answer.ENDED, "FINISHED", None),
        }
        assert (found["total_created"], found["total_existing"], found["total_errors"]) == (2 * ROWS, 2, 0)
        assert found["revision"] == 1


async def test_the_end_waits_for_a_wish_that_is_being_written_and_sees_it(start: Any) -> None:
    given = await start(1)
    created = await given.pipeline.until_created(given.chunks[0])
    async with given.postgres.transaction() as wish:
        await wish.execute(
            text("UPDATE amigocare.lead_imports SET cancel_requested_at = now() WHERE id = :id"),
            {"id": given.import_id},
        )
        settling = asyncio.create_task(given.pipeline.settle(created))
        await asyncio.sleep(0.2)
        assert not settling.done()
    await settling
    await given.ended(created=ROWS, canceled=0)


async def test_a_wish_waits_for_an_end_that_is_being_written_and_is_refused(start: Any) -> None:
    given = await start(1)
    created = await given.pipeline.until_created(given.chunks[0])
    async with given.postgres.transaction() as reader:
        # Holds the end up: it has the import's row, and waits for the outbox.
        await reader.execute(text("LOCK TABLE amigocare.outbox IN SHARE MODE"))
        settling = asyncio.create_task(given.pipeline.settle(created))
        await asyncio.sleep(0.2)
        canceling = asyncio.create_task(given.cancel())
        await asyncio.sleep(0.2)
        assert not settling.done()
        assert not canceling.done()
    await settling
    assert await canceling is Answer.ENDED
    found = await given.found()
    assert (found["status"], found["failure_reason"], found["cancel_requested_at"]) == ("FINISHED", None, None)


async def test_cancel_against_the_creator(start: Any) -> None:
    """A chunk becomes leads whole, or is canceled whole, whichever of creator, finalizer and both at once is first."""
    earlier = 0
    for turn in range(12):
        given = await start(2)
        chunks = [await given.pipeline.tag(await given.pipeline.dedup(chunk)) for chunk in given.chunks]

        async def cancel(given: Running = given, turn: int = turn) -> None:
            await asyncio.sleep(turn * 0.0005)
            await given.cancel()
            await asyncio.gather(given.turn(), given.turn())

        results = await asyncio.gather(cancel(), *(given.pipeline.create_if_open(chunk) for chunk in chunks))
        for created in results[1:]:
            if created is not None:
                await given.pipeline.settle(created)
        await given.turn()
        made = (await given.found())["total_created"]
        assert made in {0, ROWS, 2 * ROWS}
        await given.ended(created=made, canceled=2 * ROWS - made, earlier=earlier)
        earlier += made


async def test_the_finalizer_waits_for_whoever_is_making_leads(start: Any) -> None:
    given = await start(1)
    chunk = tagged(given.chunks[0])
    await given.cancel()
    async with given.pipeline.creator_store.transaction(given.tenant.company_id) as leads:
        assert await leads.is_canceled(chunk)
        await leads.insert_leads(chunk, chat_ids(chunk), [0, 1, 2])
        looking = asyncio.create_task(given.turn())
        await asyncio.sleep(0.2)
        assert not looking.done()
    await looking
    assert (await given.found())["status"] == "PROCESSING", "it has leads: its own message ends it"
    await given.pipeline.settle(await given.pipeline.create(chunk))
    await given.ended(created=ROWS, canceled=0)


async def test_who_makes_leads_waits_for_the_finalizer_and_makes_none(start: Any) -> None:
    given = await start(1)
    await given.cancel()
    await given.turn()
    chunk = tagged(accepted_chunk(given.tenant, given.import_id, given.chunks[0].live))
    with pytest.raises(ChunkEnded):
        async with given.pipeline.creator_store.transaction(given.tenant.company_id) as leads:
            await leads.insert_leads(chunk, chat_ids(chunk), [0], all_new=True)
    assert deduplicated(given.chunks[0]).row_count == ROWS + 1
