"""Tables of the documents."""

import re

from tests.support.stack import ROOT


def table(path: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, without its header, back-ticks taken off."""
    text = "\n" + (ROOT / path).read_text(encoding="utf-8")
    found = _tables(text.split(f"\n{heading}\n", 1)[1])
    assert found, f"{path}: no table below {heading}"
    return found[0]


def tables(path: str) -> list[list[list[str]]]:
    """Return all tables of a page, each as ``table`` does."""
    return _tables((ROOT / path).read_text(encoding="utf-8"))


def _tables(text: str) -> list[list[list[str]]]:
    return [_cells(found[1]) for found in re.finditer(r"\n(\|.*?)\n(?!\|)", text + "\n", re.DOTALL)]


def _cells(lines: str) -> list[list[str]]:
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines.splitlines()]
    return [[re.sub(r"^`([^`]*)`$", r"\1", cell) for cell in row] for row in rows[2:]]
