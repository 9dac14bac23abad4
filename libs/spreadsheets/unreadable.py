"""The one way in which a file is refused."""

from typing import Literal

UnreadableCode = Literal[
    "file_too_large",
    "file_not_spreadsheet",
    "file_encrypted",
    "file_broken",
    "file_encoding",
    "file_empty",
    "file_headers",
    "sheet_not_found",
]
"""Everything that can be wrong with a file. A code never changes its meaning; its words belong to who shows it."""


class Unreadable(Exception):
    """The file is no spreadsheet that can be read within its limits.

    ``code`` says what is wrong with it, ``detail`` the same in words for the file's owner (may be empty). Both quote
    nothing of the file but names of columns: cells may be personal data.
    """

    def __init__(self, code: UnreadableCode, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code: UnreadableCode = code
        self.detail = detail
