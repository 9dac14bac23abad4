"""What Excel adds to the ends of a CSV's lines, where it took each whole line for its first cell.

So it does where its own separator is the other one (a comma or a semicolon): once somebody has written into another
column of some rows, others are saved as wide as these. Pure.
"""

from libs.spreadsheets.open_cells import is_open, marked_cells
from libs.spreadsheets.strewn_marks import strictly_read

_PADDING = {",": (";", 1), ";": (",", 2)}
"""By the file's separator: what stands at a line's end, and how often at least. A single comma may be a note's own."""
MOST_COLUMNS = 1 << 14
"""Of a sheet ("Excel specifications and limits"); a row has one separator less."""


def mark_of_padding(separator: str) -> str:
    """Return what a line has that may end with such separators: most have none. No line has it that cannot."""
    mark, _ = _PADDING.get(separator, ("\n\n", 0))
    return mark


def padding_of(line: str, separator: str) -> str:
    """Return the separators of another Excel that a line ends with."""
    mark, least = _PADDING.get(separator, ("", 1))
    line = line.rstrip("\r\n")
    padding = line[len(line.rstrip(mark)) :] if mark else ""
    return padding if least <= len(padding) < MOST_COLUMNS else ""


def as_before(line: str, separator: str) -> str | None:
    """Return a line as it was before an Excel of the other separator read it into cells of its own, and saved those in
    marks of its own; None: no such Excel has added marks to it.
    """
    mark, _ = _PADDING.get(separator, ("", 0))
    if not mark or mark not in line:
        return None
    line = line.rstrip("\r\n")
    before = mark.join(strictly_read(line, mark) or [line])
    return before if before != line else None


def have_lost_a_mark(cells: list[str], separator: str) -> bool:
    """Tell whether in a line as it was before such an Excel two cells are one, by what is in it: a cell ended with that
    Excel's separator, and of the mark behind it, which began a cell to it, it has kept none.
    """
    mark, _ = _PADDING[separator]
    return any(mark + separator in cell for cell in cells)


def opens_beside(separator: str) -> str:
    """Return what a line has in which a cell in marks stands beside another one of such an Excel; for any other
    separator what no line has.
    """
    mark, _ = _PADDING.get(separator, ("\n", 0))
    return f'{mark}"'


def goes_on_beside(line: str, separator: str) -> bool:
    """Tell whether a line's last cell, to the Excel of the other separator, goes on below: somebody has written several
    lines beside the one that was its first cell.
    """
    mark, _ = _PADDING.get(separator, ("", 0))
    if not mark or opens_beside(separator) not in line:
        return False
    *others, last = marked_cells(line, mark, skips=False)
    return bool(others) and is_open(last)


def without_padding(cells: list[str], line: str, separator: str) -> list[str]:
    """Return the cells of a record whose last line this is. Of a cell in quotation marks all is its own: its line ends
    with the mark.
    """
    padding = padding_of(line, separator)
    return [*cells[:-1], cells[-1].removesuffix(padding)] if padding and cells else cells
