"""Excel's formats: XLSX and XLSM (Office Open XML), XLS (BIFF in OLE2) and XLSB, read as text.

Calamine reads XLSX and XLS, but reads what it cannot show as blank. What it leaves out is found beforehand: in XLSX by
how the sheet is written (``xlsx_bounds``; it is then read by ``xlsx_cells``), in XLS by its records (``xls_errors``).
XLSB is read by ``xlsb_cells``.
"""

import datetime as dt
import io
import mmap
import zipfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetMetadata,
    SheetTypeEnum,
    SheetVisibleEnum,
)

from libs.spreadsheets.cell_faults import Faults, with_faults
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xls_errors import SheetErrors, errors_of_xls
from libs.spreadsheets.xls_stream import NAMES, XlsStream, xls_stream
from libs.spreadsheets.xlsb_cells import xlsb_rows
from libs.spreadsheets.xlsx_bounds import Sheet, archive_kind, holds_negative, place_of_sheet, visible_sheet
from libs.spreadsheets.xlsx_cells import sheet_rows
from libs.spreadsheets.xlsx_parts import Parts, damage_refused

_ENCRYPTED_STREAMS = ("EncryptedPackage", "DataSpaces")
_WORKBOOK_STREAMS = (*NAMES, *map(str.upper, NAMES))
_PANIC = "PanicException"
"""The error that a failed assertion inside calamine (Rust) is raised as. It is known by its name alone: PyO3 derives it
from BaseException and gives it no path that it could be imported from."""

Cell = str | float | int | bool | dt.datetime | dt.date | dt.time | dt.timedelta
Records = Iterator[tuple[int, list[str]]]
"""``(row number, cells as text)``."""


Time = dt.time | dt.timedelta
"""What calamine makes of a number that is shown as a duration, or as a time of day, which may be one below zero: it
rounds the one to milliseconds, and takes the other for what it is above the next whole day."""
TextOfTime = Callable[[int, int, Time], str]
"""``(row number, column counted from 0, what calamine shows)``: what the cell is read as."""


class _CalamineFails(Exception):
    """Calamine does not read this workbook, or not this row of it."""


class NumberIsLost(Exception):
    """A cell is a ``Time``: it does not say which number it was."""


def zip_records(path: Path, limits: Limits, wanted: str | None, source: FileSource, faults: Faults) -> Records:
    """Yield the rows of a visible sheet of an XLSX, XLSM or XLSB; note which cells hold no value.

    ``wanted`` is the sheet's name; None: the first one. Raises Unreadable.
    """
    if archive_kind(path) == "xlsb":
        source.format = "xlsb"
        yield from xlsb_rows(path, limits, wanted, source, faults)
        return
    sheet = visible_sheet(path, limits, wanted)
    source.format, source.sheet, source.sheets, source.part = "xlsx", sheet.name, sheet.names, sheet.part
    last = 0
    if sheet.copy is not None:
        try:
            for number, cells in _plain_rows(path, sheet, sheet.copy, limits, source):
                yield number, cells
                last = number
        except _CalamineFails:
            # One cell that it does not know, such as a duration of a million years, makes it give up the whole file;
            # and we do where it does not tell the number that a cell holds.
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
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if any(content.find(stream.encode("utf-16-le")) >= 0 for stream in _ENCRYPTED_STREAMS):
            raise Unreadable("file_encrypted")
        if not any(content.find(f"{stream}\0".encode("utf-16-le")) >= 0 for stream in _WORKBOOK_STREAMS):
            raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
    source.format = "xls"
    stream = xls_stream(path)
    errors = errors_of_xls(stream.records, limits, partial(_index_of_sheet, stream, wanted))
    yield from _calamine_or_refusal(stream.as_file(errors.code_page_at), errors, source, faults)


def _opened(path: Path | bytes | io.BytesIO, suffix: str) -> CalamineWorkbook:
    """Open the file under a name that ends in ``suffix``, or its content.

    calamine believes a path's ending, and where there is none it cannot tell a password from damage.
    """
    if isinstance(path, io.BytesIO):
        return CalamineWorkbook.from_filelike(path)
    if isinstance(path, bytes):
        return CalamineWorkbook.from_filelike(io.BytesIO(path))
    if path.suffix == suffix:
        return CalamineWorkbook.from_path(path)
    # In the folder of the upload, whose owner removes it with all that it holds, also when this process is killed.
    with TemporaryDirectory(dir=path.parent) as folder:
        named = Path(folder) / f"workbook{suffix}"
        named.symlink_to(path.resolve())
        return CalamineWorkbook.from_path(named)


def cell_text(cell: Cell) -> str:
    """Return what a person reads in the cell: numbers exactly, without ``.0`` and exponent. Raises NumberIsLost."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return number_text(cell)
    if isinstance(cell, (dt.time, dt.timedelta)):
        raise NumberIsLost
    return str(cell).removesuffix(" 00:00:00")


def _plain_rows(path: Path, sheet: Sheet, copy: io.BytesIO, limits: Limits, source: FileSource) -> Records:
    """Yield calamine's rows of an XLSX. Raises _CalamineFails where it does not tell a number: its XML does.

    A time of day is one where no number of the sheet is below zero.
    """
    may_be_negative = cache(partial(holds_negative, path, sheet.part, limits))

    def text_of_time(_row: int, _column: int, shown: Time) -> str:
        if isinstance(shown, dt.timedelta) or may_be_negative():
            raise _CalamineFails
        return str(shown)

    yield from _calamine_rows(copy, ".xlsx", 0, None, source, text_of_time)


def _time_of_xls(errors: SheetErrors) -> TextOfTime:
    """Read a time of day as one, and of a duration, which is one by mistake, the digits that it is: nothing lasts here.

    So of a number below zero: no day has such a time.
    """

    def text(row: int, column: int, shown: Time) -> str:
        number = errors.numbers().get((row - 1, column))
        if number is None:
            raise _CalamineFails
        return str(shown) if isinstance(shown, dt.time) and number >= 0 else number_text(number)

    return text


def _calamine_or_refusal(workbook: bytes, errors: SheetErrors, source: FileSource, faults: Faults) -> Records:
    """Yield calamine's rows, with what is known of the cells that it shows as blank."""
    texts = errors.texts
    faults.update(errors.faults)
    last = 0
    try:
        text_of_time = _time_of_xls(errors)
        for number, cells in _calamine_rows(workbook, ".xls", errors.wanted, errors.index, source, text_of_time):
            last = number
            for column in errors.beyond_texts.get(number, ()):
                if column >= len(cells) or not cells[column]:
                    raise Unreadable(
                        "file_broken", f"Row {number} of the workbook names a text that is not in the file."
                    )
            yield number, with_faults(cells, texts[number]) if number in texts else cells
    except _CalamineFails:
        raise Unreadable("file_broken", "The workbook is damaged.") from None
    for number in sorted(number for number in texts if number > last):
        yield number, with_faults([], texts[number])


def _calamine_rows(
    path: Path | bytes | io.BytesIO,
    suffix: str,
    index: int | None,
    visible: int | None,
    source: FileSource,
    text_of_time: TextOfTime,
) -> Records:
    """Yield calamine's rows of a sheet, the first visible one where ``index`` is None. Raises _CalamineFails.

    ``visible`` is the place of the sheet that others took for the first visible one: reading another is refused.
    """
    try:
        with _opened(path, suffix) as workbook:
            if index is None:
                index = _first_visible(workbook, visible)
            if not source.sheets:
                source.sheets = _visible_names(workbook)
                source.sheet = workbook.sheet_names[index]
            yield from _rows_of(workbook.get_sheet_by_index(index), text_of_time)
    except PasswordError:
        raise Unreadable("file_encrypted") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise _CalamineFails from None
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise _CalamineFails from None
        raise


def _rows_of(sheet: CalamineSheet, text_of_time: TextOfTime) -> Records:
    if sheet.start is None:
        return
    before, has_times = [""] * sheet.start[1], False
    for row, found in enumerate(sheet.iter_rows(), 1):
        if not has_times:
            try:
                cells = [cell if cell.__class__ is str else cell_text(cell) for cell in found]
            except NumberIsLost:
                has_times = True
        if has_times:
            cells = _with_times(found, row, len(before), text_of_time)
        yield row, before + cells if before else cells


def _with_times(cells: Sequence[Cell], row: int, first: int, text_of_time: TextOfTime) -> list[str]:
    return [
        cell
        if cell.__class__ is str
        else text_of_time(row, column, cell)
        if isinstance(cell, (dt.time, dt.timedelta))
        else cell_text(cell)
        for column, cell in enumerate(cells, first)
    ]


def _index_of_sheet(stream: XlsStream, wanted: str | None) -> int | None:
    """Return the place of the sheet that is named, or None where none is."""
    if wanted is None:
        return None
    try:
        with _opened(stream.as_file(), ".xls") as workbook:
            names = _visible_names(workbook)
            return workbook.sheet_names.index(names[place_of_sheet(names, wanted)])
    except PasswordError:
        raise Unreadable("file_encrypted") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None


def _is_visible(sheet: SheetMetadata) -> bool:
    return sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet


def _visible_names(workbook: CalamineWorkbook) -> tuple[str, ...]:
    return tuple(sheet.name for sheet in workbook.sheets_metadata if _is_visible(sheet))


def _first_visible(workbook: CalamineWorkbook, expected: int | None) -> int:
    for index, sheet in enumerate(workbook.sheets_metadata):
        if _is_visible(sheet):
            if expected not in {index, None}:
                raise Unreadable("file_broken", "It is not certain which sheet of the workbook is shown first.")
            return index
    raise Unreadable("file_broken", "The workbook has no visible sheet.")


def _xml_rows(path: Path, sheet: Sheet, limits: Limits, faults: Faults) -> Records:
    with damage_refused(), zipfile.ZipFile(path) as archive:
        yield from sheet_rows(Parts(archive, limits.max_bytes), sheet.workbook, sheet.part, limits, faults)
