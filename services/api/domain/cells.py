"""Cells as text: what surrounds a value, what may be kept of it, and formulas made harmless."""

import re

from libs.common.events.chunk import CELL_LIMIT

TRIMMED = (
    "".join(map(chr, range(0x21)))
    + "\x7f\x80\x81\x82\x83\x84\x85\x86\x87\x88\x89\x8a\x8b\x8c\x8d\x8e\x8f\x90\x91\x92\x93\x94\x95\x96\x97"
    + "\x98\x99\x9a\x9b\x9c\x9d\x9e\x9f\xa0\xad\u1680\u180e\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007"
    + "\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f"
    + "\u2060\u2061\u2062\u2063\u2064\u2065\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3000"
    + "\ufeff"
)
"""What is not seen around a value: spaces, control and zero-width characters, direction marks (which WhatsApp
puts around a copied phone), the byte order mark."""

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


CELLS_KEPT = 25
"""Of a row with too many cells: enough to see what was meant, few enough that one row fits into a message."""


class InvalidCell(Exception):
    """A cell breaks a rule of its column. ``code`` is a key of ``ROW_ERRORS``; the value stays out of it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def kept(cells: list[str]) -> list[str]:
    """Return what messages and ``lead_import_rows`` keep of a row's original cells.

    PostgreSQL's jsonb refuses NUL and UTF-8 has no lone surrogates (design, trap 8).
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
