"""The alerts as they are shipped, for somebody who has less time: every duration in them divided by the same number.

Nothing else of an expression changes: metrics, labels, limits that are no durations, and how they are put together.
"""

import copy
import re
from typing import Any

import yaml

from tests.support.promtool import RULES

SECONDS = {"s": 1, "m": 60, "h": 3600}
LONGEST_SECONDS = 10
"""No alert has to last longer than this: an hour's is to spare people, and nothing about what it sees."""
_DURATION = re.compile(r"(\d+)([smh])")
_AGE = re.compile(r"(_(?:age|silence|failing|overdue)_seconds\)) > (\d+)")


def shipped_rules() -> dict[str, Any]:
    rules: dict[str, Any] = yaml.safe_load(RULES.read_text())
    return rules


def hurried(times: int) -> dict[str, Any]:
    """Return the rules with windows, ages and waits shorter by so many times, looked at every second."""
    rules = copy.deepcopy(shipped_rules())
    for group in rules["groups"]:
        group["interval"] = "1s"
        for rule in group["rules"]:
            rule["expr"] = hurried_expression(rule["expr"], times)
            if "for" in rule:
                rule["for"] = f"{min(LONGEST_SECONDS, _seconds(rule['for']) // times)}s"
    return rules


def hurried_expression(expr: str, times: int) -> str:
    windows = re.sub(r"\[\w+\]", lambda found: f"[{_seconds(found[0][1:-1]) // times}s]", expr)
    return _AGE.sub(lambda found: f"{found[1]} > {int(found[2]) // times}", windows)


def without_numbers(expr: str) -> str:
    """Return an expression with every duration and limit left out."""
    return re.sub(r"\[\w+\]|> \d+", "", expr)


def _seconds(duration: str) -> int:
    return sum(int(number) * SECONDS[unit] for number, unit in _DURATION.findall(duration))
