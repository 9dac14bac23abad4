"""A wall clock that jumps an hour, amid imports: leases, windows, quotas and repairs go on.

To the database a jump is that every time it has stored is an hour further away, or nearer, or still to come.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tests.chaos.cases import Scene, accepted, full_only, kept
from tests.support.processes import held, needs_local_stack
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

STORED_TIMES = {
    # Not created_at, which with the id is the import's name: messages that are under way say it, too. What a jump means
    # to the quota is in tests/integration/api/accepting/test_quota.py.
    "lead_imports": ("updated_at", "finished_at"),
    "lead_import_chunks": ("lease_until", "sent_at", "settled_at"),
    "outbox": ("created_at", "available_at"),
    "idempotency_keys": ("created_at",),
    "tags": ("created_at", "updated_at"),
    "chat_tags": ("created_at", "updated_at"),
    "amigocare_leads": ("created_at", "updated_at"),
}


async def jump(scene: Scene, hours: int) -> int:
    """Let the clock jump; return how many leases, events and chunks in flight met it."""

    async def at_once() -> list[int] | None:
        try:
            return [await _jump(scene, hours)]
        except DBAPIError:
            return None  # a deadlock with a transaction of the services: nothing was changed

    (met,) = await eventually(at_once, what="a moment between two transactions")
    return met


async def _jump(scene: Scene, hours: int) -> int:
    async with scene.engine.begin() as connection:
        for table in STORED_TIMES:
            await connection.execute(text(f"LOCK TABLE amigocare.{table} IN EXCLUSIVE MODE"))
        met = await connection.execute(
            text(
                "SELECT (SELECT count(*) FROM amigocare.lead_import_chunks WHERE settled_at IS NULL"
                " AND (lease IS NOT NULL OR sent_at IS NOT NULL)) + (SELECT count(*) FROM amigocare.outbox)"
            )
        )
        for table, columns in STORED_TIMES.items():
            moved = ", ".join(f"{column} = {column} - make_interval(hours => :hours)" for column in columns)
            await connection.execute(text(f"UPDATE amigocare.{table} SET {moved}"), {"hours": hours})
        return int(met.scalar_one())


@asynccontextmanager
async def held_between_transactions(scene: Scene, service: str) -> AsyncIterator[None]:
    """Hold a process still while it holds no lock: in a transaction it would keep the clock from jumping."""

    async def within_a_transaction() -> bool:
        async with scene.engine.connect() as connection:
            found = await connection.execute(
                text("SELECT count(*) FROM pg_stat_activity WHERE application_name = :name AND xact_start IS NOT NULL"),
                {"name": f"leadflow-{service}"},
            )
            return bool(found.scalar_one())

    for _ in range(500):
        with held(service):
            if not await within_a_transaction():
                yield
                return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{service} is always within a transaction")


@pytest.mark.parametrize("hours", [1, -1], ids=["forward", "back"])
@pytest.mark.parametrize("stopped", ["tagger", "finalizer"])
async def test_a_clock_that_jumps_an_hour(scene: Scene, hours: int, stopped: str) -> None:
    async with kept(scene, clocks_agree=False) as teams:
        async with held_between_transactions(scene, stopped):
            await accepted(teams, 1)
            assert await jump(scene, hours), "nothing was under way"
            await asyncio.sleep(1)
        await accepted(teams, 1)
        await jump(scene, -hours)
        await accepted(teams, 1)
