"""Formulas made harmless: cells of strangers must not run when somebody opens a file that holds them."""

import re

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""A cell that begins so is run as a formula by a spreadsheet (OWASP, "CSV Injection"; the last four are the
full-width forms)."""

_RUNS_AS_FORMULA = re.compile(f"'*[{re.escape(FORMULA_STARTS)}]")
_NEUTRALISED = re.compile(f"'+[{re.escape(FORMULA_STARTS)}]")


def neutralised(cell: str) -> str:
    """Return the cell so that no spreadsheet runs it: with an apostrophe before a formula's first character.

    Apostrophes that already stand before one get another, so that ``restored`` gives back every cell.
    """
    return "'" + cell if _RUNS_AS_FORMULA.match(cell) else cell


def restored(cell: str) -> str:
    """Take off the apostrophe that ``neutralised`` put before a formula's first character."""
    return cell[1:] if _NEUTRALISED.match(cell) else cell
