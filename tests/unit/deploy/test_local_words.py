"""What ``make scale`` and ``make up`` say of what they do."""

import pytest

from deploy.local import quotas, scaling
from deploy.local.settings import DEMO_QUOTAS, Given


@pytest.mark.parametrize(
    ("before", "names", "said"),
    [
        (["creator"], ["creator", "creator-2"], "Scaling creator from 1 to 2 processes: starting creator-2 …"),
        ([], ["creator"], "Scaling creator from 0 to 1 process: starting creator …"),
        (
            ["creator", "creator-2"],
            ["creator"],
            "Scaling creator from 2 to 1 process: stopping creator-2; what is in hand is finished first …",
        ),
        (["creator"], ["creator"], "creator runs as 1 process already."),
    ],
)
def test_scaling_says_what_it_will_do(before: list[str], names: list[str], said: str) -> None:
    assert scaling.what_will_happen("creator", before, names) == said


def test_scaling_says_what_runs() -> None:
    assert scaling.what_runs("creator", ["creator", "creator-2"]) == "Running: creator creator-2"
    assert scaling.what_runs("creator", []) == "Running: no creator"


AGAIN = " `make demo` raises them again."


def given(*, demo_quotas: bool = False, **environment: str) -> Given:
    return Given(environment=environment, demo_quotas=demo_quotas)


@pytest.mark.parametrize(
    ("before", "now", "said"),
    [
        (None, given(), None),
        (given(), given(), None),
        (given(), given(demo_quotas=True), None),
        (given(demo_quotas=True), given(demo_quotas=True), None),
        (given(demo_quotas=True), Given(environment=DEMO_QUOTAS, demo_quotas=False), None),
        (
            given(demo_quotas=True),
            given(),
            "The demo's raised quotas end: LEADFLOW_QUOTA_ROWS 1000000 → 5000, LEADFLOW_QUOTA_IMPORTS 1000 → 5;"
            + AGAIN,
        ),
        (
            given(demo_quotas=True, LEADFLOW_QUOTA_ROWS="70"),
            given(LEADFLOW_QUOTA_ROWS="70"),
            "The demo's raised quotas end: LEADFLOW_QUOTA_IMPORTS 1000 → 5;" + AGAIN,
        ),
        (
            given(),
            given(LEADFLOW_QUOTA_ROWS="70"),
            "Quotas change: LEADFLOW_QUOTA_ROWS 5000 → 70.",
        ),
    ],
)
def test_quotas_that_change_are_said(before: Given | None, now: Given, said: str | None) -> None:
    assert quotas.what_changed(before, now) == said
