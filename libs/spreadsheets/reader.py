"""A file of unknown kind, judged by its bytes, becomes records: the rows below the header.

Neither the file's name nor its content type is asked: people rename files, and browsers guess.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from libs.fields.text import trimmed
from libs.spreadsheets.cell_faults import Faults
from libs.spreadsheets.columns import Columns, mapped_columns, strict_columns, width_of_ours
from libs.spreadsheets.csv_file import csv_records
from libs.spreadsheets.excel_file import ole_records, zip_records
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.file_source import FileSource
from libs.spreadsheets.formulas import restored
from libs.spreadsheets.header import check_header
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.nulls import may_hold_nulls, without_nulls
from libs.spreadsheets.unreadable import Unreadable

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_EXCEL = (b"\x09\x00\x04\x00", b"\x09\x02\x06\x00", b"\x09\x04\x06\x00", b"\x09\x08\x08\x00", b"\x09\x08\x10\x00")
"""How a workbook of Excel 2 to 95 begins that is in no other file, as scripts still write them."""
_OTHERS = (
    (b"%PDF", "a PDF document"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"RIFF", "a picture or a recording"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a program"),
    (b"#!", "a program"),
    (b"\x1f\x8b", "a packed file; unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a packed file; unpack it"),
    (b"Rar!", "a packed file; unpack it"),
    (b"BZh", "a packed file; unpack it"),
    (b"\xfd7zXZ", "a packed file; unpack it"),
    (b"\x28\xb5\x2f\xfd", "a packed file; unpack it"),
    (b"SQLite format 3", "a database"),
    (b"PAR1", "a Parquet file"),
    (b"{\\rtf", "a text document (RTF)"),
    (b"<", "a web page or XML file, whatever its name says"),
    (b"{", "a JSON file"),
    (b"[", "a JSON file"),
)
_BLANK = b" \t\r\n"
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


_FEW = 256
"""So many cells are put together before their characters are counted."""

DEFAULT_OPTIONS = FileOptions()

Record = tuple[int, list[str]]
"""A row's number, as the spreadsheet shows it, and its cells as text."""


@dataclass(frozen=True, slots=True)
class Spreadsheet:
    """A file whose header was read: good in mode ``strict``; in mode ``mapped`` a column may be missing."""

    headers: list[str]
    """The header's cells as they stand in the file, without blank ones at the right."""
    columns: Columns
    """Where the five fields stand."""
    source: FileSource
    rows: Iterator[Record]
    """The data rows, read while they are asked for. Raises Unreadable where the file turns out to be damaged."""
    faults: Faults
    """The cells that hold no value, though they are not blank; those of a row are in it when the row is yielded."""

    @property
    def separator(self) -> str | None:
        """What stands between the cells of a CSV; None for a workbook."""
        return self.source.delimiter


def read_spreadsheet(path: Path, limits: Limits, options: FileOptions = DEFAULT_OPTIONS) -> Spreadsheet:
    """Return the file's header and its ``(row number, cells)`` of each data row, as text.

    A row has a cell for each of the columns that are ``told``; of the rest of the header it has those that it has.

    Row numbers are those that a spreadsheet shows: the header is 1 when nothing stands above it. Blank rows
    are skipped and counted, also above the header. Blank cells beyond the header's last are dropped; who finds more
    than those has found a row with too many. Nothing is trimmed, but an apostrophe that ``neutralised`` put
    before a formula is taken off, and a cell is blank that holds a database's ``NULL``.

    Raises Unreadable with the code that tells the truth about the file.
    """
    faults: Faults = {}
    source = FileSource()
    records = _records(path, limits, options, source, faults)
    left = limits.max_bytes
    for number, found in records:
        left -= sum(map(len, found))
        if left < 0:
            raise _too_many_characters(limits)
        if trimmed("".join(found)):
            while not trimmed(found[-1]):
                found.pop()
            source.header_row = number
            cells = [restored(cell) for cell in found]
            if options.columns == "mapped":
                columns = mapped_columns(cells, options)
            else:
                check_header(cells[: len(cells) - width_of_ours(cells)])
                columns = strict_columns(cells)
            return Spreadsheet(cells, columns, source, _data_rows(records, columns, left, limits), faults)
    raise Unreadable("file_empty")


def is_workbook(path: Path) -> bool:
    """Tell whether a file is read as a workbook, which knows of no encoding and of no separator."""
    with path.open("rb") as file:
        return file.read(len(_OLE2)).startswith((*_ZIP, _OLE2))


def _too_many_characters(limits: Limits) -> Unreadable:
    """Return the refusal of a workbook whose file is small: a text that thousands of cells share stands there once."""
    return Unreadable("file_too_large", f"The workbook's cells hold more than {limits.max_bytes} characters.")


def _data_rows(records: Iterator[Record], columns: Columns, left: int, limits: Limits) -> Iterator[Record]:
    """``left``: characters that its rows may have."""
    width, told = columns.width, columns.told
    for number, cells in records:
        if len(cells) > _FEW and sum(map(len, cells)) > left:
            raise _too_many_characters(limits)
        text = "".join(cells)
        left -= len(text)
        if left < 0:
            raise _too_many_characters(limits)
        # Nearly every row begins with a letter or a digit, which tells without the look at all of its text.
        if not (text[:1].isalnum() or trimmed(text)):
            continue
        if len(cells) != width:
            _widen_or_narrow(cells, told, width)
        # Behind that: of a row whose cells a separator has moved, a blank at its end would hide it.
        if may_hold_nulls(text):
            cells = without_nulls(cells)  # noqa: PLW2901 - most rows have none, and stay as they are
        yield number, [restored(cell) for cell in cells] if "'" in text else cells


def _widen_or_narrow(cells: list[str], told: int, width: int) -> None:
    """Add cells that are missing of the first ``told`` and take off blank ones beyond ``width``, in place.

    More are not added: a small file with a wide header would become a large one.
    """
    cells.extend([""] * (told - len(cells)))
    while len(cells) > width and not trimmed(cells[-1]):
        cells.pop()


def _records(path: Path, limits: Limits, options: FileOptions, source: FileSource, faults: Faults) -> Iterator[Record]:
    """Return all records of the file."""
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise Unreadable("file_too_large", f"The file holds more than {limits.max_bytes} bytes.")
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_ZIP):
        return zip_records(path, limits, options.sheet, source, faults)
    if head.startswith(_OLE2):
        return ole_records(path, limits, options.sheet, source, faults)
    if head.startswith(_OLD_EXCEL):
        raise Unreadable(
            "file_not_spreadsheet", "This is a workbook of Excel 95 or before; open it and save it as XLSX."
        )
    if not head.startswith(_BYTE_ORDER_MARKS[1:]):
        start = head.removeprefix(_BYTE_ORDER_MARKS[0]).lstrip(_BLANK)
        for signature, what in _OTHERS:
            if start.startswith(signature):
                raise Unreadable("file_not_spreadsheet", f"This is {what}.")
    if options.sheet is not None:
        raise Unreadable("sheet_not_found", "A text file has no sheets.")
    return csv_records(path, limits, options, source)
