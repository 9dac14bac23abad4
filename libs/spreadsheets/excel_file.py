"""Excel's formats: XLSX and XLSM (Office Open XML), XLS (BIFF in OLE2) and XLSB, read as text.

Calamine reads XLSX, but reads what it cannot show as blank. What it would leave out is found beforehand, by how the
sheet is written (``xlsx_bounds``; it is then read by ``xlsx_cells``). XLS is read by ``xls_cells``, XLSB by
``xlsb_cells``.
"""

import datetime as dt
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from libs.spreadsheets.cell_faults import Faults
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.xls_cells import xls_rows
from libs.spreadsheets.xlsb_cells import xlsb_rows
from libs.spreadsheets.xlsx_bounds import Sheet, archive_kind, holds_negative, visible_sheet
from libs.spreadsheets.xlsx_cells import sheet_rows
from libs.spreadsheets.xlsx_copy import NoRoom
from libs.spreadsheets.xlsx_parts import Parts, damage_refused

_PANIC = "PanicException"
"""The error that a failed assertion inside calamine (Rust) is raised as. It is known by its name alone: PyO3 derives it
from BaseException and gives it no path that it could be imported from."""

_MIDNIGHT = " 00:00:00"

Cell = str | float | int | bool | dt.datetime | dt.date | dt.time | dt.timedelta
Records = Iterator[tuple[int, list[str]]]
"""``(row number, cells as text)``."""


class _CalamineFails(Exception):
    """Calamine does not read this workbook, or not this row of it."""


class NumberIsLost(Exception):
    """A cell is a time, which does not say which number it was; or a date and a time, which may be shown as a date.

    Of one that is shown as a duration calamine rounds it to milliseconds; of a time of day below zero it makes what it
    is above the next whole day.
    """


def zip_records(path: Path, limits: Limits, wanted: str | None, source: FileSource, faults: Faults) -> Records:
    """Yield the rows of a visible sheet of an XLSX, XLSM or XLSB; note which cells hold no value.

    ``wanted`` is the sheet's name; None: the first one. Raises Unreadable; OSError where the disk is full.
    """
    if archive_kind(path) == "xlsb":
        source.format = "xlsb"
        yield from xlsb_rows(path, limits, wanted, source, faults)
        return
    sheet, plain = _measured(path, limits, wanted)
    source.format, source.sheet, source.part = "xlsx", sheet.name, sheet.part
    source.sheets = tuple(name for name, _ in sheet.workbook.shown)
    last = 0
    if plain is not None:
        try:
            for number, cells in _plain_rows(path, sheet, plain, limits):
                yield number, cells
                last = number
        except _CalamineFails:
            # It does not tell the number that a cell holds.
            pass
        else:
            return
    for number, cells in _xml_rows(path, sheet, limits, faults):
        if number > last:
            yield number, cells


def ole_records(path: Path, limits: Limits, wanted: str | None, source: FileSource, faults: Faults) -> Records:
    """Yield the rows of a visible sheet of an XLS; note which cells hold no value.

    ``wanted`` is the sheet's name; None: the first one. Raises Unreadable.
    """
    source.format = "xls"
    yield from xls_rows(path, limits, wanted, source, faults)


def cell_text(cell: Cell) -> str:
    """Return what a person reads in the cell: numbers exactly, without ``.0`` and exponent. Raises NumberIsLost."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return number_text(cell)
    if isinstance(cell, (dt.time, dt.timedelta)) or (isinstance(cell, dt.datetime) and cell.time() != dt.time.min):
        raise NumberIsLost
    return str(cell).removesuffix(_MIDNIGHT)


def _measured(path: Path, limits: Limits, wanted: str | None) -> tuple[Sheet, CalamineSheet | None]:
    """Return a sheet of an XLSX, and as calamine has it where that reads all of it. Raises Unreadable, OSError."""
    # In the folder of the upload, whose owner removes it with all that it holds, also when this process is killed.
    with TemporaryDirectory(dir=path.parent) as folder:
        copy = Path(folder) / "sheet.xlsx"
        try:
            sheet = visible_sheet(path, limits, copy, wanted)
        except NoRoom as full:
            raise full.error from None
        try:
            return sheet, calamine_sheet(copy) if sheet.is_plain else None
        except _CalamineFails:
            # One cell that it does not know, such as a duration of a million years, makes it give up the whole file.
            return sheet, None


def calamine_sheet(copy: Path) -> CalamineSheet:
    """Return all of the one sheet in a workbook. Raises _CalamineFails."""
    with _failures(), CalamineWorkbook.from_path(copy) as workbook:
        return workbook.get_sheet_by_index(0)


@contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except (CalamineError, OSError, ValueError, OverflowError):
        raise _CalamineFails from None
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise _CalamineFails from None
        raise


def _plain_rows(path: Path, sheet: Sheet, plain: CalamineSheet, limits: Limits) -> Records:
    """Yield calamine's rows of an XLSX. Raises _CalamineFails where it does not tell a number: its XML does.

    A time of day is one where no number of the sheet is below zero.
    """
    may_be_negative = cache(partial(holds_negative, path, sheet.part, limits))

    def text(cell: Cell) -> str:
        if isinstance(cell, dt.time) and not may_be_negative():
            return str(cell)
        if isinstance(cell, dt.datetime) and not (sheet.looks.show_days and sheet.looks.show_times):
            return str(cell.date()) if sheet.looks.show_days else str(cell).removesuffix(_MIDNIGHT)
        try:
            return cell_text(cell)
        except NumberIsLost:
            raise _CalamineFails from None

    with _failures():
        yield from _rows_of(plain, text)


def _rows_of(sheet: CalamineSheet, text_of_any: Callable[[Cell], str]) -> Records:
    """Yield the rows of a sheet; ``text_of_any`` reads what ``cell_text`` does not, too."""
    if sheet.start is None:
        return
    before = [""] * sheet.start[1]
    text: Callable[[Cell], str] = cell_text
    for row, found in enumerate(sheet.iter_rows(), 1):
        try:
            cells = [cell if cell.__class__ is str else text(cell) for cell in found]
        except NumberIsLost:
            text = text_of_any
            cells = [cell if cell.__class__ is str else text(cell) for cell in found]
        yield row, before + cells if before else cells


def _xml_rows(path: Path, sheet: Sheet, limits: Limits, faults: Faults) -> Records:
    with damage_refused(), zipfile.ZipFile(path) as archive:
        yield from sheet_rows(Parts(archive, limits.max_bytes), sheet.workbook, sheet.part, limits, faults)
