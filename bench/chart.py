"""The figures as one picture."""

from collections.abc import Sequence

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

from bench.figures import RESULTS, Figure, Part

_PANELS = (
    ("throughput", "rows/s", "Throughput, rows a second"),
    ("latency", "ms", "Latency, milliseconds"),
    ("size", "rows/s", "Size of the file, rows a second"),
    ("growth", "rows/s", "Contacts held already, rows a second"),
    ("fairness", "ms", "Beside a huge import, milliseconds"),
    ("scale_out", "rows/s", "Creator processes, rows a second"),
    ("api_load", "ms", "GET /imports/{id} amid an import, milliseconds"),
    ("size", "MiB", "Peak memory, MiB"),
)
_BAR, _GOAL = "#2a6f97", "#c1121f"


def draw(parts: Sequence[Part]) -> None:
    """Write ``bench/results/chart.png``: medians as bars, least and greatest as whiskers, goals as red lines."""
    by_name = {part.name: part for part in parts}
    picture, panels = plt.subplots(4, 2, figsize=(13, 13), constrained_layout=True)
    for axes, (name, unit, title) in zip(panels.flat, _PANELS, strict=True):
        part = by_name.get(name)
        figures = [figure for figure in part.figures if figure.unit == unit] if part else []
        _panel(axes, title, figures)
    RESULTS.mkdir(exist_ok=True)
    picture.savefig(RESULTS / "chart.png", dpi=110)
    plt.close(picture)


def _panel(axes: Axes, title: str, figures: list[Figure]) -> None:
    axes.set_title(title, loc="left", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    if not figures:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes)
        axes.set_axis_off()
        return
    medians = [figure.median for figure in figures]
    below = [figure.median - min(figure.values) for figure in figures]
    above = [max(figure.values) - figure.median for figure in figures]
    places = range(len(figures))
    axes.barh(places, medians, xerr=(below, above), color=_BAR, ecolor="#333333", capsize=3, height=0.6)
    for place, figure in zip(places, figures, strict=True):
        axes.annotate(
            f"{figure.median:,.0f}",
            (max(figure.values), place),
            xytext=(6, 0),
            textcoords="offset points",
            va="center",
            # The line of the goal may pass behind the number.
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1},
            zorder=3,
        )
        if figure.goal:
            axes.plot([figure.goal[1]] * 2, [place - 0.4, place + 0.4], color=_GOAL, linewidth=2)
    axes.set_yticks(places, [figure.name for figure in figures], fontsize=9)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set_xlim(left=0)
