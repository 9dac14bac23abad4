"""A live row's original cells, as messages carry them: without those that its columns spell anyway.

Most cells of a file are stored as they stand; a message that holds them once is a third smaller, so that more rows
fit into one. What is left out are the last of ``phone, cpf, tags, email, name``, in the order in which cells
usually differ from what is stored. Five cells are those of the file, in its order.
"""

from collections.abc import Sequence

WIRE_COLUMNS = ("name", "phone", "cpf", "email", "tags")
"""What the cells of a row are, in the order in which messages carry them."""


def unspelled_cells(
    cells: list[str], name: str, phone: str, cpf: str | None, email: str | None, tags: Sequence[str]
) -> list[str]:
    """Return what of the five ``cells`` must be carried beside the columns. ``original_cells`` undoes it."""
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
