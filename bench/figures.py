"""Figures: each the median of its runs, with its least and greatest."""

import json
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench.shipped import mark

_SIGNS = {">=": "≥", "<=": "≤"}

RESULTS = Path(__file__).parent / "results"
PARTS = (
    "throughput",
    "latency",
    "size",
    "growth",
    "fairness",
    "scale_out",
    "whatsapp",
    "api_load",
    "capacity",
    "following",
    "leads",
)
"""Whose figures are in the documents. Others are measured by their name alone, until there are figures of a quiet
machine."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured quantity. ``goal`` is ``(comparison, value)``, comparison one of ``>=`` and ``<=``."""

    name: str
    unit: str
    values: list[float]
    goal: tuple[str, float] | None = None

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def met(self) -> bool | None:
        """Tell whether the median meets the goal; None without one."""
        if self.goal is None:
            return None
        comparison, value = self.goal
        return self.median >= value if comparison == ">=" else self.median <= value


@dataclass(frozen=True, slots=True)
class Part:
    """The figures of one part of the benchmark, with what was done in words."""

    name: str
    what: str
    settings: Mapping[str, str]
    """What was set when it was measured, by the variable's name; everything else was as it is shipped."""
    figures: list[Figure] = field(default_factory=list)

    def add(self, name: str, unit: str, values: Sequence[float], goal: tuple[str, float] | None = None) -> Figure:
        figure = Figure(name=name, unit=unit, values=[float(value) for value in values], goal=goal)
        self.figures.append(figure)
        return figure

    def save(self) -> None:
        """Write ``bench/results/<name>.json``, in place of an earlier one."""
        RESULTS.mkdir(exist_ok=True)
        plain = asdict(self) | {"machine": machine()}
        text = json.dumps(plain, indent=1, ensure_ascii=False, default=str) + "\n"
        (RESULTS / f"{self.name}.json").write_text(text)


def machines() -> list[str]:
    """Return what kinds of machine the saved figures were taken on, in words."""
    return list(dict.fromkeys(machine_of(part.name) for part in load_all()))


def machine_of(name: str) -> str:
    """Return what kind of machine a saved part was measured on, in words."""
    each = json.loads((RESULTS / f"{name}.json").read_text())["machine"]
    return f"{each['cores']} cores ({each['cpu']}), {each['memory_gib']} GiB, Python {each['python']}"


def load_all() -> list[Part]:
    """Return the parts that have been measured, in the table's order."""
    return [part for name in PARTS if (part := load(name))]


def load(name: str) -> Part | None:
    """Return the part as it was last saved."""
    path = RESULTS / f"{name}.json"
    if not path.exists():
        return None
    plain = json.loads(path.read_text())
    figures = [
        Figure(
            name=each["name"],
            unit=each["unit"],
            values=each["values"],
            goal=tuple(each["goal"]) if each["goal"] else None,
        )
        for each in plain["figures"]
    ]
    return Part(name=plain["name"], what=plain["what"], settings=plain["settings"], figures=figures)


def machine() -> dict[str, Any]:
    """Return what kind of machine this is: nothing that names it."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
    return {
        "cores": psutil.cpu_count(),
        "cpu": model,
        "memory_gib": round(psutil.virtual_memory().total / 2**30),
        "python": platform.python_version(),
    }


def shown(value: float) -> str:
    """Return a number as a table shows it: three figures that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(parts: Sequence[Part]) -> str:
    """Return the figures as a Markdown table; the last column says with which settings each was taken."""
    lines = [
        "| measured | median (least to greatest) | runs | goal | met | settings |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for part in parts:
        for figure in part.figures:
            values = figure.values
            spread = f"{shown(figure.median)} ({shown(min(values))} to {shown(max(values))})"
            goal = f"{_SIGNS[figure.goal[0]]} {shown(figure.goal[1])}" if figure.goal else ""
            met = {True: "yes", False: "no", None: ""}[figure.met]
            cells = (f"{figure.name} ({figure.unit})", spread, len(values), goal, met, mark(part.settings))
            lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)
