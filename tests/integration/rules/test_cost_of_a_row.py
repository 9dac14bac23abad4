"""What a row costs, counted and not timed: calls in Python, statements, commands. A fifth more is too much.

``LEADFLOW_RECORD_COSTS=1`` writes what is counted now to ``costs.json`` instead: say in the commit why.
"""

import asyncio
import json
import math
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent
from sqlalchemy import event

from bench.rows import csv_file
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores import postgres_liveness
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import Chunk, ChunkAccepted
from libs.spreadsheets.limits import Limits
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.spool import read_spool
from tests.support.captured_logs import capture_logs
from tests.support.imports import insert_import, reading_job
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant

ROWS = 1_000
MANY_ROWS = 20_000
GROWTH = 1.2
RECORDED = Path(__file__).with_name("costs.json")

Costs = dict[str, float]

_COUNTED: ContextVar[object | None] = ContextVar("counted", default=None)
"""Whose calls these are: of the count that is under way, or of anybody else in the process."""


class _Commands(CommandListener):
    """Counts commands to MongoDB."""

    def __init__(self) -> None:
        self.count = 0

    def started(self, event: CommandStartedEvent) -> None:
        self.count += 1

    def succeeded(self, event: CommandSucceededEvent) -> None:
        pass

    def failed(self, event: CommandFailedEvent) -> None:
        pass


@dataclass
class Counter:
    """Counts while ``counting``; one chunk of ``ROWS`` rows passes meanwhile."""

    pipeline: Pipeline
    commands: _Commands
    statements: int = 0
    costs: dict[str, Costs] = field(default_factory=dict)

    def on_statement(self, *_: Any) -> None:
        self.statements += 1

    @contextmanager
    def counting(self, stage: str) -> Iterator[None]:
        calls = 0
        # Tasks of other tests' fixtures, as a consumer that asks Kafka fifty times a second, run whenever the stage
        # waits. What the stage starts has its context, theirs is another.
        here = object()

        def on_event(frame: Any, kind: str, argument: Any) -> None:
            nonlocal calls
            calls += kind in {"call", "c_call"} and _COUNTED.get() is here

        statements, commands = self.statements, self.commands.count
        # What a line of the log costs depends on how other tests have configured the process.
        with capture_logs():
            token = _COUNTED.set(here)
            sys.setprofile(on_event)
            try:
                yield
            finally:
                sys.setprofile(None)
                _COUNTED.reset(token)
        found: Costs = {
            "calls a row": round(calls / ROWS, 2),
            "PostgreSQL statements a chunk": self.statements - statements,
            "MongoDB commands a chunk": self.commands.count - commands,
        }
        least = self.costs.get(stage, found)
        self.costs[stage] = {what: min(cost, least[what]) for what, cost in found.items()}

    async def pass_on(
        self, stage: str, event_type: type[Chunk[Any]], body: bytes, handle: Callable[[Any], Awaitable[Any]]
    ) -> bytes:
        """Count what a service does with a message: decode it, handle it, encode what it publishes."""
        with self.counting(stage):
            published = await handle(event_type.model_validate_json(body))
            return published.model_dump_json().encode() if published else b""


@pytest_asyncio.fixture
async def counter(
    stores: tuple[PostgresSettings, MongoSettings], monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Counter]:
    # A connection that was idle for a second is asked whether it lives: a slow machine would make more calls.
    monkeypatch.setattr(postgres_liveness, "IDLE_SECONDS", math.inf)
    postgres = Postgres(stores[0], application_name="tests")
    mongo = Mongo(stores[1], application_name="tests")
    await mongo.close()
    commands = _Commands()
    mongo.client = AsyncMongoClient(stores[1].mongo_url.get_secret_value(), tz_aware=True, event_listeners=[commands])
    counter = Counter(Pipeline(postgres, mongo), commands)
    event.listen(postgres.engine.sync_engine, "before_cursor_execute", counter.on_statement)
    yield counter
    await postgres.close()
    await mongo.close()


def parsed(counter: Counter, tenant: Tenant, import_id: int, folder: Path, *, start: int) -> bytes:
    """Count the reading of one file of one chunk; return its message."""
    (folder / "upload").write_bytes(csv_file(start, ROWS))
    job = reading_job(tenant, import_id, folder, limits=Limits(max_rows=ROWS), chunk_rows=ROWS)
    with counter.counting("api: parse"):
        result = file_to_chunks(job)
    assert (result.total_rows, result.chunk_count, result.refusal) == (ROWS, 1, None)
    ((_, _, payload),) = read_spool(folder / "spool")
    return payload


def messages(tenant: Tenant, import_id: int, folder: Path) -> Costs:
    """Count the messages of a file of many chunks: each costs by itself as much as hundreds of rows."""
    (folder / "upload").write_bytes(csv_file(0, MANY_ROWS))
    result = file_to_chunks(reading_job(tenant, import_id, folder, limits=Limits(max_rows=MANY_ROWS)))
    assert (result.total_rows, result.refusal) == (MANY_ROWS, None)
    return {"messages": result.chunk_count}


async def test_no_stage_asks_or_computes_a_fifth_more_than_it_did(
    counter: Counter, postgres: Postgres, tenant: Tenant, tmp_path: Path
) -> None:
    pipeline = counter.pipeline
    # The first turn opens connections and fills caches. Answers that come in more pieces, as beside a busy neighbour,
    # cost calls that no stage makes by itself: what counts is the least of the others.
    for turn in range(4):
        import_id = await insert_import(postgres, tenant, row_counts=[ROWS], name=unique("n"))
        body = parsed(counter, tenant, import_id, tmp_path, start=turn * ROWS)
        accepted = ChunkAccepted.model_validate_json(body)
        assert len(accepted.live) == ROWS
        deduplicated = await pipeline.dedup(accepted)
        tagged = await pipeline.tag(deduplicated)
        assert tagged is not None
        if turn == 1:
            counter.costs.clear()
        body = parsed(counter, tenant, import_id, tmp_path, start=turn * ROWS)
        body = await counter.pass_on("dedup", type(accepted), body, pipeline.dedup)
        body = await counter.pass_on("tagger", type(deduplicated), body, pipeline.tag)
        body = await counter.pass_on("creator", type(tagged), body, pipeline.create)
        created = await pipeline.create(tagged)
        assert len(created.live) == ROWS
        await counter.pass_on("finalizer", type(created), body, pipeline.settle)
    counter.costs[f"a file of {MANY_ROWS} rows"] = messages(tenant, import_id, tmp_path)
    if os.environ.get("LEADFLOW_RECORD_COSTS"):
        RECORDED.write_text(json.dumps(counter.costs, indent=1) + "\n")
    recorded: dict[str, Costs] = json.loads(RECORDED.read_text())
    assert counter.costs.keys() == recorded.keys()
    grown = {
        f"{stage}, {what}: {recorded[stage][what]} -> {cost}"
        for stage, costs in counter.costs.items()
        for what, cost in costs.items()
        if cost > recorded[stage][what] * GROWTH
    }
    assert not grown


async def test_what_others_do_while_a_stage_waits_is_not_counted(counter: Counter) -> None:
    async def step() -> None:
        await asyncio.sleep(0)

    async def stage() -> None:
        for _ in range(ROWS):
            await step()

    async def neighbour() -> None:
        while True:
            await step()

    async def counted(stage_name: str) -> float:
        with counter.counting(stage_name):
            await stage()
            await asyncio.gather(stage(), stage())
        return counter.costs[stage_name]["calls a row"]

    alone = await counted("alone")
    beside = asyncio.create_task(neighbour())
    try:
        among_others = await counted("among others")
    finally:
        beside.cancel()
    assert alone >= 3, "what a stage starts is its own"
    assert among_others == pytest.approx(alone, abs=0.1)
