"""Three real brokers: where partitions are, and the brokers one by one."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest

from deploy.local.instance import Instance
from deploy.local.supervision import Supervisor
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.contracts.lead_import.registry import REGISTRY
from tests.support.stack import INSTANCE, ROOT, Addresses, local, local_addresses
from tests.support.waiting import eventually

T = TypeVar("T")

THREE = f"{INSTANCE}-three"
BROKERS = (1, 2, 3)
NAMES = [*(topic.name for topic in REGISTRY.topics), DEAD_LETTERS.topic]


@asynccontextmanager
async def three_brokers(command: str, settings: Mapping[str, str]) -> AsyncIterator[Addresses]:
    """Start a stack of its own with three brokers, by ``servers`` or ``up``; forget it afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**settings, "LEADFLOW_LOCAL_BROKERS": str(len(BROKERS))}.items():
            patch.setenv(name, value)
        patch.delenv("LEADFLOW_LOCAL_DETOURS", raising=False)  # those lead to the other stack's databases
        await asyncio.to_thread(local, "reset", instance=THREE)
        try:
            await asyncio.to_thread(local, command, instance=THREE)
            yield local_addresses(THREE)
        finally:
            await asyncio.to_thread(local, "reset", instance=THREE)


@asynccontextmanager
async def asking(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


async def answered(bootstrap: str, question: Callable[[AIOKafkaAdminClient], Awaitable[T | None]], what: str) -> T:
    """Ask until the answer is something true; a broker may be named that has just died, or not taken over yet."""

    async def ask() -> T | None:
        try:
            async with asking(bootstrap) as admin:
                return await question(admin)
        except KafkaError:
            return None

    return await eventually(ask, seconds=120, what=what)


async def partitions_of(admin: AIOKafkaAdminClient, *names: str) -> list[dict[str, Any]]:
    return [partition for topic in await admin.describe_topics(list(names)) for partition in topic["partitions"]]


async def partition_of(admin: AIOKafkaAdminClient, name: str, number: int) -> dict[str, Any]:
    (found,) = (each for each in await partitions_of(admin, name) if each["partition"] == number)
    return found


async def all_in_sync(admin: AIOKafkaAdminClient) -> bool:
    return all(len(partition["isr"]) == len(partition["replicas"]) for partition in await partitions_of(admin, *NAMES))


async def place(bootstrap: str, name: str, number: int, replicas: Sequence[int]) -> None:
    """Move a partition to these brokers, and wait until it is there.

    On two brokers it takes nothing while one of them is away (less replicas in sync than the two that must have a
    message); on one broker it has no leader while that is away (and that one is enough to write).
    """

    async def moved(admin: AIOKafkaAdminClient) -> bool:
        found = await partition_of(admin, name, number)
        return sorted(found["replicas"]) == sorted(found["isr"]) == sorted(replicas) and found["leader"] in replicas

    request = AlterPartitionReassignmentsRequest(30_000, [(name, [(number, list(replicas), {})], {})], {})
    async with asking(bootstrap) as admin:
        response = await admin._send_request(request)
        assert not response.error_code, response
        assert not [each for _, parts, _ in response.responses for each in parts if each[1]], response
    await answered(bootstrap, moved, f"partition {number} of {name} on {replicas}")


@asynccontextmanager
async def without_broker(number: int) -> AsyncIterator[None]:
    """Stop a broker as an operator does, and start it again after the block."""
    name = "kafka" if number == 1 else f"kafka-{number}"
    supervisor = Supervisor(Instance(name=THREE, local=ROOT / ".local"))
    await asyncio.to_thread(supervisor.stop, [name])
    try:
        yield
    finally:
        await asyncio.to_thread(supervisor.start_again, [name])
