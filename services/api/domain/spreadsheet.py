"""A file of unknown kind, judged by its bytes, becomes records: the rows below the header.

Neither the file's name nor its content type is asked: people rename files, and browsers guess.
"""

from collections.abc import Iterator
from pathlib import Path

from libs.contracts.lead_import.internal.carried_cells import COLUMNS
from services.api.domain.cells import restored, trimmed
from services.api.domain.csv_file import csv_records
from services.api.domain.excel_file import ole_records, zip_records
from services.api.domain.header import check_header
from services.api.domain.job import Limits
from services.api.domain.problems import Refused

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_OLE2 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
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


def read_spreadsheet(path: Path, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    """Yield ``(row number, cells)`` of each data row, as text, at least five cells.

    Row numbers are those that a spreadsheet shows: the header is 1 when nothing stands above it. Blank rows
    are skipped and counted, also above the header. Blank cells beyond the fifth are dropped; who finds more
    than five cells has found a row with too many. Nothing is trimmed, but an apostrophe that our reports put
    before a formula is taken off.

    Raises Refused with the ``file_…`` code that tells the truth about the file.
    """
    records = _records(path, limits)
    for _, cells in records:
        if trimmed("".join(cells)):
            check_header(cells)
            break
    else:
        raise Refused("file_empty")
    width = len(COLUMNS)
    for number, cells in records:
        text = "".join(cells)
        if not trimmed(text):
            continue
        if len(cells) != width:
            _widen_or_narrow(cells, width)
        yield number, [restored(cell) for cell in cells] if "'" in text else cells


def _widen_or_narrow(cells: list[str], width: int) -> None:
    """Add missing cells and take off blank ones beyond ``width``, in place."""
    cells.extend([""] * (width - len(cells)))
    while len(cells) > width and not trimmed(cells[-1]):
        cells.pop()


def _records(path: Path, limits: Limits) -> Iterator[tuple[int, list[str]]]:
    size = path.stat().st_size
    if size > limits.max_bytes:
        raise Refused("file_too_large", f"The file holds more than {limits.max_bytes} bytes.")
    with path.open("rb") as file:
        head = file.read(4096)
    if head.startswith(_ZIP):
        return zip_records(path, limits)
    if head.startswith(_OLE2):
        return ole_records(path)
    if not head.startswith(_BYTE_ORDER_MARKS[1:]):
        start = head.removeprefix(_BYTE_ORDER_MARKS[0]).lstrip(_BLANK)
        for signature, what in _OTHERS:
            if start.startswith(signature):
                raise Refused("file_not_spreadsheet", f"This is {what}.")
    return csv_records(path, limits)
