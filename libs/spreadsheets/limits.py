"""What one file may cost."""

from dataclasses import dataclass

BYTES_PER_ROW = 4096
"""A file may hold this many bytes for each row it may hold, packed and unpacked alike."""

SMALLEST_BYTE_LIMIT = 1 << 20
"""An empty XLSX unpacks to tens of kilobytes, so a limit of few rows still allows this many bytes."""

_CELLS_FOR_ANY_FILE = 1 << 21
_CELLS_PER_ROW = 16
"""A sheet's rectangle may hold the first number of cells whatever its limits are, and the second more for each row
that the limits allow: five columns, and some that a person forgot at the right."""

EXCEL_CELL_LIMIT = 32_767
"""Characters that Excel keeps in one cell ("Excel specifications and limits")."""


def default_max_bytes(max_rows: int) -> int:
    """Return how large a file of ``max_rows`` rows may be, in bytes."""
    return max(SMALLEST_BYTE_LIMIT, BYTES_PER_ROW * max_rows)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one file may cost. ``max_bytes`` holds for the file as it is and, anew, for what it unpacks to."""

    max_rows: int = 5_000
    max_bytes: int = 0
    """0: as ``default_max_bytes`` of ``max_rows``."""
    max_cell_chars: int = EXCEL_CELL_LIMIT
    seconds: float = 30.0
    """Time for all that is done with one file; who reads it watches the clock."""

    def __post_init__(self) -> None:
        if not self.max_bytes:
            object.__setattr__(self, "max_bytes", default_max_bytes(self.max_rows))

    @property
    def rectangle(self) -> int:
        """Cells of a sheet at most, counted from the first to the last, those between, too."""
        return _CELLS_FOR_ANY_FILE + _CELLS_PER_ROW * self.max_rows
