"""Whether a CSV's line whose quotation marks are strewn may end amid a cell, which goes on in the line below.

Pure. Read as a row of its own such a line is torn from its other half, which would become another row. What is asked
for are cells as they stand in a line, with their marks.
"""

import re
from collections.abc import Sequence
from functools import cache

_NEVER_CLOSED = re.compile('"(?:[^"]++|"")*+')
_WELL_CLOSED = re.compile('"(?:[^"]++|"")*+"')


def marked_cells(line: str, separator: str, *, skips: bool) -> list[str]:
    """Return the cells of a line, divided as ``csv.reader`` divides them when it is not strict: what follows a mark
    that closes a cell is part of it, up to the next separator. ``skips``: blanks before a mark are not part of it.
    """
    *cells, last = _cell(separator, skips).findall(line)
    return [*cells, last.rstrip("\r\n")]


def is_open(last: str) -> bool:
    """Tell whether the last cell of a line has its end below, because no mark in its line can be that end."""
    return _NEVER_CLOSED.fullmatch(last) is not None


def goes_on_below(line: str, separator: str) -> bool:
    """Tell whether a line's last cell has its end below."""
    return is_open(marked_cells(line, separator, skips=False)[-1])


def may_go_on(last: str) -> bool:
    """Tell whether the last cell of a line may have its end below: which of its marks are stray, nobody can tell."""
    return last.startswith('"') and not _WELL_CLOSED.fullmatch(last)


def has_an_end(cells: Sequence[str]) -> bool:
    """Tell whether one of the cells of a line looks like the end of one that began above: it has a mark at its end, and
    none that opens it.
    """
    return any(cell.endswith('"') and not cell.startswith('"') and cell.count('"') % 2 for cell in cells)


@cache
def _cell(separator: str, skips: bool) -> re.Pattern[str]:  # noqa: FBT001 - a part of the key
    separator = re.escape(separator)
    blanks = " *+" if skips else ""
    return re.compile(rf'(?:\A|{separator}){blanks}((?:"(?:[^"]++|"")*+"?)?[^{separator}]*+)')
