"""Cells of workbooks that hold no value, though they are not blank."""

from typing import Literal

CellFault = Literal["cell_error", "cell_not_calculated"]
"""``cell_error``: it shows an error. ``cell_not_calculated``: it is a formula, whose value the file does not hold."""

Faults = dict[int, dict[int, CellFault]]
"""By row, as the spreadsheet shows its number, and column, counted from 0."""

ERROR_TEXTS = {
    0x00: "#NULL!",
    0x07: "#DIV/0!",
    0x0F: "#VALUE!",
    0x17: "#REF!",
    0x1D: "#NAME?",
    0x24: "#NUM!",
    0x2A: "#N/A",
    0x2B: "#GETTING_DATA",
}
"""What Excel shows for the error codes of its binary formats ([MS-XLS] 2.5.10, [MS-XLSB] 2.5.98.2)."""

UNKNOWN_ERROR = "#ERROR!"
"""For codes that came later."""


def with_faults(cells: list[str], texts: dict[int, str]) -> list[str]:
    """Return the cells with these texts at their columns, counted from 0; there may be more columns than cells."""
    missing = max(texts) + 1 - len(cells)
    cells = cells + [""] * missing
    for column, text in texts.items():
        cells[column] = text
    return cells
