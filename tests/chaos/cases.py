"""What every case has: teams that upload while something goes wrong, and the checker when it is quiet again."""

import asyncio
import json
import os
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import httpx
import pytest
from aiokafka import ConsumerRecord
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.errors import is_bad_day
from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.contracts.lead_undo.topics import IMPORT_UNDONE
from tests.chaos.checker import ExpectedImport, FinishedSeen, Hourly, Report, UndoneSeen, check
from tests.chaos.clerks import Clerk
from tests.chaos.lead_checker import check_leads
from tests.chaos.lead_ledger import TOPICS, LeadNews, Ledger, worked_on
from tests.chaos.proxy import Proxy
from tests.chaos.uploads import Team
from tests.support.platform import create_tenant
from tests.support.readers import FINISHED, Topic, subscribed
from tests.support.stack import Addresses
from tests.support.waiting import eventually

FULL = os.environ.get("LEADFLOW_CHAOS") == "full"
full_only = pytest.mark.skipif(not FULL, reason="takes minutes: make chaos")

QUIET_SECONDS = 240.0

STORMY = {
    "LEADFLOW_WHATSAPP_CONCURRENCY": "50",
    "LEADFLOW_WHATSAPP_TIMEOUT_SECONDS": "1",
    "LEADFLOW_WHATSAPP_BREAKER_SECONDS": "1",
    "LEADFLOW_QUOTA_ROWS": "1000000000",
    "LEADFLOW_QUOTA_IMPORTS": "1000000",
    "LEADFLOW_CHUNK_ROWS": "100",
    "LEADFLOW_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
    "LEADFLOW_CAPTURE_LIMIT": "1000000",
}
"""Settings of a stack where things go wrong: small chunks, no quota worth the name, less patience."""


AT_EASE = {"sizes": (1, 40, 250), "longest_pause": 3.0}
"""How teams upload while one thing goes wrong: what they pile up must be worked off before the next case."""


@dataclass(slots=True)
class Scene:
    """A running stack, seen past its own code, and the proxies by which its services reach their servers."""

    stack: Addresses
    engine: AsyncEngine
    proxies: dict[str, Proxy] = field(default_factory=dict)


async def new_teams(scene: Scene, count: int, seed: int, **manner: Any) -> list[Team]:
    """Return teams of companies of their own; ``manner`` is how they upload."""
    return [
        Team(
            await create_tenant(scene.engine, jwt_secret=scene.stack.jwt_secret),
            random.Random(seed * 100 + number),
            first_phone=number * 10_000_000,
            **manner,
        )
        for number in range(count)
    ]


@asynccontextmanager
async def uploading(scene: Scene, teams: Sequence[Team], clerks: Sequence[Clerk] = ()) -> AsyncIterator[None]:
    """Let the teams upload and the clerks work within the block; at its end each gets the answer that he waits for."""
    calm = asyncio.Event()
    async with httpx.AsyncClient(base_url=scene.stack.api_url, timeout=60) as client, asyncio.TaskGroup() as group:
        for team in teams:
            group.create_task(team.upload_until(client, calm))
        for clerk in clerks:
            group.create_task(clerk.work_until(client, calm))
        try:
            yield
        finally:
            calm.set()


async def report_when_quiet(
    scene: Scene,
    expected: Sequence[ExpectedImport],
    *,
    ledgers: Sequence[Ledger] = (),
    hourly: Hourly | None = None,
    clocks_agree: bool = True,
) -> Report:
    """Wait until nothing is stuck or lost any more, or for ``QUIET_SECONDS``; return what the checker says.

    ``ledgers``: of the companies whose leads people worked on.
    """
    expected, news = worked_on(expected, ledgers), LeadNews()
    mongo = Mongo(MongoSettings(mongo_url=scene.stack.mongo_url), application_name="chaos")
    # Kafka may have been killed last, and be on its way up beside everything else that is.
    reading = partial(subscribed, scene.stack.kafka_bootstrap, seconds=QUIET_SECONDS)
    try:
        async with (
            reading(FINISHED) as topic,
            reading(IMPORT_UNDONE.name) as undos,
            AsyncExitStack() as opened,
        ):
            of_leads = {name: await opened.enter_async_context(reading(name)) for name in TOPICS if ledgers}

            async def report() -> Report:
                await topic.catch_up()
                await undos.catch_up()
                events = [seen(record) for records in topic.records.values() for record in records]
                undone = [_undone(record) for records in undos.records.values() for record in records]
                found = await check(
                    scene.engine, mongo, expected, events, undone=undone, hourly=hourly, clocks_agree=clocks_agree
                )
                for name, of_lead in of_leads.items():
                    await _take_in(news, name, of_lead)
                for ledger in ledgers:
                    await check_leads(scene.engine, found, ledger, news)
                return found

            async def look() -> Report | None:
                try:
                    found = await report()
                except Exception as error:
                    # A server that was killed last may still be starting when all imports have ended.
                    if not is_bad_day(error):
                        raise
                    return None
                return found if not found.stuck and not found.lost else None

            try:
                return await eventually(look, seconds=QUIET_SECONDS, what="quiet")
            except AssertionError:
                return await report()
    finally:
        await mongo.close()


async def _take_in(news: LeadNews, name: str, topic: Topic) -> None:
    """Read to the end of a topic of leads. Its records are not kept: an import says one of each lead."""
    await topic.catch_up()
    for records in topic.records.values():
        news.add(name, ((dict(each.headers)["ce_id"].decode(), each.value) for each in records))
    topic.records.clear()


def seen(record: ConsumerRecord) -> FinishedSeen:
    """Return a record of the topic of finished imports as the checker takes it."""
    event = json.loads(record.value)
    return FinishedSeen(
        import_id=event["import_id"],
        ce_id=dict(record.headers)["ce_id"].decode(),
        revision=event["revision"],
        totals=(event["total_created"], event["total_existing"], event["total_errors"]),
    )


def _undone(record: ConsumerRecord) -> UndoneSeen:
    event = json.loads(record.value)
    counts = (event["reversed"], event["kept"], event["failed"])
    return UndoneSeen(event["import_id"], dict(record.headers)["ce_id"].decode(), counts)


@asynccontextmanager
async def kept(scene: Scene, *, clocks_agree: bool = True, **manner: Any) -> AsyncIterator[list[Team]]:
    """Let teams upload within the block, where something goes wrong; afterwards the promise must have been kept."""
    some = await new_teams(scene, 2, seed=1, **AT_EASE | manner)
    async with uploading(scene, some):
        await accepted(some, 1)
        yield some
    await promise_kept(scene, some, clocks_agree=clocks_agree)


async def promise_kept(scene: Scene, teams: Sequence[Team], **judging: Any) -> None:
    """Check that every row of every accepted upload has ended as it must.

    ``judging`` is what ``report_when_quiet`` takes besides.
    """
    report = await report_when_quiet(scene, [each for team in teams for each in team.accepted], **judging)
    print(f"\n{sum(team.refused for team in teams)} uploads had to ask again; {report}")  # noqa: T201
    assert report.rows
    assert report.kept, str(report)


async def accepted(teams: Sequence[Team], count: int) -> None:
    """Wait until each team has had so many more imports accepted.

    That may take a rebalance (60 s) and what is left of a session: a team waits for earlier imports to end.
    """
    wanted = [len(team.accepted) + count for team in teams]

    async def look() -> bool:
        return all(len(team.accepted) >= least for team, least in zip(teams, wanted, strict=True))

    await eventually(look, seconds=180, what=f"{count} more accepted imports a team")


async def under_way(scene: Scene) -> None:
    """Wait until chunks are between the relay and the finalizer."""

    async def look() -> bool:
        async with scene.engine.connect() as connection:
            found = await connection.execute(
                text(
                    "SELECT EXISTS (SELECT FROM amigocare.lead_import_chunks"
                    " WHERE sent_at IS NOT NULL AND settled_at IS NULL)"
                )
            )
            return bool(found.scalar_one())

    await eventually(look, seconds=90, what="chunks in flight")


async def until(what: str, look: Callable[[], bool], *, seconds: float = 60.0) -> None:
    """Wait for something that needs no question to a server."""

    async def ask() -> bool:
        return look()

    await eventually(ask, seconds=seconds, what=what)
