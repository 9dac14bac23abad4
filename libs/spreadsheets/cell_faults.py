"""Cells of workbooks that hold no value, though they are not blank."""

from collections.abc import Mapping, Sequence
from typing import Literal

from libs.fields.shown_errors import shows_error
from libs.fields.text import trimmed

CellFault = Literal["cell_error", "cell_not_calculated", "cell_cut"]
"""``cell_error``: it shows an error. ``cell_not_calculated``: it is a formula, whose value the file does not hold.
``cell_cut``: it bears the mark of one that was cut (``cut_cells``)."""

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
NOT_CALCULATED = "#CALC!"


def with_errors_shown(cells: Sequence[str], faults: Mapping[int, CellFault]) -> list[str]:
    """Return the cells of a row; where one holds no value, an error that every reader knows as such.

    The text of a formula, or of an error that came later, would be a value where it is read again.
    """
    return [_shown(cell, faults[place]) if place in faults else cell for place, cell in enumerate(cells)]


def _shown(text: str, fault: CellFault) -> str:
    if fault == "cell_not_calculated":
        return NOT_CALCULATED
    return text if fault == "cell_cut" or shows_error(trimmed(text)) else UNKNOWN_ERROR
