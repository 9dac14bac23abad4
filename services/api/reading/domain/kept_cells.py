"""What is kept of an upload's cells as they stood in the file, beside the values that were made of them."""

from libs.contracts.lead_import.internal.messages import CELL_LIMIT
from libs.fields.text import without_unstorable
from libs.spreadsheets.columns import MOST_TOLD, header_told

CELLS_KEPT = 25
"""Of a row with too many cells: enough to see what was meant, few enough that one row fits into a message."""


def kept(cells: list[str], most: int = CELLS_KEPT) -> list[str]:
    """Return what messages and ``lead_import_rows`` keep of a row's original cells."""
    text = "".join(cells)
    if len(cells) <= most and len(text) <= CELL_LIMIT and text.isprintable():
        return cells
    return [without_unstorable(cell[:CELL_LIMIT]) for cell in cells[:most]]


def kept_headers(headers: list[str]) -> list[str]:
    """Return what an import keeps of its file's header: at most ``MOST_TOLD`` cells, as they are told."""
    return list(map(header_told, headers[:MOST_TOLD]))


SHOWN_LIMIT = 300
"""Characters of a cell that a preview shows."""


def shown(cell: str) -> str:
    """Return what a preview shows of a cell."""
    return without_unstorable(cell[:SHOWN_LIMIT])
