"""A live row's original cells, as messages carry them: without those that its columns spell anyway.

A message holds a row as columns (what is stored) and as cells (what stood in the file). Most cells are stored as they
stand; a message that holds those once is a third smaller, so that more rows fit into one.

Carried are the first few of ``phone, cpf, tags, email``: as many as it takes until the cells behind them, and the name,
are spelled by their columns. The order puts first what differs most often: nearly every phone loses its punctuation.
When the name differs, too, all five cells are carried, and then in the order of the file (``WIRE_COLUMNS``).
"""

from collections.abc import Sequence

MoreValue = str | bool | int | float | None
"""What a further column holds: null is an empty cell."""

CELL_LIMIT = 1_000
"""Characters that a message carries of an original cell of a live row. One that was cut has more: a mark says so."""

WIRE_COLUMNS = ("name", "phone", "cpf", "email", "tags")
"""What the cells of a row are, in the order in which messages carry them."""


def unspelled_cells(
    cells: list[str], name: str, phone: str, cpf: str | None, email: str | None, tags: Sequence[str]
) -> list[str]:
    """Return those of the five ``cells`` that the columns do not spell. ``original_cells`` undoes it."""
    if cells[0] != name:
        return cells
    if cells[3] != (email or ""):
        return [cells[1], cells[2], cells[4], cells[3]]
    if cells[4] != ", ".join(tags):
        return [cells[1], cells[2], cells[4]]
    if cells[2] != (cpf or ""):
        return [cells[1], cells[2]]
    return [] if cells[1] == phone else [cells[1]]


def original_cells(
    carried: list[str], name: str, phone: str, cpf: str | None, email: str | None, tags: Sequence[str]
) -> list[str]:
    """Return the five cells of the file, in its order."""
    if len(carried) == len(WIRE_COLUMNS):
        return carried
    spelled = (phone, cpf or "", ", ".join(tags), email or "")
    phone_cell, cpf_cell, tags_cell, email_cell = *carried, *spelled[len(carried) :]
    return [name, phone_cell, cpf_cell, email_cell, tags_cell]


def unspelled_more(cells: list[str], values: Sequence[MoreValue]) -> list[str]:
    """Return a row's ``cells`` of further columns, or none of them when their ``values`` spell all.

    A cell that was cut is spelled by its value, which says the same: notes of 10,000 characters need not be said twice.
    """
    spelled = list(map(_spelled, values))
    same = (cell == value or len(cell) > CELL_LIMIT for cell, value in zip(cells, spelled, strict=True))
    return [] if cells == spelled or all(same) else cells


def original_more(carried: list[str], values: Sequence[MoreValue]) -> list[str]:
    """Return a row's cells of further columns; of one that was cut what its value spells."""
    spelled = map(_spelled, values)
    if not carried:
        return list(spelled)
    return [value if len(cell) > CELL_LIMIT else cell for cell, value in zip(carried, spelled, strict=True)]


def _spelled(value: MoreValue) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
