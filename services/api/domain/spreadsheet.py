"""A file of unknown kind, judged by its bytes, becomes records: the rows below the header."""

from collections.abc import Iterator

from python_calamine import CalamineError, CalamineWorkbook

from libs.common.events.chunk import COLUMNS
from services.api.domain.cells import TRIMMED, restored
from services.api.domain.csv_file import csv_records
from services.api.domain.job import Limits
from services.api.domain.problems import Refused


def read_spreadsheet(path: str, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(row number, cells)`` for each data row; blank rows are skipped and counted.

    Raises Refused.
    """
    with open(path, "rb") as file:
        head = file.read(4096)
    records = excel_records(path) if head.startswith((b"PK", b"\xd0\xcf")) else csv_records(path, limits)
    header = False
    for number, cells in records:
        if not any(cell.strip(TRIMMED) for cell in cells):
            continue
        if not header:
            found = [cell.strip(TRIMMED).casefold() for cell in cells]
            while found and not found[-1]:
                found.pop()
            if found != list(COLUMNS):
                raise Refused("file_headers")
            header = True
            continue
        while len(cells) > 5 and not cells[-1].strip(TRIMMED):
            cells.pop()
        cells.extend([""] * (5 - len(cells)))
        yield number, [restored(cell) for cell in cells]
    if not header:
        raise Refused("file_empty")


def excel_records(path: str) -> Iterator[tuple[int, list[str]]]:
    try:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
    except CalamineError:
        raise Refused("file_broken") from None
    for number, row in enumerate(sheet.to_python(skip_empty_area=False), 1):
        yield (
            number,
            [str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell) for cell in row],
        )
