"""Kafka is away for longer than its clients' patience: uploads are taken all the same, and all goes on afterwards."""

import asyncio
import os
import signal
import time

from tests.chaos.cases import Scene, accepted, full_only, kept
from tests.support.processes import kill, needs_local_stack, running

pytestmark = [full_only, needs_local_stack]

AWAY_SECONDS = 45.0
"""Longer than a request of the clients (40 s), a lease (30 s) and a consumer's session."""


async def test_a_kafka_that_stands_still_for_45_seconds(scene: Scene) -> None:
    async with kept(scene, most_in_progress=100) as teams:
        pid = running()["kafka"]
        os.kill(pid, signal.SIGSTOP)
        try:
            await asyncio.sleep(AWAY_SECONDS / 2)
            await accepted(teams, 1)
            await asyncio.sleep(AWAY_SECONDS / 2)
        finally:
            os.kill(pid, signal.SIGCONT)
        await accepted(teams, 1)


async def test_a_kafka_that_is_killed_again_and_again_for_45_seconds(scene: Scene) -> None:
    """It never lives long enough to answer."""
    async with kept(scene, most_in_progress=100) as teams:
        deadline, killed = time.monotonic() + AWAY_SECONDS, set[int]()
        while time.monotonic() < deadline:
            pid = running().get("kafka")
            if pid and pid not in killed:
                kill(pid)
                killed.add(pid)
            await asyncio.sleep(0.1)
        assert len(killed) > 1
        await accepted(teams, 1)
