"""Progress streams: what each watcher is told, and that many of them cost one read."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.routing import APIRoute

from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from services.api.http import streams
from services.api.http.live import Live
from services.api.http.routes import router
from services.api.http.store import Scope
from services.api.http.streams import Streams, moment_of

SCOPE = Scope(1, None)
CALLER = Caller(1, 1, {}, None)
WHEN = datetime(2026, 3, 1, tzinfo=UTC)


def found(settled: int, *, status: str = "PROCESSING") -> dict[str, Any]:
    """Return an import of four chunks of ten rows as the store returns it."""
    return {
        "id": 7,
        "name": "Feira",
        "status": status,
        "total_rows": 40,
        "total_created": 10 * settled,
        "total_existing": 0,
        "total_errors": 0,
        "failure_reason": None,
        "account_id": 1,
        "source_id": 1,
        "company_id": 1,
        "creator_id": 1,
        "file_name": None,
        "created_at": WHEN,
        "finished_at": None if status == "PROCESSING" else WHEN,
        "revision": 1,
        "chunk_count": 4,
        "chunks_settled": settled,
        "tags_left_out": [],
        "canceled": 0,
        "cancel_requested_at": None,
        "rows_expired_at": None,
        "undo": None,
        "reasons": {},
        "parent_id": None,
        "child_ids": [],
        "silent": False,
        "queue_position": None,
        "server_time": WHEN,
        "recent_rows": None,
        "began": None,
    }


class Table:
    """The one import, and how often it was read."""

    def __init__(self, row: dict[str, Any] | None) -> None:
        self.row = row
        self.reads = 0

    async def read(self, scope: Scope, import_id: int) -> dict[str, Any] | None:
        self.reads += 1
        await asyncio.sleep(0)
        return self.row


def kinds(sent: bytes) -> list[str]:
    return [line.removeprefix("event: ") for line in sent.decode().splitlines() if line.startswith("event: ")]


async def all_of(events: AsyncIterator[bytes]) -> list[str]:
    return [kind async for sent in events for kind in kinds(sent)]


async def test_fifty_watchers_cost_one_read_at_a_time(monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "LEAST_PAUSE_SECONDS", 0)
    live, table = Live(), Table(found(1))
    watched = Streams(table.read, live, most=50)
    moment = await watched.look(SCOPE, 7)
    watchers = [asyncio.create_task(all_of(watched.events(CALLER, 7, moment, None))) for _ in range(50)]
    for _ in range(5):
        await asyncio.sleep(0)
    table.row = found(4, status="FINISHED")
    live.notify(7)
    told = await asyncio.gather(*watchers)
    assert told == [["progress", "progress", "lead:import-finished"]] * 50
    assert table.reads == 2


async def test_a_reconnection_is_not_told_again_what_it_has_seen() -> None:
    table = Table(found(4, status="FINISHED"))
    watched = Streams(table.read, Live(), most=1)
    moment = await watched.look(SCOPE, 7)
    assert moment is not None
    events = watched.events(CALLER, 7, moment, moment.progress.id)
    assert await all_of(events) == ["lead:import-finished"]


async def test_the_end_is_told_at_once_and_progress_after_a_pause(monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "LEAST_PAUSE_SECONDS", 3600)
    live, table = Live(), Table(found(1))
    watched = Streams(table.read, live, most=50)
    watcher = asyncio.create_task(all_of(watched.events(CALLER, 7, await watched.look(SCOPE, 7), None)))
    await asyncio.sleep(0)
    table.row = found(2)
    live.notify(7)
    for _ in range(20):
        await asyncio.sleep(0)
    assert table.reads == 1, "progress can wait"
    table.row = found(4, status="FINISHED")
    live.notify(7, ended=True)
    assert await asyncio.wait_for(watcher, 5) == ["progress", "progress", "lead:import-finished"]


@pytest.mark.parametrize(
    ("rows", "rate", "pause"),
    [(5_000, 10_000, 0.2), (150_000, 10_000, 0.5), (1_000_000, 10_000, 1.0), (40, None, 0.2)],
)
def test_the_longer_an_import_lasts_the_less_often_its_progress_is_told(
    rows: int, rate: int | None, pause: float
) -> None:
    recent = {"recent_rows": rate, "began": WHEN - timedelta(seconds=1)} if rate else {}
    assert moment_of(found(1) | {"total_rows": rows} | recent).pause == pause


async def test_a_stream_ends_when_its_import_is_deleted(monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "LEAST_PAUSE_SECONDS", 0)
    live, table = Live(), Table(found(1))
    watched = Streams(table.read, live, most=50)
    moment = await watched.look(SCOPE, 7)
    watcher = asyncio.create_task(all_of(watched.events(CALLER, 7, moment, None)))
    await asyncio.sleep(0)
    table.row = None
    live.notify(7)
    assert await asyncio.wait_for(watcher, 5) == ["progress"]


async def test_a_stream_ends_with_its_token(monkeypatch: Any) -> None:
    monkeypatch.setattr(streams, "LEAST_PAUSE_SECONDS", 0)
    monkeypatch.setattr(streams, "POLL_SECONDS", 0.01)
    now = 1_000.0
    watched = Streams(Table(found(1)).read, Live(), most=1, now=lambda: now)
    moment = await watched.look(SCOPE, 7)
    watcher = asyncio.create_task(all_of(watched.events(replace(CALLER, expires_at=1_060.0), 7, moment, None)))
    await asyncio.sleep(0.1)
    assert not watcher.done()
    now = 1_060.0
    assert await asyncio.wait_for(watcher, 5) == ["progress"]


async def test_a_stream_ends_when_its_token_does_and_not_a_poll_later() -> None:
    watched = Streams(Table(found(1)).read, Live(), most=1)
    moment = await watched.look(SCOPE, 7)
    caller = replace(CALLER, expires_at=time.time() + 0.4)
    async with asyncio.timeout(0.5 * streams.POLL_SECONDS):
        assert await all_of(watched.events(caller, 7, moment, None)) == ["progress"]


async def test_a_user_has_so_many_streams_and_another_user_has_as_many() -> None:
    live = Live()
    watched = Streams(Table(found(1)).read, live, most=2)
    moment = await watched.look(SCOPE, 7)
    mine = [watched.events(CALLER, 7, moment, None) for _ in range(3)]
    for events in mine[:2]:
        await anext(events)
    with pytest.raises(Refused, match="streams_too_many"):
        watched.check_room(CALLER)
    assert await all_of(mine[2]) == [], "it was let in before the second one began"
    other = replace(CALLER, user_id=2)
    watched.check_room(other)
    assert await anext(watched.events(other, 7, moment, None))
    await mine[0].aclose()
    watched.check_room(CALLER)
    for events in mine:
        await events.aclose()


def test_an_event_has_an_id_and_says_no_name() -> None:
    moment = moment_of(found(3))
    lines = moment.progress.sent.decode().splitlines()
    assert lines[:2] == ["id: progress-3-30", "event: progress"]
    assert b"Feira" not in moment.progress.sent
    assert moment.end is None


def test_no_call_waits_for_a_thread() -> None:
    """FastAPI runs what is not a coroutine in a thread: on a busy machine that waits for a core twice."""
    for route in router.routes:
        assert isinstance(route, APIRoute)
        waiting = [route.dependant]
        while waiting:
            one = waiting.pop()
            waiting.extend(one.dependencies)
            called = one.call if asyncio.iscoroutinefunction(one.call) else type(one.call).__call__
            assert asyncio.iscoroutinefunction(called), f"{route.path}: {one.call}"
