"""Signs that a person sees a sheet otherwise than it is read.

They stand by themselves because each format's reader names them, and who asks the readers imports those.
"""

from typing import Final, Literal, get_args

Sign = Literal["hidden_rows", "merged_cells"]
HIDDEN_ROWS: Final = "hidden_rows"
MERGED_CELLS: Final = "merged_cells"
ALL_SIGNS: Final = frozenset(get_args(Sign))


def lose_a_value(first: int, last: int, header_row: int) -> bool:
    """Tell whether cells that are merged from row to row show a value beside rows that do not have it.

    What begins above the rows of leads, or in the header, is a title: no lead should have it.
    """
    return header_row < first < last
