"""Every crash point of every stage, alone and in pairs, against the real databases."""

import itertools
import time

import pytest

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.chaos.cases import FULL, full_only
from tests.chaos.crew import Crew, Points, points_of, run_batch
from tests.chaos.shapes import CANCELED, SHAPES, UNDONE, Shape

LEAST_SCENARIOS = 10_000

_scenarios_run = 0


def all_points(count: int) -> list[Points]:
    """Return every point, and every pair: the second life ends at the second one."""
    return [*((point,) for point in range(1, count + 1)), *itertools.product(range(1, count + 1), repeat=2)]


@pytest.mark.skipif(FULL, reason="make chaos runs them all")
@pytest.mark.parametrize(
    ("shape", "stage"),
    [
        pytest.param(SHAPES[0], "accept", id="accept"),
        *(pytest.param(SHAPES[2], stage, id=stage) for stage in SHAPES[2].stages),
        *(pytest.param(CANCELED[-1], stage, id=f"canceled-{stage}") for stage in ("ending", "creator", "canceler")),
        *(pytest.param(UNDONE[0], stage, id=f"undone-{stage}") for stage in ("ending", "undoer")),
    ],
)
async def test_no_crash_point_of_a_shape_loses_or_doubles_a_row(
    quick: tuple[Postgres, Mongo], shape: Shape, stage: str
) -> None:
    count = await points_of(*quick, shape, stage)
    findings = await run_batch(*quick, shape, stage, [(point,) for point in range(1, count + 1)])
    assert not findings.faults, findings.faults[0]
    assert findings.crashes == {1: count}, "a scenario that never crashed proves nothing"


@full_only
@pytest.mark.parametrize(
    ("shape", "stage"),
    [pytest.param(shape, stage, id=f"{shape.name}-{stage}") for shape in SHAPES for stage in shape.stages],
)
async def test_no_crash_point_and_no_pair_of_them_loses_or_doubles_a_row(
    quick: tuple[Postgres, Mongo], crew: Crew, shape: Shape, stage: str
) -> None:
    global _scenarios_run  # noqa: PLW0603 - the sum over all cases
    began, scenarios = time.monotonic(), all_points(await points_of(*quick, shape, stage))
    findings = await crew.run(shape, stage, scenarios)
    _scenarios_run += len(scenarios)
    seconds = time.monotonic() - began
    print(f"{stage}: {len(scenarios)} scenarios in {seconds:.1f} s, {dict(findings.crashes)} by crashes")  # noqa: T201
    assert not findings.faults, findings.faults[0]
    assert findings.crashes.total() == len(scenarios)
    assert not findings.crashes[0], "a scenario that never crashed proves nothing"


@full_only
def test_ten_thousand_crash_scenarios_were_run() -> None:
    print(f"{_scenarios_run} crash scenarios")  # noqa: T201
    assert _scenarios_run >= LEAST_SCENARIOS
