"""What a dashboard is made of, before it is Grafana's: questions, and panels that answer them."""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["number", "lines", "list"]

GRAFANA_UNITS = {"s": "seconds", "bytes": "bytes", "percentunit": "share", "dtdurations": "time left"}
"""Units that Grafana writes behind each number, in its own way; and what stands beside the axis."""

WINDOW = "$__rate_interval"
"""Grafana puts in how far a rate must look back: four scrapes, or a point of the screen."""


@dataclass(frozen=True, slots=True)
class Query:
    """One question in PromQL, over metrics of the table and recordings alone."""

    expr: str
    legend: str = ""
    """``{{service}}`` names each line by a label."""


@dataclass(frozen=True, slots=True)
class Panel:
    title: str
    says: str
    """What it shows, and what a bad value looks like."""
    unit: str
    """Of Grafana's own (``GRAFANA_UNITS``), or what is counted: ``messages``, or in a second ``messages/s``."""
    queries: tuple[Query, ...]
    kind: Kind = "lines"
    alerts: tuple[str, ...] = ()
    """Alerts that come of it: their sections of the runbook are linked."""
    steps: tuple[float, float] | None = None
    """From where on a number is yellow, and red. With the greater one first, less is worse."""
    when_empty: str = ""
    """What it means that there is no number. A panel without this has one after every import."""


@dataclass(frozen=True, slots=True)
class PanelRow:
    """A question of the people on call, and the panels that answer it."""

    asks: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True, slots=True)
class Chosen:
    """A value that is chosen above the panels, and stands as ``$name`` in their queries."""

    name: str
    label: str
    values: tuple[str, ...] = ()
    """None: it is typed in."""


@dataclass(frozen=True, slots=True)
class Dashboard:
    uid: str
    """Its name in addresses and files."""
    title: str
    says: str
    """What to look at first, as Markdown."""
    rows: tuple[PanelRow, ...]
    chosen: tuple[Chosen, ...] = ()
    since: str = "now-1h"
    traces: str = ""
    """A search among the traces of api (``tag=value``), shown as a list."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        return tuple(panel for row in self.rows for panel in row.panels)


def quantile(share: float, histogram: str, labels: str = "", by: str = "") -> str:
    """Return within how long, or how much, so many of all were; by other labels beside the buckets'."""
    chosen = f"{{{labels}}}" if labels else ""
    grouped = ", ".join(filter(None, ["le", by]))
    return f"histogram_quantile({share}, sum by ({grouped}) (rate({histogram}_bucket{chosen}[{WINDOW}])))"


def pace(counter: str, labels: str = "", by: str = "") -> str:
    """Return how many a second."""
    chosen = f"{{{labels}}}" if labels else ""
    grouped = f" by ({by})" if by else ""
    return f"sum{grouped} (rate({counter}{chosen}[{WINDOW}]))"
