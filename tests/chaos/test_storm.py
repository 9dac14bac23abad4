"""Imports run while a seeded schedule kills, freezes and scales everything: no row lost, doubled or unaccounted.

make chaos SEED=7 KILLS=200
"""

import asyncio
import json
import os
import random
import time

import httpx
from aiokafka import ConsumerRecord
from sqlalchemy.ext.asyncio import AsyncEngine

from libs.common.mongo import Mongo
from libs.common.settings import MongoSettings
from tests.chaos.checker import ExpectedImport, FinishedSeen, Report, check
from tests.chaos.schedule import make_schedule
from tests.chaos.storm import Storm
from tests.chaos.uploads import Team
from tests.support.platform import create_tenant
from tests.support.processes import needs_local_stack
from tests.support.readers import FINISHED, subscribed
from tests.support.stack import Addresses
from tests.support.waiting import eventually

SEED = int(os.environ.get("SEED") or 1)
KILLS = int(os.environ.get("KILLS") or 5)
QUIET_SECONDS = 240.0


@needs_local_stack
async def test_no_row_is_lost_doubled_or_stuck_in_a_storm(
    stormy_stack: Addresses, stormy_engine: AsyncEngine, provider_url: str
) -> None:
    schedule = make_schedule(SEED, KILLS, frozen_seconds=8.0)
    print(f"\nSEED={SEED} KILLS={KILLS}:", *schedule, sep="\n  ")  # noqa: T201
    teams = [
        Team(
            await create_tenant(stormy_engine, jwt_secret=stormy_stack.jwt_secret),
            random.Random(SEED * 100 + number),
            first_phone=number * 10_000_000,
        )
        for number in range(3)
    ]
    storm, calm, began = Storm(schedule, provider_url), asyncio.Event(), time.monotonic()
    async with httpx.AsyncClient(base_url=stormy_stack.api_url, timeout=60) as client, asyncio.TaskGroup() as group:
        for team in teams:
            group.create_task(team.upload_until(client, calm))
        try:
            await storm.rage()
        finally:
            calm.set()
    expected = [each for team in teams for each in team.accepted]
    report = await _report_when_quiet(stormy_stack, stormy_engine, expected)
    attempts = sum(team.attempts for team in teams)
    print(f"{dict(storm.done)}; {attempts} uploads in {time.monotonic() - began:.0f} s\n{report}")  # noqa: T201
    assert sum(count for what, count in storm.done.items() if what.startswith("kill")) == KILLS
    assert report.rows
    assert report.kept, str(report)


async def _report_when_quiet(stack: Addresses, engine: AsyncEngine, expected: list[ExpectedImport]) -> Report:
    mongo = Mongo(MongoSettings(mongo_url=stack.mongo_url), application_name="chaos")
    try:
        async with subscribed(stack.kafka_bootstrap, FINISHED) as topic:

            async def look() -> Report | None:
                await topic.catch_up()
                events = [_seen(record) for records in topic.records.values() for record in records]
                found = await check(engine, mongo, expected, events)
                return found if not found.stuck and not found.lost else None

            try:
                return await eventually(look, seconds=QUIET_SECONDS, what="quiet")
            except AssertionError:
                await topic.catch_up()
                events = [_seen(record) for records in topic.records.values() for record in records]
                return await check(engine, mongo, expected, events)
    finally:
        await mongo.close()


def _seen(record: ConsumerRecord) -> FinishedSeen:
    event = json.loads(record.value)
    return FinishedSeen(
        import_id=event["import_id"],
        ce_id=dict(record.headers)["ce_id"].decode(),
        revision=event["revision"],
        totals=(event["total_created"], event["total_existing"], event["total_errors"]),
    )
