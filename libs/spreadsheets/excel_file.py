"""Excel's formats: XLSX and XLSM (Office Open XML), XLS (BIFF in OLE2) and XLSB, read by calamine as text."""

import datetime as dt
import mmap
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.unreadable import Unreadable
from libs.spreadsheets.xlsx_bounds import Sheet, archive_kind, unpacks_within, visible_sheet

_ENCRYPTED_STREAMS = ("EncryptedPackage", "DataSpaces")
_WORKBOOK_STREAMS = ("Workbook", "Book")
_PANIC = "PanicException"
"""The error that a failed assertion inside calamine (Rust) is raised as. It is known by its name alone: PyO3 derives it
from BaseException and gives it no path that it could be imported from."""

_DIGITS_OF_A_DOUBLE = 1e15
"""Below it a double holds every integer, and is printed as one."""

Cell = str | float | int | bool | dt.datetime | dt.date | dt.time | dt.timedelta


def zip_records(path: Path, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(row number, cells as text)`` of the first visible sheet of an XLSX, XLSM or XLSB. Raises Unreadable."""
    kind = archive_kind(path)
    bounded = visible_sheet(path, limits) if kind == "xlsx" else None
    if bounded is None:
        unpacks_within(path, limits)
    yield from _records(path, f".{kind}", bounded)


def ole_records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(row number, cells as text)`` of the first visible sheet of an XLS. Raises Unreadable."""
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if any(content.find(stream.encode("utf-16-le")) >= 0 for stream in _ENCRYPTED_STREAMS):
            raise Unreadable("file_encrypted")
        if not any(content.find(f"{stream}\0".encode("utf-16-le")) >= 0 for stream in _WORKBOOK_STREAMS):
            raise Unreadable("file_not_spreadsheet", "This is an Office file, but no Excel workbook.")
    yield from _records(path, ".xls", None)


def _opened(path: Path, suffix: str) -> CalamineWorkbook:
    """Open the file under a name that ends in ``suffix``.

    calamine believes a path's ending, and where there is none it cannot tell a password from damage.
    """
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
        return _number_text(cell)
    return str(cell).removesuffix(" 00:00:00")


def _number_text(number: float) -> str:
    if number.is_integer() and abs(number) < _DIGITS_OF_A_DOUBLE:
        return str(int(number))
    # repr finds the shortest digits that make this double, which are those that were typed.
    text = format(Decimal(repr(number)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _records(path: Path, suffix: str, bounded: Sheet | None) -> Iterator[tuple[int, list[str]]]:
    try:
        with _opened(path, suffix) as workbook:
            index = _first_visible(workbook) if bounded is None else bounded.index
            sheet = workbook.get_sheet_by_index(index)
            if sheet.start is None:
                return
            first_column = sheet.start[1]
            before = [""] * first_column
            errors = bounded.error_texts if bounded else {}
            rows_with_errors = {row for row, _ in errors}
            for row, found in enumerate(sheet.iter_rows()):
                cells = before + [cell if cell.__class__ is str else cell_text(cell) for cell in found]
                if row in rows_with_errors:
                    cells = [errors.get((row, column), cell) for column, cell in enumerate(cells)]
                yield row + 1, cells
    except PasswordError:
        raise Unreadable("file_encrypted") from None
    except (CalamineError, OSError, ValueError, OverflowError):
        raise Unreadable("file_broken", "The workbook is damaged.") from None
    except BaseException as error:
        if type(error).__name__ == _PANIC:
            raise Unreadable("file_broken", "The workbook is damaged.") from None
        raise


def _first_visible(workbook: CalamineWorkbook) -> int:
    for index, sheet in enumerate(workbook.sheets_metadata):
        if sheet.visible == SheetVisibleEnum.Visible and sheet.typ == SheetTypeEnum.WorkSheet:
            return index
    raise Unreadable("file_broken", "The workbook has no visible sheet.")
