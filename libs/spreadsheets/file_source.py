"""How a file was read: what was found out of it, or said by the caller."""

from dataclasses import dataclass
from typing import Literal

Format = Literal["csv", "xlsx", "xls", "xlsb"]


@dataclass(slots=True)
class FileSource:
    """Filled in while the file is opened; complete once its header is read."""

    format: Format = "csv"
    codec: str | None = None
    """Python's codec of a text file."""
    delimiter: str | None = None
    """What stands between the cells of a text file; None for a workbook."""
    sheet: str | None = None
    """The name of the worksheet that is read."""
    sheets: tuple[str, ...] = ()
    """The names of all worksheets that are shown, in order."""
    part: str | None = None
    """The part of an XLSX that holds the sheet."""
    header_row: int = 0
    """The number of the header's row, which is not 1 where blank rows stand above it."""
