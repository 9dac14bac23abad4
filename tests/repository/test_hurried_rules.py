"""What the drill of alerts watches is what is shipped, in less time."""

import pytest

from deploy.alerts import ALERTS
from tests.support.hurried_rules import hurried, hurried_expression, shipped_rules, without_numbers
from tests.support.runbook import commands, sections

SHIPPED = [rule for group in shipped_rules()["groups"] for rule in group["rules"]]
HURRIED = [rule for group in hurried(30)["groups"] for rule in group["rules"]]


def test_nothing_but_durations_differs() -> None:
    for shipped, in_a_hurry in zip(SHIPPED, HURRIED, strict=True):
        assert without_numbers(in_a_hurry["expr"]) == without_numbers(shipped["expr"])
        rest = {"expr", "for"}
        assert {k: v for k, v in in_a_hurry.items() if k not in rest} == {
            k: v for k, v in shipped.items() if k not in rest
        }


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("max(leadflow_import_age_seconds) > 900", "max(leadflow_import_age_seconds) > 30"),
        ("increase(leadflow_dead_letters_total[5m])) >= 20", "increase(leadflow_dead_letters_total[10s])) >= 20"),
        ("max(leadflow_open_dead_letters) > 0", "max(leadflow_open_dead_letters) > 0"),
        ("max(leadflow_retention_overdue_seconds) > 86400", "max(leadflow_retention_overdue_seconds) > 2880"),
        ("- time() < 14 * 86400", "- time() < 14 * 86400"),
        ("sum by (topic) (leadflow_consumer_lag) > 100", "sum by (topic) (leadflow_consumer_lag) > 100"),
    ],
)
def test_durations_are_thirty_times_shorter_and_limits_stay(expr: str, expected: str) -> None:
    assert hurried_expression(expr, 30) == expected


@pytest.mark.parametrize("alert", [alert.name for alert in ALERTS])
def test_each_alerts_section_has_commands_for_beside_the_local_stack(alert: str) -> None:
    assert commands(alert), sections()[alert]
