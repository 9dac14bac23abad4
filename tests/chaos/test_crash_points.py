"""Every crash point of every stage, alone and in pairs, against the real databases."""

import itertools
import os
import time
from collections import Counter

import pytest

from libs.common.mongo import Mongo
from libs.common.postgres import Postgres
from tests.chaos.checker import Report, check
from tests.chaos.crash import CrashPlan
from tests.chaos.shapes import SHAPES, Shape, run_shape
from tests.chaos.world import STAGES, World
from tests.support.platform import create_tenant

FULL = os.environ.get("LEADFLOW_CHAOS") == "full"


async def run_scenario(
    postgres: Postgres, mongo: Mongo, shape: Shape, plans: dict[str, CrashPlan]
) -> tuple[World, Report]:
    """Run one scenario to quiet; return the world and what the checker says."""
    tenant = await create_tenant(postgres.engine)
    world = World(postgres, mongo, tenant, plans)
    await run_shape(world, shape, postgres, mongo)
    return world, await check(postgres.engine, mongo, world.expected, world.events)


async def points_of(postgres: Postgres, mongo: Mongo, shape: Shape, stage: str) -> int:
    """Return how many points the longest life of a stage passes."""
    longest = 0

    class Counting(CrashPlan):
        def point(self, what: str) -> None:
            nonlocal longest
            super().point(what)
            longest = max(longest, self.passed)

    _, report = await run_scenario(postgres, mongo, shape, {stage: Counting()})
    assert report.kept, str(report)
    return longest


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("shape", SHAPES if FULL else SHAPES[2:3], ids=lambda shape: shape.name)
async def test_no_crash_point_loses_or_doubles_a_row(
    quick_postgres: Postgres, quick_mongo: Mongo, shape: Shape, stage: str
) -> None:
    postgres, mongo = quick_postgres, quick_mongo
    began, count = time.monotonic(), await points_of(postgres, mongo, shape, stage)
    singles = [(point,) for point in range(1, count + 1)]
    pairs = list(itertools.product(range(1, count + 1), repeat=2)) if FULL else []
    scenarios: list[tuple[int, ...]] = [*singles, *pairs]
    crashes: Counter[int] = Counter()
    for points in scenarios:
        world, report = await run_scenario(postgres, mongo, shape, {stage: CrashPlan(*points)})
        crashes[world.plans[stage].crashes] += 1
        assert report.kept, f"{stage} crashed at {points}: {world.plans[stage].trail}\n{report}"
    assert crashes[0] == 0, "a scenario that never crashed proves nothing"
    print(f"{stage}: {count} points, {len(scenarios)} scenarios in {time.monotonic() - began:.1f} s")  # noqa: T201
