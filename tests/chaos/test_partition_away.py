"""Three brokers, and a partition that takes nothing for a while: only what goes there waits, and all of it ends."""

import asyncio

from aiokafka.admin import AIOKafkaAdminClient

from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_CREATED, CHUNK_DEDUPLICATED, CHUNK_TAGGED
from tests.chaos.cases import Scene, accepted, full_only, kept
from tests.support.brokers import THREE, answered, partition_of, place, without_broker
from tests.support.processes import needs_local_stack, running

pytestmark = [full_only, needs_local_stack]

CHUNKS = [topic.name for topic in (CHUNK_ACCEPTED, CHUNK_DEDUPLICATED, CHUNK_TAGGED, CHUNK_CREATED)]
SERVICES = ("api", "dedup", "tagger", "creator", "finalizer")
SECONDS_AWAY = 60.0
"""Longer than a producer of aiokafka keeps a message (40 s, unless it is told otherwise)."""
TWELVE_CHUNKS = (1_200,)
"""Rows of an import that has a chunk for every partition."""


async def test_partitions_without_leader_for_a_minute_stop_no_producer_for_good(cluster: Scene) -> None:
    before = {name: pid for name, pid in running(THREE).items() if name.startswith(SERVICES)}
    bootstrap = cluster.stack.kafka_bootstrap
    # Another partition of each topic: each stage reads what it cannot publish.
    away = {(name, number) for number, name in enumerate(CHUNKS)}
    for name, number in away:
        await place(bootstrap, name, number, [3])

    async def leaderless(admin: AIOKafkaAdminClient) -> bool:
        return {(await partition_of(admin, name, number))["leader"] for name, number in away} == {-1}

    async with kept(cluster, sizes=TWELVE_CHUNKS, most_in_progress=8) as teams:
        await accepted(teams, 2)  # every producer has published to every partition
        async with without_broker(3):
            await answered(bootstrap, leaderless, "partitions without leader")
            await asyncio.sleep(SECONDS_AWAY)
        await accepted(teams, 1)
    after = running(THREE)
    assert {name: after[name] for name in before} == before, "a service was started again"
