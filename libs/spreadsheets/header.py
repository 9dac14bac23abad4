"""The first record must name the five columns; if it does not, people are told what is wrong with it."""

import re
from difflib import get_close_matches

from libs.fields.text import trimmed
from libs.spreadsheets.unreadable import Unreadable

FILE_COLUMNS = ("name", "phone", "cpf", "email", "tags")
"""What the header of a file must be: these names, in this order."""

_SEPARATED = re.compile(r"[,;\t]")
_MOST_NAMES = 50
"""Cells of a wrong header that people are told about: comparing takes time, and nobody reads more."""

_IN_OTHER_WORDS = {
    "nome": "name",
    "nome completo": "name",
    "telefone": "phone",
    "celular": "phone",
    "fone": "phone",
    "whatsapp": "phone",
    "e-mail": "email",
    "mail": "email",
    "etiqueta": "tags",
    "etiquetas": "tags",
    "tag": "tags",
}


def check_header(cells: list[str]) -> None:
    """Raise Unreadable with ``file_headers`` unless the cells are the five names in order.

    Names are compared trimmed and case-folded; blank cells at the right do not matter.
    """
    typed = [trimmed(cell) for cell in cells]
    while typed and not typed[-1]:
        typed.pop()
    found = [cell.casefold() for cell in typed]
    if found != list(FILE_COLUMNS):
        raise Unreadable(
            "file_headers", _all_in_one_cell(found) or " ".join(_faults(typed[:_MOST_NAMES], found[:_MOST_NAMES]))
        )


def _all_in_one_cell(found: list[str]) -> str | None:
    """Say what to do where one cell holds the whole header, as it does when Excel opened a CSV of another country."""
    if len(found) == 1 and len({trimmed(name) for name in _SEPARATED.split(found[0])} & set(FILE_COLUMNS)) > 1:
        return (
            "All columns stand in one cell. In Excel, select column A and choose Data, Text to Columns; or send the"
            " file that was there before."
        )
    return None


def _faults(typed: list[str], found: list[str]) -> list[str]:
    """Return sentences about names that were ``found``, case-folded; they are told as ``typed``: people look for them.

    A cell is quoted only when it is a known name or almost one: it may be personal data.
    """
    known = [name for name in found if name in FILE_COLUMNS]
    if not known and not any(_meant(cell) for cell in found):
        return ["The first row does not hold the names of the columns."]
    if sorted(found) == sorted(FILE_COLUMNS):
        return ["The columns are out of order."]
    faults = []
    misspelt = {_meant(cell) for cell in found} - set(known)
    for place, cell in enumerate(found, 1):
        meant = _meant(cell)
        if cell in FILE_COLUMNS:
            if cell in found[: place - 1]:
                faults.append(f"Column {place} repeats {typed[place - 1]!r}.")
        elif not cell:
            faults.append(f"Column {place} has no name.")
        elif meant and meant not in known:
            faults.append(f"Column {place} is {typed[place - 1]!r} and should be {meant!r}.")
        else:
            faults.append(f"Column {place} is not one of the five.")
    missing = [name for name in FILE_COLUMNS if name not in found and name not in misspelt]
    if missing:
        faults.append("Missing: " + ", ".join(missing) + ".")
    return faults[:8]


def _meant(cell: str) -> str | None:
    """Return the column that a misspelt or translated name stands for."""
    if cell in _IN_OTHER_WORDS:
        return _IN_OTHER_WORDS[cell]
    return next(iter(get_close_matches(cell[:20], FILE_COLUMNS, n=1, cutoff=0.7)), None)
