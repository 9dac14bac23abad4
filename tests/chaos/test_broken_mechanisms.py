"""Each mechanism switched off makes the checker fail: a check that cannot fail proves nothing."""

import asyncio
import dataclasses
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import text

from libs.common.outbox import event_outbox as outbox
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkTagged
from libs.contracts.lead_import.topics import IMPORT_FINISHED
from libs.imports import chunk_life, chunk_sending, live_phones, phone_look_up
from libs.imports.chunk_sending import claim, mark_sent
from libs.imports.chunk_states import Acceptance, HeldChunk, Totals
from services.api.accepting.store import AcceptStore, NewImport
from services.creator import handlers as creator
from services.creator.domain import CHAT_EXISTS, chat_ids, created_chunk
from services.creator.store import LeadStore
from services.creator.store import Store as CreatorStore
from services.dedup import handlers as dedup
from services.dedup import store as dedup_store
from services.finalizer import handlers as finalizer
from services.finalizer import store as finalizer_store
from services.finalizer.domain import status_of
from services.finalizer.store import ImportStore
from services.finalizer.store import Store as FinalizerStore
from services.tagger import handlers as tagger
from services.tagger.store import TagStore
from services.undoer import handlers as undoer
from services.undoer import store as undoer_store
from services.undoer.store import Store as UndoerStore
from tests.chaos.checker import Report
from tests.chaos.crash import Crash, CrashPlan
from tests.chaos.crew import points_of, run_scenario
from tests.chaos.shapes import LOST, RACE, SHAPES

_random_ids = itertools.count(1)


def random_chat_ids(chunk: ChunkTagged) -> list[str]:
    """Ids that a second run would not find again, holding the row as the checker wants it."""
    return [f"{next(_random_ids):016x}{row:08x}" for row in chunk.live.row]


async def no_leads_of_an_earlier_run(self: LeadStore, chunk: ChunkTagged, ids: list[str]) -> dict[str, int]:
    return {}


async def no_chats(self: CreatorStore, *arguments: Any, **named: Any) -> None:
    return None


async def no_tags(self: LeadStore, *arguments: Any, **named: Any) -> None:
    return None


async def deleted_before_it_was_published(connection: Any, *, lease: Any, room: Any) -> list[Any]:
    await connection.execute(text("DELETE FROM amigocare.outbox"))
    return []


@contextmanager
def repeats_end_imports() -> Iterator[None]:
    """Neither the chunk nor the import remembers that it has ended."""
    unconditional = text(str(finalizer_store._FINISH).replace("status = 'PROCESSING'", "true"))
    with (
        patch.object(finalizer, "counts", lambda *_: True),
        patch.object(finalizer_store, "_FINISH", unconditional),
    ):
        yield


async def chat_first(chunk: ChunkTagged, *, store: Any, asking: Any, publish: Any, clock: Any) -> None:
    """The order that leaves orphans: the chat is made before the database says who owns the phone."""
    ids = chat_ids(chunk)
    known = await store.chats_of_others(chunk)
    everyone = {chat_id: 0 for index, chat_id in enumerate(ids) if index not in known}
    await store.insert_chats(chunk, ids, everyone, now=clock())
    async with store.transaction(chunk.company_id) as leads:
        wanted = [index for index in range(len(ids)) if index not in known]
        lead_ids = await leads.insert_leads(chunk, ids, wanted)
        await leads.insert_chat_tags(chunk, ids, lead_ids)
    await publish(created_chunk(chunk, ids, lead_ids, dict.fromkeys(known, CHAT_EXISTS)))


@contextmanager
def answers_forgotten() -> Iterator[None]:
    """An upload that comes again is another upload, under another name."""

    async def none_kept(self: AcceptStore, key: Any) -> None:
        return None

    async def as_if_kept(self: AcceptStore, *arguments: Any) -> bool:
        return True

    async def never_taken(self: AcceptStore, **place: Any) -> bool:
        return False

    async def renamed(self: AcceptStore, new: NewImport) -> None:
        await insert_import(self, dataclasses.replace(new, name=f"{new.name} {new.import_id}"))

    insert_import = AcceptStore.insert_import
    with (
        patch.object(AcceptStore, "kept_answer", none_kept),
        patch.object(AcceptStore, "keep_answer", as_if_kept),
        patch.object(AcceptStore, "name_taken", never_taken),
        patch.object(AcceptStore, "insert_import", renamed),
    ):
        yield


async def no_chats_of_others(self: CreatorStore, chunk: ChunkTagged) -> set[int]:
    return set()


def looking_for_one_form() -> AbstractContextManager[Any]:
    """What the platform holds of old mobiles lacks the ninth digit."""
    return patch.object(live_phones, "both_forms", lambda *phone: phone[1:])


def every_reason_the_same() -> AbstractContextManager[Any]:
    known_phones = dedup_store.Store.known_phones

    async def all_leads(self: dedup_store.Store, chunk: Any) -> dict[Any, str]:
        return dict.fromkeys(await known_phones(self, chunk), "lead_exists")

    return patch.object(dedup_store.Store, "known_phones", all_leads)


def names_in_another_order(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A column that is sorted by itself gives each row what is another's."""

    async def handle(chunk: ChunkTagged, **named: Any) -> None:
        live = chunk.live.model_copy(update={"name": chunk.live.name[::-1], "email": chunk.live.email[::-1]})
        await handler(chunk.model_copy(update={"live": live}), **named)

    return handle


def counting_own_leads() -> AbstractContextManager[Any]:
    own_too = str(phone_look_up._KNOWN).replace(
        "IS DISTINCT FROM :import_id", "IS DISTINCT FROM CAST(:import_id AS int) * -1"
    )
    return patch.object(phone_look_up, "_KNOWN", text(own_too))


async def marked_before_they_are_published(connection: Any, *, lease: Any, window: Any, room: Any) -> list[Any]:
    chunks = await claim(connection, lease=lease, window=window, room=room)
    await mark_sent(connection, [(chunk.import_id, chunk.chunk_index) for chunk in chunks], lease=lease)
    return chunks


async def nothing_silent(self: FinalizerStore, seconds: float) -> list[tuple[int, int]]:
    return []


async def not_cleaned(self: ImportStore) -> None:
    return


async def never_settled(self: TagStore, chunk: Any) -> HeldChunk:
    return HeldChunk(settled=False, canceled=False)


async def letter_unread(letter: Any, *, store: Any, wake_relay: Any) -> None:
    return


def replays_keep_rows() -> AbstractContextManager[Any]:
    """The rows of the dead letter stay beside what the replay makes of them."""
    kept = str(chunk_life._REOPEN).replace("WHERE r.import_id", "WHERE false AND r.import_id")
    return patch.object(chunk_life, "_REOPEN", text(kept))


def ids_without_revision() -> AbstractContextManager[Any]:
    same = dataclasses.replace(IMPORT_FINISHED, identity=lambda event: str(event.import_id))
    return patch.object(finalizer_store, "IMPORT_FINISHED", same)


@contextmanager
def imports_unlocked() -> Iterator[None]:
    """Nobody waits for the other: all that are being handled have settled their chunk before the first one counts."""
    unlocked = text(str(chunk_life._LOCK_MEANT).replace("FOR NO KEY UPDATE", ""))
    locked_import, totals = FinalizerStore.locked_import, ImportStore.totals
    settling: set[asyncio.Task[Any] | None] = set()
    changed = asyncio.Condition()

    async def has_settled() -> None:
        async with changed:
            settling.discard(asyncio.current_task())
            changed.notify_all()

    @asynccontextmanager
    async def entered(self: FinalizerStore, meant: Acceptance) -> AsyncIterator[ImportStore | None]:
        settling.add(asyncio.current_task())
        try:
            async with locked_import(self, meant) as found:
                yield found
        finally:
            await has_settled()

    async def counted_together(self: ImportStore) -> Totals | None:
        await has_settled()
        async with changed:
            await changed.wait_for(lambda: not settling)
        return await totals(self)

    with (
        patch.object(chunk_life, "_LOCK_MEANT", unlocked),
        patch.object(FinalizerStore, "locked_import", entered),
        patch.object(ImportStore, "totals", counted_together),
    ):
        yield


async def no_lead_found(self: ImportStore, chunk: Any) -> bool:
    return False


async def chats_stay(self: UndoerStore, *arguments: Any) -> None:
    return


async def nothing_changed(self: UndoerStore, portion: Any) -> set[str]:
    return set()


@contextmanager
def used_chats_deleted() -> Iterator[None]:
    with (
        patch.object(UndoerStore, "changed_chats", nothing_changed),
        patch.object(undoer_store, "UNTOUCHED", {}),
    ):
        yield


def undo_without(name: str, part: str, instead: str = "") -> AbstractContextManager[Any]:
    """Leave something out of one of undoer's statements."""
    whole = str(getattr(undoer_store, name))
    assert part in whole
    return patch.object(undoer_store, name, text(whole.replace(part, instead)))


def acked_before_the_work(handler: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
    """A consumer that commits first: what dies amid its work is not delivered again."""

    async def handle(*arguments: Any, **named: Any) -> None:
        try:
            await handler(*arguments, **named)
        except Crash:
            return

    return handle


BROKEN: dict[str, tuple[str, Callable[[], AbstractContextManager[Any]]]] = {
    "chat ids are random": ("creator", lambda: patch.object(creator, "chat_ids", random_chat_ids)),
    "own leads are not recognised": (
        "creator",
        lambda: patch.object(LeadStore, "leads_of_chats", no_leads_of_an_earlier_run),
    ),
    "chat first, lead second": ("creator", lambda: patch.object(creator, "create_leads", chat_first)),
    "chats are not made": ("creator", lambda: patch.object(CreatorStore, "insert_chats", no_chats)),
    "tags are not linked": ("creator", lambda: patch.object(LeadStore, "insert_chat_tags", no_tags)),
    "creator acks first": (
        "creator",
        lambda: patch.object(creator, "create_leads", acked_before_the_work(creator.create_leads)),
    ),
    "tagger acks first": ("tagger", lambda: patch.object(tagger, "tag_chunk", acked_before_the_work(tagger.tag_chunk))),
    "finalizer acks first": (
        "finalizer",
        lambda: patch.object(finalizer, "settle_chunk", acked_before_the_work(finalizer.settle_chunk)),
    ),
    "a repeat ends the import again": ("creator", repeats_end_imports),
    "answers to an Idempotency-Key are forgotten": ("accept", answers_forgotten),
    "dedup acks first": (
        "dedup",
        lambda: patch.object(dedup, "settle_existing", acked_before_the_work(dedup.settle_existing)),
    ),
    "dedup counts the leads of its own import": ("dedup", counting_own_leads),
    "dedup looks for phones in one form": ("dedup", looking_for_one_form),
    "dedup gives every known phone the same reason": ("dedup", every_reason_the_same),
    "creator mixes rows up": (
        "creator",
        lambda: patch.object(creator, "create_leads", names_in_another_order(creator.create_leads)),
    ),
    "creator does not look for customers' chats": (
        "creator",
        lambda: patch.object(CreatorStore, "chats_of_others", no_chats_of_others),
    ),
    "chunks count as sent before they are published": (
        "relay",
        lambda: patch.object(chunk_sending, "claim", marked_before_they_are_published),
    ),
    "silent chunks are not sent again": (
        "watchdog",
        lambda: patch.object(FinalizerStore, "silent_chunks", nothing_silent),
    ),
    "dead letters settle nothing": ("finalizer", lambda: patch.object(finalizer, "settle_dead_letter", letter_unread)),
    "replays keep the rows of the dead letter": ("operator", replays_keep_rows),
    "the next revision has the first one's id": ("finalizer", ids_without_revision),
    "unused tags stay": ("finalizer", lambda: patch.object(ImportStore, "clean_tags", not_cleaned)),
    "late repeats make tags anew": ("tagger", lambda: patch.object(TagStore, "hold", never_settled)),
    "imports are not locked before they are counted": ("finalizer", imports_unlocked),
    "canceled imports end as if they were not": (
        "finalizer",
        lambda: patch.object(finalizer, "status_of", lambda totals, **_: status_of(totals, canceled=False)),
    ),
    "chunks with leads are canceled, too": ("canceler", lambda: patch.object(ImportStore, "has_leads", no_lead_found)),
    "undoer acks first": (
        "undoer",
        lambda: patch.object(undoer, "undo_import", acked_before_the_work(undoer.undo_import)),
    ),
    "chats of undone leads stay": ("undoer", lambda: patch.object(UndoerStore, "delete_chats", chats_stay)),
    "chats that somebody used are deleted": ("undoer", used_chats_deleted),
    "chat_tags of undone leads stay": ("undoer", lambda: undo_without("_DELETE_CHAT_TAGS", "NOT is_deleted", "false")),
    "undoer does not know again what it has deleted": (
        "undoer",
        lambda: undo_without("_TAKEN", "import_id = :import_id", "import_id = :import_id AND false"),
    ),
    "an undo counts what it took back twice": (
        "undoer",
        lambda: undo_without("_END_PORTION", "reversed + :reversed", "reversed + 2 * :reversed"),
    ),
    "events are deleted unpublished": (
        "relay",
        lambda: patch.object(outbox, "claim_events", deleted_before_it_was_published),
    ),
}


async def first_fault(postgres: Postgres, mongo: Mongo, stage: str) -> Report | None:
    """Crash nowhere, then at every point of the stage, the last ones first, until the checker finds something."""
    for shape in (*SHAPES, LOST, RACE):
        _, report = await run_scenario(postgres, mongo, shape, {})
        if not report.kept:
            return report
    # Who asks twice for an undo gets it although the first call was lost: where it is asked for once is looked first.
    for shape in sorted(SHAPES, key=lambda shape: shape.undo_wishes):
        if stage not in shape.stages:
            continue
        for point in reversed(range(1, 1 + await points_of(postgres, mongo, shape, stage))):
            _, report = await run_scenario(postgres, mongo, shape, {stage: CrashPlan(point)})
            if not report.kept:
                return report
    return None


@pytest.mark.parametrize("mechanism", BROKEN)
async def test_the_checker_sees_it_when(quick: tuple[Postgres, Mongo], mechanism: str) -> None:
    stage, broken = BROKEN[mechanism]
    with broken():
        assert await first_fault(*quick, stage), f"{mechanism}: nothing was noticed"


async def test_the_checker_sees_nothing_while_every_mechanism_works(quick: tuple[Postgres, Mongo]) -> None:
    for shape in (*SHAPES, LOST, *[RACE] * 5):
        _, report = await run_scenario(*quick, shape, {})
        assert report.kept, f"{shape.name}: {report}"
