"""What is kept of an upload's cells as they stood in the file, beside the values that were made of them."""

import re

from libs.contracts.lead_import.internal.messages import CELL_LIMIT

CELLS_KEPT = 25
"""Of a row with too many cells: enough to see what was meant, few enough that one row fits into a message."""
HEADERS_KEPT = 50
HEADER_LIMIT = 255
"""Characters of a header's cell."""

_NOT_IN_JSONB = re.compile("[\x00\ud800-\udfff]")
"""PostgreSQL's jsonb refuses NUL, and UTF-8 has no lone surrogates."""


def kept(cells: list[str], most: int = CELLS_KEPT) -> list[str]:
    """Return what messages and ``lead_import_rows`` keep of a row's original cells."""
    text = "".join(cells)
    if len(cells) <= most and len(text) <= CELL_LIMIT and text.isprintable():
        return cells
    return [_NOT_IN_JSONB.sub("", cell[:CELL_LIMIT]) for cell in cells[:most]]


def kept_headers(headers: list[str]) -> list[str]:
    """Return what an import keeps of its file's header: at most 50 cells, each cut to 255 characters."""
    return [_NOT_IN_JSONB.sub("", header)[:HEADER_LIMIT] for header in headers[:HEADERS_KEPT]]


SHOWN_LIMIT = 300
"""Characters of a cell that a preview shows."""


def shown(cell: str) -> str:
    """Return what a preview shows of a cell."""
    return _NOT_IN_JSONB.sub("", cell[:SHOWN_LIMIT])
