"""Reading of files in tests: records or the refusal."""

from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import HealthCheck, settings

from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable, UnreadableCode
from libs.spreadsheets.xlsx_bounds import visible_sheet

CODES = get_args(UnreadableCode)
ANA = ["Ana", "11912345678", "", "", ""]
A_FILE_EACH = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])

Records = list[tuple[int, list[str]]]
Reader = Callable[..., Records]


def read_path(path: Path, limits: Limits | None = None) -> Records:
    return list(read_spreadsheet(path, limits or Limits()).rows)


def is_plain(path: Path, limits: Limits) -> bool:
    """Tell whether calamine reads an XLSX, and not we cell by cell."""
    return visible_sheet(path, limits, path.with_name("copy.xlsx")).is_plain


def refusal(read: Callable[..., object], *arguments: object) -> Unreadable:
    with pytest.raises(Unreadable) as caught:
        read(*arguments)
    assert caught.value.code in CODES
    return caught.value


def gives_records_or_a_refusal(path: Path) -> bool:
    try:
        return all(number > 1 and len(cells) >= len(FILE_COLUMNS) for number, cells in read_path(path))
    except Unreadable as unreadable:
        return unreadable.code in CODES
