"""Cells as text: what surrounds a value, what may be kept of it, and formulas made harmless."""

import re
from collections.abc import Sequence

from libs.contracts.lead_import.internal.messages import CELL_LIMIT

_TRIMMED_RANGES = (
    (0x00, 0x20),  # controls and the space
    (0x7F, 0xA0),  # more controls and the no-break space
    (0xAD, 0xAD),  # soft hyphen
    (0x1680, 0x1680),
    (0x180E, 0x180E),
    (0x2000, 0x200F),  # spaces of all widths, zero-width characters, direction marks
    (0x2028, 0x202F),  # line separators, and the direction marks that WhatsApp puts around a copied phone
    (0x205F, 0x206F),
    (0x3000, 0x3000),
    (0xFEFF, 0xFEFF),  # byte order mark
)
TRIMMED = "".join(chr(code) for first, last in _TRIMMED_RANGES for code in range(first, last + 1))
"""What nobody sees around a value."""

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""A cell that begins so is run as a formula by a spreadsheet (OWASP, "CSV Injection"; the last four are the
full-width forms)."""

_RUNS_AS_FORMULA = re.compile(f"'*[{re.escape(FORMULA_STARTS)}]")
_NEUTRALISED = re.compile(f"'+[{re.escape(FORMULA_STARTS)}]")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def trimmed(cell: str) -> str:
    """Return the cell without what is not seen around its value."""
    text = cell.strip()
    # Nothing of TRIMMED but the space is printable, so this is the same, four times faster
    return text if text.isprintable() else text.strip(TRIMMED)


def all_trimmed(cells: Sequence[str]) -> list[str]:
    """Return ``trimmed`` of each cell."""
    if "".join(cells).isprintable():
        return [cell.strip() for cell in cells]
    return [trimmed(cell) for cell in cells]


CELLS_KEPT = 25
"""Of a row with too many cells: enough to see what was meant, few enough that one row fits into a message."""


class InvalidCell(Exception):
    """A cell breaks a rule of its column. ``code`` is a key of ``ROW_ERRORS``; the value stays out of it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def kept(cells: list[str]) -> list[str]:
    """Return what messages and ``lead_import_rows`` keep of a row's original cells.

    PostgreSQL's jsonb refuses NUL and UTF-8 has no lone surrogates.
    """
    text = "".join(cells)
    if len(cells) <= CELLS_KEPT and len(text) <= CELL_LIMIT and text.isprintable():
        return cells
    return [_UNSTORABLE.sub("", cell[:CELL_LIMIT]) for cell in cells[:CELLS_KEPT]]


def neutralised(cell: str) -> str:
    """Return the cell so that no spreadsheet runs it: with an apostrophe before a formula's first character.

    Apostrophes that already stand before one get another, so that ``restored`` gives back every cell.
    """
    return "'" + cell if _RUNS_AS_FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Take off the apostrophe that ``neutralised`` put before a formula's first character."""
    return cell[1:] if _NEUTRALISED.match(cell) else cell
