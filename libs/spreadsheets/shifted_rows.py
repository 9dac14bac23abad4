"""Rows of a CSV whose cells may stand under other titles than those that they were typed under."""

from libs.spreadsheets.csv_layout import Layout
from libs.spreadsheets.csv_padding import MOST_COLUMNS

_OF_VALUES = frozenset(",;")
"""Separators that people write within values, too."""


def widest(titles: list[str], layout: Layout) -> int:
    """Return how many cells a row has at most that is surely not shifted: those of the header, with blank ones at the
    right; as many as a sheet has columns where that tells nothing. 0: the record is blank.
    """
    if not any(map(str.strip, titles)):
        return 0
    has_titles = not layout.width and layout.separator in _OF_VALUES and len(titles) > 1
    return len(titles) if has_titles and not titles[1].startswith(" ") else MOST_COLUMNS


def may_be_shifted(cells: list[str], widest: int, line: str, layout: Layout) -> bool:
    """Tell whether a row with more cells than the header may have one that was taken apart. Where its last cell is not
    blank, it is told as too long.

    A separator in the first cell, as in ``Souza, Maria``, has no marks around it where the Excel of the other separator
    dropped them. Behind a mark that nobody doubled, as in ``"TV 15", LED"``, it begins a cell that ends with a mark. A
    row may also have more than the header because it is padded: Excel pads sixteen rows alike.
    """
    if cells[widest].strip() or not any(map(str.strip, cells)):
        return False
    # Where blanks before marks are part of no value, that of the second cell tells nothing.
    typed = line.replace('""', '"') if layout.whole_lines else line
    begins = typed.lstrip('"').startswith(f"{cells[0]}{layout.separator} ") and not layout.blanks_before_marks
    between = f"{layout.separator}{{}}{layout.separator}".format
    return (
        begins
        or (cells[1].startswith(" ") and f"{layout.separator}{cells[1]}" in typed)
        or any(cell.endswith('"') and cell.count('"') % 2 and between(cell) in typed for cell in cells[1:])
    )


def is_of_several(cell: str, separator: str) -> bool:
    """Tell whether a cell of a row that is short of cells is several: two marks that stood in cells of their own, as
    "the same as above", are taken for those of one cell. Values have no tab in them, and no other separator at an end.
    """
    return cell.startswith(separator) or cell.endswith(separator) or (separator == "\t" and separator in cell)


def are_of_two_rows(cells: list[str]) -> bool:
    """Tell whether in a file of tabs marks that stood in cells of their own, in two rows, are taken for those of cells:
    one between two of a row, and one from a row's end to a lower row's tab.
    """
    return any(cell.startswith("\t") and cell.endswith("\t") for cell in cells) and any(
        cell.startswith(("\n", "\r")) and cell.endswith("\t") for cell in cells
    )
