"""Imports run, are canceled and taken back, and people work on leads, while a seeded schedule kills, freezes and scales
everything: nothing lost, doubled or unaccounted.

make chaos SEED=7 KILLS=200
"""

import os
import time
from collections import Counter

from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.imports.chats import chats_of
from tests.chaos.cases import Scene, new_teams, report_when_quiet, uploading
from tests.chaos.clerks import new_clerks
from tests.chaos.schedule import make_schedule
from tests.chaos.storm import Storm
from tests.support.processes import needs_local_stack

SEED = int(os.environ.get("SEED") or 1)
KILLS = int(os.environ.get("KILLS") or 3)


@needs_local_stack
async def test_no_row_is_lost_doubled_or_stuck_in_a_storm(scene: Scene, provider_url: str) -> None:
    schedule = make_schedule(SEED, KILLS, frozen_seconds=8.0)
    print(f"\nSEED={SEED} KILLS={KILLS}:", *schedule, sep="\n  ")  # noqa: T201
    storm, began = Storm(schedule, provider_url), time.monotonic()
    mongo = Mongo(MongoSettings(mongo_url=scene.stack.mongo_url), application_name="customers")
    teams = await new_teams(scene, 3, SEED, changes_its_mind=0.15, chats=chats_of(mongo))
    clerks = [
        clerk
        for number, team in enumerate(teams)
        for clerk in await new_clerks(scene.engine, team.tenant, SEED * 10 + number, count=2)
    ]
    try:
        async with uploading(scene, teams, clerks):
            await storm.rage()
    finally:
        await mongo.close()
    ledgers = list({clerk.ledger.company_id: clerk.ledger for clerk in clerks}.values())
    report = await report_when_quiet(scene, [each for team in teams for each in team.accepted], ledgers=ledgers)
    kills = sum(count for what, count in storm.done.items() if what.startswith("kill"))
    attempts, seconds = sum(team.attempts for team in teams), time.monotonic() - began
    ended = sum((team.ended for team in teams), Counter[str]())
    work = sum((clerk.done for clerk in clerks), Counter[str]())
    print(f"{dict(work)}\n{dict(storm.done)}; {dict(ended)}; {attempts} uploads in {seconds:.0f} s")  # noqa: T201
    print(f"{kills} kills, {report}")  # noqa: T201
    assert kills == KILLS
    assert report.rows
    assert report.changes, work
    assert report.kept, str(report)
