"""Three brokers: imports go on when the leader of a topic dies, or the coordinator of a consumer group."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.stores.postgres import sqlalchemy_url
from libs.contracts.lead_import.internal.topics import CHUNK_TAGGED, DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from tests.chaos.cases import STORMY, Scene, accepted, full_only, kept, under_way, until
from tests.support.processes import kill, needs_local_stack, running
from tests.support.stack import INSTANCE, local, local_addresses
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

T = TypeVar("T")

THREE = f"{INSTANCE}-three"
DEATHS = 3
NAMES = [*(topic.name for topic in REGISTRY.topics), DEAD_LETTERS.topic]
TOPICS_OWN = 1
"""Kafka's ConfigSource DYNAMIC_TOPIC_CONFIG."""


@pytest_asyncio.fixture(scope="module")
async def cluster() -> AsyncIterator[Scene]:
    """A stack of its own with three brokers and all services."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (STORMY | {"LEADFLOW_LOCAL_BROKERS": "3"}).items():
            patch.setenv(name, value)
        patch.delenv("LEADFLOW_LOCAL_DETOURS", raising=False)  # those lead to the other stack's databases
        await asyncio.to_thread(local, "reset", instance=THREE)
        await asyncio.to_thread(local, "up", instance=THREE)
        addresses = local_addresses(THREE)
        engine = create_async_engine(sqlalchemy_url(addresses.postgres_url), pool_pre_ping=True)
        try:
            yield Scene(addresses, engine)
        finally:
            await engine.dispose()
            await asyncio.to_thread(local, "reset", instance=THREE)


@asynccontextmanager
async def asking(cluster: Scene) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=cluster.stack.kafka_bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def answered(cluster: Scene, question: Callable[[AIOKafkaAdminClient], Awaitable[T | None]], what: str) -> T:
    """Ask until the answer is something true; a broker may be named that has just died, or not taken over yet."""

    async def ask() -> T | None:
        try:
            async with asking(cluster) as admin:
                return await question(admin)
        except KafkaError:
            return None

    return await eventually(ask, seconds=120, what=what)


async def partitions_of(admin: AIOKafkaAdminClient, *names: str) -> list[dict[str, Any]]:
    return [partition for topic in await admin.describe_topics(list(names)) for partition in topic["partitions"]]


async def leader_of_most(admin: AIOKafkaAdminClient) -> int:
    """Return the broker that leads most partitions of the topic of tagged chunks."""
    leaders = Counter(partition["leader"] for partition in await partitions_of(admin, CHUNK_TAGGED.name))
    return int(leaders.most_common(1)[0][0])


async def coordinator_of_creator(admin: AIOKafkaAdminClient) -> int:
    return int(await admin.find_coordinator("creator"))


async def all_in_sync(admin: AIOKafkaAdminClient) -> bool:
    return all(len(partition["isr"]) == 3 for partition in await partitions_of(admin, *NAMES))


async def until_restarted(name: str, killed: int) -> None:
    """Wait for another process: the cluster goes on calling a dead broker in sync until its session ends."""
    await until(f"{name} restarted", lambda: running(THREE).get(name, killed) != killed)


async def test_our_topics_have_three_replicas_of_which_two_must_have_a_message(cluster: Scene) -> None:
    async with asking(cluster) as admin:
        partitions = await partitions_of(admin, *NAMES)
        wanted = [ConfigResource(ConfigResourceType.TOPIC, name, {"min.insync.replicas": ""}) for name in NAMES]
        responses = await admin.describe_configs(wanted)
    assert {len(partition["replicas"]) for partition in partitions} == {3}
    entries = [entry for response in responses for resource in response.resources for entry in resource[4]]
    assert len(entries) == len(NAMES)
    # (name, value, read-only, source): of the topic itself, not of a broker, which another cluster may lack.
    assert {(entry[1], entry[3]) for entry in entries} == {("2", TOPICS_OWN)}


@pytest.mark.parametrize("victim", [leader_of_most, coordinator_of_creator], ids=["leader", "coordinator"])
async def test_imports_go_on_when_a_broker_dies(
    cluster: Scene, victim: Callable[[AIOKafkaAdminClient], Awaitable[int]]
) -> None:
    async with kept(cluster) as teams:
        for _ in range(DEATHS):
            await answered(cluster, all_in_sync, "all replicas in sync")
            node = await answered(cluster, victim, "the victim")
            await under_way(cluster)
            name = "kafka" if node == 1 else f"kafka-{node}"
            pid = running(THREE)[name]
            kill(pid)
            await accepted(teams, 1)
            await until_restarted(name, pid)
