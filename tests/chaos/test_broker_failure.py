"""Three brokers: imports go on when the leader of a topic dies, or the coordinator of a consumer group."""

from collections import Counter
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from libs.contracts.lead_import.internal.topics import CHUNK_TAGGED
from tests.chaos.cases import Scene, accepted, full_only, kept, under_way, until
from tests.support.brokers import NAMES, THREE, all_in_sync, answered, asking, partitions_of
from tests.support.processes import kill, needs_local_stack, running

pytestmark = [full_only, needs_local_stack]

DEATHS = 3
TOPICS_OWN = 1
"""Kafka's ConfigSource DYNAMIC_TOPIC_CONFIG."""


async def leader_of_most(admin: AIOKafkaAdminClient) -> int:
    """Return the broker that leads most partitions of the topic of tagged chunks."""
    leaders = Counter(partition["leader"] for partition in await partitions_of(admin, CHUNK_TAGGED.name))
    return int(leaders.most_common(1)[0][0])


async def coordinator_of_creator(admin: AIOKafkaAdminClient) -> int:
    return int(await admin.find_coordinator("creator"))


async def until_restarted(name: str, killed: int) -> None:
    """Wait for another process: the cluster goes on calling a dead broker in sync until its session ends."""
    await until(f"{name} restarted", lambda: running(THREE).get(name, killed) != killed)


async def test_our_topics_have_three_replicas_of_which_two_must_have_a_message(cluster: Scene) -> None:
    async with asking(cluster.stack.kafka_bootstrap) as admin:
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
            await answered(cluster.stack.kafka_bootstrap, all_in_sync, "all replicas in sync")
            node = await answered(cluster.stack.kafka_bootstrap, victim, "the victim")
            await under_way(cluster)
            name = "kafka" if node == 1 else f"kafka-{node}"
            pid = running(THREE)[name]
            kill(pid)
            await accepted(teams, 1)
            await until_restarted(name, pid)
