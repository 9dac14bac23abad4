"""Rows of a CSV whose cells may stand under other titles than those that they were typed under.

A separator within a value has marks around that value. The Excel of the other separator, which takes the whole line for
its first cell, drops them there: ``"Souza, Maria",11912345678`` becomes ``Souza, Maria,11912345678``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from libs.spreadsheets.csv_layout import Layout
from libs.spreadsheets.csv_padding import MOST_COLUMNS

_OF_VALUES = frozenset(",;")
"""Separators that people write within values, too."""
_FEWEST_TITLES_OF_A_TORN_ONE = 3
"""Two, one of which is torn."""


@dataclass(frozen=True, slots=True)
class Widths:
    """How many cells a file's rows have."""

    widest: int
    """Of a row that is surely not shifted: those of the titles, with blank ones at the right; as many as a sheet has
    columns where they tell nothing. 0: there are no titles yet."""
    torn: int = -1
    """Of a row that is shifted where the first title had a separator in it; -1: it had none."""

    def may_be_shifted(self, cells: list[str], has_rows_of: Callable[[int], bool], *, second_has_blank: bool) -> bool:
        """Tell whether a row that is wider than its titles, or torn, may have one that was taken apart. Where its last
        cell is not blank, it is told as too long.

        ``second_has_blank``: the second cell was typed with a blank before it. ``has_rows_of`` tells whether the file
        has rows of so many cells. Where all have more than the titles, the rows
        are padded, and none is shifted. Behind a mark that nobody doubled, as in ``"TV 15", LED"``, a separator begins
        a cell that ends with a mark.
        """
        if len(cells) == self.torn:
            return not second_has_blank
        return not cells[self.widest].strip() and (
            second_has_blank
            or any(cell.endswith('"') and cell.count('"') % 2 for cell in cells[1:])
            or has_rows_of(self.widest)
        )


NO_TITLES = Widths(0)


def widths_below(titles: list[str], layout: Layout) -> Widths:
    """Return how many cells rows have below these titles; NO_TITLES where all are blank."""
    if not any(map(str.strip, titles)):
        return NO_TITLES
    if layout.width or layout.separator not in _OF_VALUES or len(titles) == 1:
        return Widths(MOST_COLUMNS)
    if not titles[1].startswith(" "):
        return Widths(len(titles))
    # Behind each separator a blank: whoever typed them does so. Behind the first alone: it is one of a title's.
    is_torn = len(titles) >= _FEWEST_TITLES_OF_A_TORN_ONE and not any(title.startswith(" ") for title in titles[2:])
    return Widths(MOST_COLUMNS, len(titles) - 1 if is_torn else -1)


def is_of_several(cell: str, separator: str) -> bool:
    """Tell whether a cell is several: two marks that stood in cells of their own, as "the same as above", are taken for
    those of one cell. Values have no tab in them; where the row is short of cells, no other separator at an end.
    """
    return cell.startswith(separator) or cell.endswith(separator) or (separator == "\t" and separator in cell)


def is_of_two_rows(cell: str) -> bool:
    """Tell whether of a cell that is several the marks stood in two rows: it begins or ends as no note does."""
    return ("\n" in cell or "\r" in cell) and cell != cell.strip("\t\r\n")
