"""What is kept of an upload's cells as they stood in the file, beside the values that were made of them."""

from libs.contracts.lead_import.internal.carried_cells import CELL_LIMIT
from libs.fields.text import is_storable, trimmed, without_unstorable
from libs.spreadsheets.columns import MOST_TOLD, header_told
from libs.spreadsheets.cut_cells import cut, left_out

CELLS_KEPT = 25
"""Of a row with too many cells: enough to see what was meant, few enough that one row fits into a message."""
LONGEST_KEPT = 16_000
"""Characters that are kept of a cell of a row that ends as its file is read. Notes have 10,000 at most, and a few more
as they stand in a file; and a cell of Excel has room for an apostrophe before each of these."""
ROW_KEPT = 80_000
"""Characters of all cells of such a row, so that it fits into a message whatever they are. All that fields take comes
to 62,000. Of a longer row ``CELL_LIMIT`` are kept of each cell, as of every row that may still become a lead."""


def kept(cells: list[str], most: int = CELLS_KEPT, longest: int = CELL_LIMIT) -> list[str]:
    """Return what messages and ``lead_import_rows`` keep of a row's original cells: of one of more than ``longest``
    characters its beginning, and of more than ``most`` cells these, with the mark of what was cut.
    """
    text = "".join(cells)
    if len(cells) <= most and len(text) <= longest and text.isprintable():
        return cells
    some = list(map(without_unstorable, cells[:most]))
    if sum(map(len, some)) > ROW_KEPT:
        longest = CELL_LIMIT
    short = [cell if len(cell) <= longest else _shortened(cell, longest) for cell in some]
    return [*short, left_out(len(cells) - most)] if len(cells) > most else short


def all_kept(rows: list[list[str]]) -> list[list[str]]:
    """Return ``kept`` of each row: nearly always the rows, of which it is asked at once whether they can stay."""
    texts = list(map("".join, rows))
    longest, most = max(map(len, texts), default=0), max(map(len, rows), default=0)
    if longest <= CELL_LIMIT and most <= CELLS_KEPT and is_storable("".join(texts)):
        return rows
    return [kept(cells) for cells in rows]


def _shortened(cell: str, longest: int) -> str:
    # Blanks around a value, and how its lines end, are no part of it.
    return cut(trimmed(cell).replace("\r\n", "\n"), longest)


def kept_headers(headers: list[str]) -> list[str]:
    """Return what an import keeps of its file's header: at most ``MOST_TOLD`` cells, as they are told."""
    return list(map(header_told, headers[:MOST_TOLD]))


SHOWN_LIMIT = 300
"""Characters of a cell that a preview shows; one that it cuts bears the mark of it."""


def shown(cell: str, most: int = SHOWN_LIMIT) -> str:
    """Return what a preview shows of a cell."""
    return without_unstorable(cut(cell, min(most, SHOWN_LIMIT)))
