"""A broker that forgets the consumer groups: everything is delivered again, and nothing doubles."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import DeleteGroupsRequest

from libs.common.kafka.lag import group_lags
from libs.common.settings import KafkaSettings
from libs.contracts.lead_import.registry import REGISTRY
from libs.imports.chunk_path import DEAD_LETTER_GROUP, PIPELINE
from tests.chaos.cases import AT_EASE, Scene, accepted, full_only, new_teams, promise_kept, uploading
from tests.support.processes import needs_local_stack
from tests.support.stack import local
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

GROUPS = (*PIPELINE, DEAD_LETTER_GROUP)


@asynccontextmanager
async def consumers_away() -> AsyncIterator[None]:
    for service in PIPELINE:
        await asyncio.to_thread(local, "scale", "--", service, "0")
    try:
        yield
    finally:
        for service in PIPELINE:
            await asyncio.to_thread(local, "scale", "--", service, "1")


async def forget(admin: AIOKafkaAdminClient, group: str) -> bool:
    """Delete a group with its offsets; False while Kafka still sees members in it."""
    coordinator = await admin.find_coordinator(group)
    response = await admin._client.send(coordinator, DeleteGroupsRequest([group]))
    ((_, code),) = response.results
    return bool(code == 0)


async def test_a_broker_that_forgets_the_consumer_groups(scene: Scene) -> None:
    settings = KafkaSettings(kafka_bootstrap=scene.stack.kafka_bootstrap)

    async def all_read() -> bool:
        return not sum((await group_lags(settings, [REGISTRY], PIPELINE)).values())

    teams = await new_teams(scene, 2, seed=1, **AT_EASE)
    async with uploading(scene, teams):
        await accepted(teams, 3)
    # Some have ended, some have not.
    async with consumers_away():
        await forget_all(scene)
        lags = await group_lags(settings, [REGISTRY], PIPELINE)
    assert min(lags.values()) > 0, "nothing was delivered again"
    await eventually(all_read, seconds=180, what="the end of the repeats")
    await promise_kept(scene, teams)


async def forget_all(scene: Scene) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=scene.stack.kafka_bootstrap)
    await admin.start()
    try:
        for group in GROUPS:
            await eventually(partial(forget, admin, group), what=f"the end of group {group}")
            assert not await admin.list_consumer_group_offsets(group)
    finally:
        await admin.close()
