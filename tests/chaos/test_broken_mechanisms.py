"""Each mechanism switched off makes the checker fail: a check that cannot fail proves nothing."""

import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy import text

from libs.common import outbox
from libs.common.events.chunk import ChunkTagged
from libs.common.mongo import Mongo
from libs.common.postgres import Postgres
from services.creator import handlers as creator
from services.creator.domain import CHAT_EXISTS, chat_ids, created_chunk
from services.creator.store import LeadStore
from services.creator.store import Store as CreatorStore
from services.finalizer import handlers as finalizer
from services.finalizer import store as finalizer_store
from services.tagger import handlers as tagger
from tests.chaos.checker import Report
from tests.chaos.crash import Crash, CrashPlan
from tests.chaos.crew import run_scenario
from tests.chaos.shapes import SHAPES

_random_ids = itertools.count(1)


def random_chat_ids(chunk: ChunkTagged) -> list[str]:
    """Ids that a second run would not find again, holding the row as the checker wants it."""
    return [f"{next(_random_ids):016x}{row:08x}" for row in chunk.live.row]


async def no_leads_of_an_earlier_run(self: LeadStore, chunk: ChunkTagged, ids: list[str]) -> dict[str, int]:
    return {}


async def no_chats(self: CreatorStore, *arguments: Any, **named: Any) -> None:
    return None


async def no_tags(self: LeadStore, *arguments: Any) -> None:
    return None


async def deleted_before_it_was_published(connection: Any, *, lease: Any, limit: int) -> list[Any]:
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


async def chat_first(chunk: ChunkTagged, *, store: Any, whatsapp: Any, publish: Any, clock: Any) -> None:
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
    "events are deleted unpublished": (
        "relay",
        lambda: patch.object(outbox, "claim_events", deleted_before_it_was_published),
    ),
}


async def first_fault(postgres: Postgres, mongo: Mongo, stage: str) -> Report | None:
    """Crash nowhere, then at every point of the stage, until the checker finds something."""
    for shape in SHAPES:
        for plan in [CrashPlan(), *(CrashPlan(point) for point in range(1, 24))]:
            _, report = await run_scenario(postgres, mongo, shape, {stage: plan})
            if not report.kept:
                return report
    return None


@pytest.mark.parametrize("mechanism", BROKEN)
async def test_the_checker_sees_it_when(quick: tuple[Postgres, Mongo], mechanism: str) -> None:
    stage, broken = BROKEN[mechanism]
    with broken():
        assert await first_fault(*quick, stage), f"{mechanism}: nothing was noticed"
