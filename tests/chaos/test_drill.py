"""Losing PostgreSQL, MongoDB or Kafka while teams upload, and what a backup brings back: ``make drill`` prints figures.

Backups are taken while uploads and imports go on. What was acknowledged and backed up is whole in the end; what came
after the backup of PostgreSQL is lost, named by import, and uploaded again.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.chaos.cases import accepted, full_only, new_teams, under_way, uploading
from tests.chaos.drilling import OWN, Drill, drill_on
from tests.support.own_stack import own_stack
from tests.support.processes import needs_local_stack
from tests.support.stack import Addresses

pytestmark = [full_only, needs_local_stack]

SETTINGS = {
    "LEADFLOW_CHUNK_ROWS": "100",
    "LEADFLOW_QUOTA_ROWS": "1000000000",
    "LEADFLOW_QUOTA_IMPORTS": "1000000",
}
MANNER = {"sizes": (40, 300, 900), "longest_pause": 0.5, "pool": 100_000}
_seeds = iter(range(1, 100))


@pytest.fixture(scope="module")
def stack() -> Iterator[Addresses]:
    with own_stack(OWN, SETTINGS) as addresses:
        yield addresses


@pytest_asyncio.fixture
async def drill(stack: Addresses) -> AsyncIterator[Drill]:
    async with drill_on(stack) as drill:
        await drill.services()  # a case before may have failed half-way
        drill.teams = await new_teams(drill.scene, 2, seed=next(_seeds), **MANNER)
        yield drill


async def all_kept(drill: Drill, case: str, **counts: int) -> None:
    with drill.timed("all whole"):
        report = await drill.report()
    drill.print_figures(case, report, **counts)
    assert report.kept, str(report)


@pytest.mark.parametrize("way", ["pg_basebackup", "pg_dump"])
async def test_postgresql_is_lost_and_comes_back_as_it_was_at_its_backup(
    drill: Drill, tmp_path: Path, way: str
) -> None:
    backup = tmp_path / "backup"
    async with uploading(drill.scene, drill.teams):
        await accepted(drill.teams, 2)
        before = set(drill.accepted)
        with drill.timed(way):
            await (drill.base_backup(backup) if way == "pg_basebackup" else drill.dump_postgres(backup))
        await accepted(drill.teams, 2)
        await under_way(drill.scene)
        at_the_loss = set(drill.accepted)
        await drill.lose("postgres")
        with drill.timed("restore"):
            await (drill.restore_base_backup(backup) if way == "pg_basebackup" else drill.restore_dump(backup))
        told = await drill.leadflow("recover")
        assert "Nothing was changed" in told
        await drill.leadflow("recover --yes")
        with drill.timed("start"):
            await drill.services()
        await accepted(drill.teams, 1)
    lost = await drill.upload_again(told)
    assert not lost & before, "what was acknowledged and backed up is there"
    assert lost, "imports came after the backup"
    await all_kept(drill, way, backed_up=len(before), accepted=len(at_the_loss), lost_and_named=len(lost))


async def test_mongodb_is_lost_and_its_chats_are_made_from_the_leads(drill: Drill, tmp_path: Path) -> None:
    dump = tmp_path / "chats.bson"
    async with uploading(drill.scene, drill.teams):
        await accepted(drill.teams, 2)
        with drill.timed("dump"):
            await drill.dump_mongo(dump)
        await accepted(drill.teams, 2)
        await under_way(drill.scene)
        at_the_loss = set(drill.accepted)
        await drill.lose("mongo")
        with drill.timed("restore"):
            await drill.servers()
            await asyncio.to_thread(drill.restore_mongo, dump)
        told = await drill.leadflow("recover --yes")
        assert "\n0 leads have no chat." not in told
        assert "\n0 leads have no chat." in await drill.leadflow("recover")
        with drill.timed("start"):
            await drill.services()
        await accepted(drill.teams, 1)
    await all_kept(drill, "MongoDB", accepted=len(at_the_loss))


async def test_kafka_is_lost_and_what_was_under_way_is_sent_anew(drill: Drill) -> None:
    async with uploading(drill.scene, drill.teams):
        await accepted(drill.teams, 3)
        await drill.remember_events()
        await accepted(drill.teams, 1)
        await under_way(drill.scene)
        at_the_loss = set(drill.accepted)
        await drill.lose("kafka/broker-*")
        with drill.timed("new cluster"):
            await drill.servers()
        await drill.leadflow("migrate")
        told = await drill.leadflow("recover --yes --tell-ends 1")
        assert "\n0 messages wait in Kafka" in told
        with drill.timed("start"):
            await drill.services()
        await accepted(drill.teams, 1)
    await all_kept(drill, "Kafka", accepted=len(at_the_loss))
