"""The dashboards as they are shipped, and their queries as Grafana would send them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploy.dashboards.all import DASHBOARDS
from deploy.dashboards.panels import Panel
from tests.support.stack import ROOT

FOLDER = ROOT / "deploy" / "observe" / "dashboards"
INTERVAL = "1m"
"""What stands for Grafana's ``$__rate_interval``."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel, with what is chosen above it put in."""

    dashboard: str
    panel: Panel
    expr: str

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel.title}: {self.expr}"


def asked() -> list[Asked]:
    """Return every query of every panel, once for each value that can be chosen."""
    return [
        Asked(board.title, panel, _put_in(query.expr, chosen))
        for board in DASHBOARDS
        for chosen in ([{each.name: value} for each in board.chosen for value in each.values] or [{}])
        for panel in board.panels
        for query in panel.queries
    ]


def _put_in(expr: str, chosen: dict[str, str]) -> str:
    for name, value in {"__rate_interval": INTERVAL, **chosen}.items():
        expr = expr.replace(f"${name}", value)
    return expr


def shipped() -> dict[str, dict[str, Any]]:
    """Return what Grafana reads, by the file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(Path(FOLDER).glob("*.json"))}


def queries_in(board: dict[str, Any]) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield each panel of a file with each of its queries to Prometheus."""
    for panel in board["panels"]:
        for target in panel.get("targets", []):
            if "expr" in target:
                yield panel, target
