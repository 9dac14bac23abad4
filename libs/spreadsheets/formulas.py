"""Formulas made harmless: cells of strangers must not run when somebody opens a file that holds them."""

import re

FORMULA_STARTS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"
"""A cell that begins so is run as a formula by a spreadsheet (OWASP, "CSV Injection"; the last four are the
full-width forms)."""

_SEPARATORS = ",;\t\r\n"
"""What may end a cell of a CSV, for one program or another: in half of the world Excel divides lines at semicolons, in
the other half at commas, so that each reads the other's files in pieces."""

_UNSEEN = "\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u200b-\\u200f\\u2060\\ufeff\\ufffe"
"""Characters that a program may drop before it looks at a cell."""

_BEGINS_A_FORMULA = f"(?<![^{_SEPARATORS}])(?=[\"'{_UNSEEN}]*[{re.escape(FORMULA_STARTS)}])"
"""Where a cell begins for whoever divides the text at any separator, marks around it or not."""
_RUNS_AS_FORMULA = re.compile(_BEGINS_A_FORMULA)
_NEUTRALISED = re.compile(_BEGINS_A_FORMULA.replace("(?=", "'(?="))


def neutralised(cell: str) -> str:
    """Return the cell so that no spreadsheet runs any part of it: with an apostrophe wherever a formula could begin.

    Apostrophes that already stand there get another, so that ``restored`` gives back every cell.
    """
    return _RUNS_AS_FORMULA.sub("'", cell)


def restored(cell: str) -> str:
    """Take off the apostrophes that ``neutralised`` put before formulas."""
    return _NEUTRALISED.sub("", cell) if "'" in cell else cell
