"""How a workbook's sheets are named, and which one is wanted."""

from collections.abc import Sequence

from libs.spreadsheets.unreadable import Unreadable

LONGEST_SHEET_NAME = 255
"""Characters by which a sheet is known. Excel keeps 31 of them ("Excel specifications and limits"), other programs some
more; a file may say millions."""


def sheet_name(written: str) -> str:
    """Return the name by which a sheet is known."""
    return written[:LONGEST_SHEET_NAME]


def place_of_sheet(names: Sequence[str], wanted: str | None) -> int:
    """Return which of the visible sheets is wanted. Raises Unreadable when there is none, or none of that name.

    A name that may be the beginning of several is nobody's.
    """
    if not names:
        raise Unreadable("file_broken", "The workbook has no visible sheet.")
    if wanted is None:
        return 0
    if wanted not in names or (len(wanted) == LONGEST_SHEET_NAME and names.count(wanted) > 1):
        raise Unreadable("sheet_not_found", "No visible sheet of the workbook has this name.")
    return names.index(wanted)
