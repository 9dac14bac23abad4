"""What the runbook has people do on purpose, while imports run: its commands as they stand, and nothing is lost."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local.kafka import client_settings
from deploy.local.supervision import Supervisor
from libs.common.kafka.clients import kafka_admin
from libs.contracts.registry import registries
from tests.chaos.cases import full_only
from tests.support.databases import sqlalchemy_url
from tests.support.own_stack import own_stack
from tests.support.platform import create_tenant
from tests.support.processes import needs_local_stack
from tests.support.runbook import commands, run
from tests.support.stack import INSTANCE, Addresses, instance_of, local
from tests.support.user import User, csv_file, lead_rows, new_phones

pytestmark = [full_only, needs_local_stack]

OWN = f"{INSTANCE}-chapters"
SETTINGS = {"LEADFLOW_CHUNK_ROWS": "20", "LEADFLOW_QUOTA_ROWS": "1000000", "LEADFLOW_QUOTA_IMPORTS": "1000"}
ROWS = 400
PARTITIONS = 24
"""As the chapter says."""


@pytest.fixture(scope="module")
def stack() -> Iterator[Addresses]:
    with own_stack(OWN, SETTINGS) as addresses:
        yield addresses


@pytest_asyncio.fixture
async def user(stack: Addresses) -> AsyncIterator[User]:
    engine = create_async_engine(sqlalchemy_url(stack.postgres_url))
    async with httpx.AsyncClient(base_url=stack.api_url, timeout=60) as http:
        yield User(http, await create_tenant(engine, jwt_secret=stack.jwt_secret))
    await engine.dispose()


async def follow(chapter: str) -> None:
    assert commands(chapter)
    for command in commands(chapter):
        await asyncio.to_thread(run, command, instance=OWN)


async def begun(user: User) -> int:
    return await user.accept(csv_file(lead_rows(new_phones(ROWS))))


async def all_created(user: User, import_id: int) -> None:
    ended = await user.ended(import_id)
    assert (ended["status"], ended["total_created"]) == ("FINISHED", ROWS)


@pytest.mark.parametrize("chapter", ["Drain", "Replay", "Roll back", "Rotate secrets and keys"])
async def test_an_import_ends_whole_while_it_is_done(user: User, chapter: str) -> None:
    import_id = await begun(user)
    await follow(chapter)
    await all_created(user, import_id)


async def test_partitions_are_added_while_an_import_runs(stack: Addresses, user: User) -> None:
    topics = [topic.name for registry in registries() for topic in registry.topics]
    import_id = await begun(user)
    await follow("Add partitions")
    admin = kafka_admin(client_settings(instance_of(OWN), stack.kafka_bootstrap), client_id="tests")
    await admin.start()
    try:
        have = {each["topic"]: len(each["partitions"]) for each in await admin.describe_topics(topics)}
    finally:
        await admin.close()
    assert have == dict.fromkeys(topics, PARTITIONS)
    assert "0 topics have" in await asyncio.to_thread(local, "partitions", str(PARTITIONS), instance=OWN)
    with pytest.raises(RuntimeError, match=f"Partitions are never taken away: .* has {PARTITIONS}"):
        await asyncio.to_thread(local, "partitions", "12", instance=OWN)
    await all_created(user, import_id)
    await all_created(user, await begun(user))


async def test_an_import_under_way_goes_on_in_another_kafka(user: User) -> None:
    """The old one is gone with all that was under way in it."""
    instance = instance_of(OWN)
    Supervisor(instance).stop(["creator"])
    import_id = await begun(user)
    await asyncio.to_thread(local, "down", instance=OWN)
    for folder in (instance.state / "kafka").glob("broker-*"):
        if folder.is_dir():
            shutil.rmtree(folder)
    await asyncio.to_thread(local, "up", instance=OWN)
    await follow("Move to another Kafka")
    await all_created(user, import_id)
