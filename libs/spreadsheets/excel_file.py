"""Excel's formats: XLSX and XLSM (Office Open XML), XLS (BIFF in OLE2) and XLSB, read as text.

Calamine reads XLSX and XLS, but reads what it cannot show as blank. What it leaves out is found beforehand: in XLSX by
how the sheet is written (``xlsx_bounds``; it is then read by ``xlsx_cells``), in XLS by its records (``xls_errors``).
XLSB is read by ``xlsb_cells``.
"""

import datetime as dt
import io
import mmap
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import (
    CalamineError,
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
from libs.spreadsheets.xlsx_bounds import Sheet, archive_kind, place_of_sheet, visible_sheet
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


class _CalamineFails(Exception):
    """Calamine does not read this workbook, or not this row of it."""


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
    if sheet.is_plain:
        try:
            for number, cells in _calamine_rows(path, ".xlsx", sheet.index, None, source):
                yield number, cells
                last = number
        except _CalamineFails:
            # One cell that it does not know, such as a duration of a million years, makes it give up the whole file.
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


def _opened(path: Path | bytes, suffix: str) -> CalamineWorkbook:
    """Open the file under a name that ends in ``suffix``, or its content.

    calamine believes a path's ending, and where there is none it cannot tell a password from damage.
    """
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
    """Return what a person reads in the cell: numbers exactly, without ``.0`` and exponent."""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "TRUE" if cell else "FALSE"
    if isinstance(cell, float):
        return number_text(cell)
    if isinstance(cell, dt.timedelta):
        # A number that is shown as a duration, by mistake: nothing here lasts, and its digits are what was typed.
        return number_text(cell / dt.timedelta(days=1))
    return str(cell).removesuffix(" 00:00:00")


def _calamine_or_refusal(workbook: bytes, errors: SheetErrors, source: FileSource, faults: Faults) -> Records:
    """Yield calamine's rows, with what is known of the cells that it shows as blank."""
    texts = errors.texts
    faults.update(errors.faults)
    last = 0
    try:
        for number, cells in _calamine_rows(workbook, ".xls", errors.wanted, errors.index, source):
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
    path: Path | bytes, suffix: str, index: int | None, visible: int | None, source: FileSource
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
            sheet = workbook.get_sheet_by_index(index)
            if sheet.start is None:
                return
            before = [""] * sheet.start[1]
            for row, found in enumerate(sheet.iter_rows()):
                cells = [cell if cell.__class__ is str else cell_text(cell) for cell in found]
                yield row + 1, before + cells if before else cells
    except PasswordError:
        raise Unreadable("file_encrypted") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise _CalamineFails from None
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise _CalamineFails from None
        raise


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
