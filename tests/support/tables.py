"""Tables of the documents."""

import re

from tests.support.stack import ROOT


def table(path: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its header, back-ticks taken off."""
    text = (ROOT / path).read_text(encoding="utf-8").split(f"\n{heading}\n", 1)[1]
    lines = re.search(r"\n(\|.*?)\n(?!\|)", text + "\n", re.DOTALL)
    assert lines, f"{path}: no table below {heading}"
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[1].splitlines()]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in row] for row in rows[2:]]
