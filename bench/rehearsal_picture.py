"""The rehearsal as one picture: lag, processes and rows a second over time."""

from pathlib import Path
from typing import Any

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "images" / "scaling.png"
SMOOTHED_SECONDS = 10
_LINE, _MARK = "#2a6f97", "#c1121f"


def speeds(samples: list[list[float]]) -> list[float]:
    """Return the rows a second at each sample (at, lag, processes, rows so far), over the last ``SMOOTHED_SECONDS``."""
    found = []
    for at, _, _, rows in samples:
        then = next(each for each in samples if each[0] >= at - SMOOTHED_SECONDS)
        found.append((rows - then[3]) / (at - then[0]) if at > then[0] else 0.0)
    return found


def draw(saved: dict[str, Any]) -> None:
    """Write docs/images/scaling.png of what ``bench/rehearsal.py`` has saved."""
    # Only who draws needs it, and only `make bench` and `make rehearse` install it.
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    samples, scaling = saved["samples"], saved["scaling"]
    at = [each[0] for each in samples]
    picture, (lag, processes, speed) = plt.subplots(3, 1, figsize=(11, 7.5), sharex=True, constrained_layout=True)
    lag.step(at, [each[1] for each in samples], where="post", color=_LINE)
    lag.axhline(scaling["threshold"], color=_MARK, linewidth=1, linestyle="--")
    lag.set_title(f"Lag: messages that wait for creators (dashed: {scaling['threshold']} for each)", loc="left")
    processes.step(at, [each[2] for each in samples], where="post", color=_LINE)
    processes.set_title("Creator processes", loc="left")
    processes.set_yticks(range(scaling["maximum"] + 1))
    speed.plot(at, speeds(samples), color=_LINE)
    speed.set_title(f"Rows a second, mean of {SMOOTHED_SECONDS} s", loc="left")
    speed.set_xlabel(f"seconds, the scaling at {saved['pace']:g} times its pace")
    for axes in (lag, processes, speed):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
        for mark in saved["marks"].values():
            axes.axvline(mark, color="#999999", linewidth=1, linestyle=":")
    picture.savefig(PICTURE, dpi=100)
    plt.close(picture)
