"""Three brokers, and a partition that takes nothing for a while: only what goes there waits, and all of it ends."""

import asyncio
import itertools
import json
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import AsyncExitStack
from functools import partial

import httpx
import psutil
from aiokafka.admin import AIOKafkaAdminClient

from libs.common.settings import KafkaSettings
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED, CHUNK_CREATED, CHUNK_DEDUPLICATED, CHUNK_TAGGED
from libs.imports.partitions import SpreadChunks
from tests.chaos.cases import Scene, accepted, full_only, kept
from tests.support.brokers import THREE, answered, partition_of, place, without_broker
from tests.support.kafka import unique
from tests.support.platform import create_tenant
from tests.support.processes import needs_local_stack, running
from tests.support.readers import headers_of, subscribed
from tests.support.user import csv_file
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

CHUNKS = [topic.name for topic in (CHUNK_ACCEPTED, CHUNK_DEDUPLICATED, CHUNK_TAGGED, CHUNK_CREATED)]
SERVICES = ("api", "dedup", "tagger", "creator", "finalizer", "undoer")
SECONDS_AWAY = 60.0
"""Longer than a producer of aiokafka keeps a message (40 s, unless it is told otherwise)."""
PARTITIONS = KafkaSettings.model_fields["topic_partitions"].default
AWAY = 5
SECONDS_BELOW = 120.0
PATIENCE_SECONDS = 30.0
"""The least that an orchestrator has before it kills."""
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
    for name, number in away:  # the next test is without that broker, too, and means another partition
        await place(bootstrap, name, number, [1, 2, 3])


async def test_a_partition_below_its_least_replicas_holds_up_its_own_imports_alone(cluster: Scene) -> None:
    bootstrap = cluster.stack.kafka_bootstrap
    await place(bootstrap, CHUNK_ACCEPTED.name, AWAY, [1, 3])
    tenant = await create_tenant(cluster.engine, jwt_secret=cluster.stack.jwt_secret)
    async with httpx.AsyncClient(base_url=cluster.stack.api_url, timeout=60) as client, AsyncExitStack() as away:

        async def one_chunk(number: int) -> int:
            answer = await client.post(
                "/import",
                files={"file": ("leads.csv", csv_file([["Ana", f"1198{number:07d}", "", "", ""]]))},
                data={"data": json.dumps(tenant.data(name=unique("one chunk")))},
                headers=tenant.headers(),
            )
            assert answer.status_code == httpx.codes.ACCEPTED, answer.text
            return int(answer.json()["id"])

        async def status(import_id: int) -> str:
            answer = await client.get(f"/imports/{import_id}", headers=tenant.headers())
            return str(answer.json()["status"])

        async def finished(imports: Iterable[int], *, seconds: float) -> None:
            for import_id in imports:
                await eventually(partial(is_finished, import_id), seconds=seconds, what=f"the end of {import_id}")

        async def answers() -> bool:
            try:
                return (await client.get("/health/ready")).status_code == httpx.codes.OK
            except httpx.TransportError:
                return False

        async def is_finished(import_id: int) -> bool:
            return await status(import_id) == "FINISHED"

        await away.enter_async_context(without_broker(3))
        held_up: set[int] = set()
        began = time.monotonic()
        numbers = itertools.count()
        while time.monotonic() - began < SECONDS_BELOW:
            imports = {await one_chunk(next(numbers)) for _ in range(PARTITIONS)}
            there = {each for each in imports if partition_of_chunk(each) == AWAY}
            assert there
            held_up |= there
            await finished(imports - there, seconds=30)
        assert {await status(each) for each in held_up} == {"PROCESSING"}
        for name in ("api", "finalizer"):
            await stops_in_time(name)
        await eventually(answers, seconds=60, what="an api that answers again")
        assert {await status(each) for each in held_up} == {"PROCESSING"}
        await away.aclose()
        await finished(held_up, seconds=120)
    async with subscribed(bootstrap, CHUNK_ACCEPTED.name) as topic:
        await topic.catch_up()
        published = Counter(headers_of(record)["ce_id"] for records in topic.records.values() for record in records)
    assert set(published.values()) == {1}


def partition_of_chunk(import_id: int) -> int:
    """Return where the first chunk of an import goes."""
    everywhere = list(range(PARTITIONS))
    return SpreadChunks()(f"{import_id}:0".encode(), everywhere, everywhere)


async def stops_in_time(name: str) -> None:
    """Tell a service to end, as an orchestrator does, and wait for its successor. It ends before it would be killed."""
    pid = running(THREE)[name]
    process = psutil.Process(pid)
    process.terminate()
    await asyncio.to_thread(process.wait, PATIENCE_SECONDS)

    async def is_back() -> bool:
        return running(THREE).get(name, pid) != pid

    await eventually(is_back, seconds=60, what=f"{name} again")
