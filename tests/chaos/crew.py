"""Processes that run crash scenarios beside each other, each with databases of its own."""

import asyncio
import itertools
import logging
import multiprocessing
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import structlog
import uvloop
from pymongo.asynchronous.collection import AsyncCollection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Document, Mongo
from libs.common.stores.postgres import Postgres
from libs.common.stores.postgres_opening import Opened
from tests.chaos.checker import Report, check
from tests.chaos.crash import CrashPlan
from tests.chaos.shapes import SHAPES, Shape, run_shape
from tests.chaos.world import World
from tests.support.databases import sqlalchemy_url
from tests.support.platform import create_tenant

Points = tuple[int, ...]
"""Where each life of a stage ends, one after the other."""

BATCH = 16


class QuickMongo(Mongo):
    """Writes are acknowledged from memory: it is our processes that crash here, not the server."""

    def collection(self, name: str) -> AsyncCollection[Document]:
        return self.client.get_default_database("leadflow").get_collection(name)


def quiet_logs() -> None:
    """Leave out what the handlers say of each import: only errors are worth reading here."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))


@asynccontextmanager
async def quick_stores(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[tuple[Postgres, Mongo]]:
    """Open databases without waiting for the disk."""
    postgres, mongo = Postgres(stores[0], application_name="crash-points"), QuickMongo(stores[1], application_name="x")
    await postgres.close()
    postgres.engine = create_async_engine(
        sqlalchemy_url(stores[0].postgres_url.get_secret_value()),
        connect_args={
            "connection_class": Opened,
            "server_settings": {"synchronous_commit": "off", "jit": "off", "timezone": "UTC"},
        },
    )
    try:
        yield postgres, mongo
    finally:
        await postgres.close()
        await mongo.close()


async def end_what_others_left(postgres: Postgres) -> None:
    """End what other tests left in progress in these databases: it would be relayed into the worlds."""
    async with postgres.transaction() as connection:
        await connection.execute(
            text(
                "UPDATE amigocare.lead_imports SET status = 'FAILED', total_errors = total_rows"
                " WHERE status = 'PROCESSING'"
            )
        )
        await connection.execute(text("DELETE FROM amigocare.outbox"))


async def run_scenario(
    postgres: Postgres, mongo: Mongo, shape: Shape, plans: dict[str, CrashPlan]
) -> tuple[World, Report]:
    """Run one scenario to quiet; return the world and what the checker says."""
    tenant = await create_tenant(postgres.engine)
    world = World(postgres, mongo, tenant, plans)
    await run_shape(world, shape, postgres, mongo)
    return world, await check(postgres.engine, mongo, world.expected, world.events, undone=world.undone)


async def points_of(postgres: Postgres, mongo: Mongo, shape: Shape, stage: str) -> int:
    """Return how many points the longest life of a stage passes."""
    longest = 0

    class Counting(CrashPlan):
        def point(self, what: str) -> None:
            nonlocal longest
            super().point(what)
            longest = max(longest, self.passed)

    _, report = await run_scenario(postgres, mongo, shape, {stage: Counting()})
    assert report.kept, str(report)
    return longest


@dataclass(slots=True)
class Findings:
    """How many scenarios crashed how often, and what the checker found wrong, in words."""

    crashes: Counter[int] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, other: "Findings") -> None:
        self.crashes += other.crashes
        self.faults += other.faults


async def run_batch(postgres: Postgres, mongo: Mongo, shape: Shape, stage: str, batch: Sequence[Points]) -> Findings:
    """Run one scenario for each member of the batch."""
    findings = Findings()
    for points in batch:
        world, report = await run_scenario(postgres, mongo, shape, {stage: CrashPlan(*points)})
        plan = world.plans[stage]
        findings.crashes[plan.crashes] += 1
        if not report.kept:
            findings.faults.append(f"{stage} crashed at {points}: {plan.trail}\n{report}")
    return findings


class Crew:
    """One worker a database. Each keeps its event loop and connections from call to call."""

    def __init__(self, databases: Sequence[tuple[PostgresSettings, MongoSettings]]) -> None:
        spawn = multiprocessing.get_context("spawn")
        self._workers = [
            ProcessPoolExecutor(1, mp_context=spawn, initializer=_begin, initargs=(_urls(each),)) for each in databases
        ]

    async def run(self, shape: Shape, stage: str, scenarios: Sequence[Points]) -> Findings:
        """Run all scenarios; a worker takes the next batch as soon as it is free."""
        batches, findings = _batches(scenarios), Findings()

        async def keep_busy(worker: ProcessPoolExecutor) -> None:
            loop = asyncio.get_running_loop()
            for batch in batches:
                findings.add(await loop.run_in_executor(worker, _work, shape.name, stage, batch))

        await asyncio.gather(*(keep_busy(worker) for worker in self._workers))
        return findings

    def stop(self) -> None:
        for worker in self._workers:
            worker.submit(_end).result(timeout=30)
            worker.shutdown()


def _urls(stores: tuple[PostgresSettings, MongoSettings]) -> tuple[str, str]:
    return stores[0].postgres_url.get_secret_value(), stores[1].mongo_url.get_secret_value()


def _batches(scenarios: Sequence[Points]) -> Iterator[list[Points]]:
    rest = iter(scenarios)
    while batch := list(itertools.islice(rest, BATCH)):
        yield batch


# --- in a worker's process ---


@dataclass(slots=True)
class _Worker:
    runner: asyncio.Runner
    opened: AbstractAsyncContextManager[tuple[Postgres, Mongo]]
    postgres: Postgres
    mongo: Mongo


_worker: list[_Worker] = []


def _begin(urls: tuple[str, str]) -> None:
    quiet_logs()
    runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
    opened = quick_stores((PostgresSettings(postgres_url=urls[0]), MongoSettings(mongo_url=urls[1])))
    _worker.append(_Worker(runner, opened, *runner.run(opened.__aenter__())))


def _work(shape_name: str, stage: str, batch: Sequence[Points]) -> Findings:
    (worker,) = _worker
    (shape,) = (each for each in SHAPES if each.name == shape_name)
    return worker.runner.run(run_batch(worker.postgres, worker.mongo, shape, stage, batch))


def _end() -> None:
    worker = _worker.pop()
    worker.runner.run(worker.opened.__aexit__(None, None, None))
    worker.runner.close()
