"""What Excel adds to the ends of a CSV's lines, where it took each whole line for its first cell.

So it does where its own separator is the other one (a comma or a semicolon): once somebody has written into another
column of some rows, others are saved as wide as these. Pure.
"""

import re

_PADDING = {",": (";", 1), ";": (",", 2)}
"""By the file's separator: what stands at a line's end, and how often at least. A single comma may be a note's own."""
_MOST_COLUMNS = 1 << 14
"""Of a sheet ("Excel specifications and limits"); a row has one separator less."""


_MARKED = re.compile(r'"(?:[^"]++|"")*+"')
"""A cell in quotation marks."""


def ends_with_padding(separator: str) -> tuple[str, ...]:
    """Return how a line ends that may have such separators, for ``str.endswith``: most have none."""
    mark, least = _PADDING.get(separator, ("", 0))
    return tuple(mark * least + end for end in ("\n", "\r\n", "\r", "")) if mark else ()


def padding_of(line: str, separator: str) -> str:
    """Return the separators of another Excel that a line ends with."""
    mark, least = _PADDING.get(separator, ("", 1))
    line = line.rstrip("\r\n")
    padding = line[len(line.rstrip(mark)) :] if mark else ""
    return padding if least <= len(padding) < _MOST_COLUMNS else ""


def is_written_beside(line: str, separator: str) -> bool:
    """Tell whether a line is one cell in quotation marks to another Excel, beside which somebody has written: what is
    behind the marks is none of its cells.
    """
    mark, _ = _PADDING.get(separator, ("", 0))
    first = _MARKED.match(line) if mark else None
    return first is not None and separator in first[0] and line.startswith(mark, first.end())


def without_padding(cells: list[str], line: str, separator: str) -> list[str]:
    """Return the cells of a record whose last line this is. Of a cell in quotation marks all is its own: its line ends
    with the mark.
    """
    padding = padding_of(line, separator)
    return [*cells[:-1], cells[-1].removesuffix(padding)] if padding and cells else cells
