"""XLS written by hand ([MS-XLS]), record by record: as other programs than xlwt write it, and as none does."""

import struct
from collections.abc import Sequence
from pathlib import Path

from xlwt.CompoundDoc import XlsDoc

from tests.unit.spreadsheets.workbooks import HEADERS

_BIFF_8, _BIFF_5, _GLOBALS, _SHEET, _CHART = 0x0600, 0x0500, 0x0005, 0x0010, 0x0020
_IS_INTEGER = 2


def record(kind: int, body: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(body)) + body


def _place(row: int, column: int) -> bytes:
    """Return the beginning of a cell; rows and columns are counted from 0."""
    return struct.pack("<HHH", row, column, 0)


def _wide(value: str) -> bytes:
    written = value.encode("utf-16-le")
    return struct.pack("<HB", len(written) // 2, 1) + written


def text(row: int, column: int, value: str) -> bytes:
    return record(0x0204, _place(row, column) + _wide(value))


def shared(row: int, column: int, at: int) -> bytes:
    return record(0x00FD, _place(row, column) + struct.pack("<I", at))


def number(row: int, column: int, value: float) -> bytes:
    return record(0x0203, _place(row, column) + struct.pack("<d", value))


def short_number(row: int, column: int, value: int) -> bytes:
    return record(0x027E, _place(row, column) + struct.pack("<i", value << 2 | _IS_INTEGER))


def numbers(row: int, column: int, values: Sequence[int]) -> bytes:
    """Return several cells in one record."""
    each = b"".join(struct.pack("<Hi", 0, value << 2 | _IS_INTEGER) for value in values)
    return record(0x00BD, struct.pack("<HH", row, column) + each + struct.pack("<H", column + len(values) - 1))


def error(row: int, column: int, code: int) -> bytes:
    return record(0x0205, _place(row, column) + bytes([code, 1]))


def blank(row: int, column: int) -> bytes:
    return record(0x0201, _place(row, column))


def formula(row: int, column: int, value: float | str, kind: int = 0x0006, expression: bytes = b"") -> bytes:
    """Return a formula with its value; a text follows in a record of its own."""
    stored = struct.pack("<d", value) if isinstance(value, float) else b"\0" * 6 + b"\xff\xff"
    options = struct.pack("<HI", 0, 0) if kind == 0x0006 else struct.pack("<H", 0)
    written = struct.pack("<H", len(expression)) + expression
    cell = record(kind, _place(row, column) + stored + options + written)
    return cell if isinstance(value, float) else cell + text_of_formula(value)


def array(*area: int) -> bytes:
    """Return what follows the first formula of an array: its first row, its last one, its first column, its last."""
    return record(0x0221, struct.pack("<HHBBHIH", *area, 0, 0, 0))


def text_of_formula(value: str) -> bytes:
    return record(0x0207, _wide(value))


def going_on(kind: int, *pieces: bytes) -> bytes:
    """Return a record whose content goes on in further ones."""
    return record(kind, pieces[0]) + b"".join(record(0x003C, piece) for piece in pieces[1:])


def shared_texts(*pieces: bytes, count: int = 1) -> bytes:
    """Return the record of the texts that cells name by their numbers, and those that continue it."""
    return going_on(0x00FC, struct.pack("<II", count, count) + pieces[0], *pieces[1:])


def short_text(row: int, column: int, value: bytes) -> bytes:
    """Return a text of BIFF 5, in whatever code page."""
    return record(0x0204, _place(row, column) + struct.pack("<H", len(value)) + value)


def merged(*areas: tuple[int, int, int, int]) -> bytes:
    """Return cells that are merged: of each its first row, its last one, its first column and its last one."""
    return record(0x00E5, struct.pack("<H", len(areas)) + b"".join(struct.pack("<HHHH", *area) for area in areas))


def size(rows: int, columns: int) -> bytes:
    """Return what a sheet says of its size."""
    return record(0x0200, struct.pack("<IIHHH", 0, rows, 0, columns, 0))


def _begin(what: int) -> bytes:
    return record(0x0809, struct.pack("<HHHHII", _BIFF_8, what, 0, 1997, 0, _BIFF_8 & 0xFF))


def _begin_of_biff_5(what: int) -> bytes:
    return record(0x0809, struct.pack("<HHHH", _BIFF_5, what, 0, 1993))


END = record(0x000A)
CHART = _begin(_CHART) + number(1, 1, 5.0) + text(1, 2, "x") + END
"""With copies of the values that it shows, which name places of its own."""
HEADER = b"".join(text(0, column, name) for column, name in enumerate(HEADERS))


def write(path: Path, *sheets: bytes, texts: Sequence[str] | bytes = (), same: int = 1) -> Path:
    """Write a workbook of these records; all sheets but the first are hidden, and listed ``same`` times each.

    ``texts`` are those that cells name by their numbers, or their records.
    """
    begin = _begin(_GLOBALS) + record(0x0042, struct.pack("<H", 1200))
    strings = texts if isinstance(texts, bytes) else shared_texts(b"".join(map(_wide, texts)), count=len(texts))
    listed = [(0, 0), *((at, 1) for at in range(1, len(sheets)) for _ in range(same))]
    bodies = [_begin(_SHEET) + sheet + END for sheet in sheets]
    names = [f"S{place}".encode() for place in range(len(listed))]
    at = len(begin) + len(strings) + len(END) + sum(12 + len(name) for name in names)
    starts = [at + sum(map(len, bodies[:place])) for place in range(len(bodies))]
    entries = b"".join(
        record(0x0085, struct.pack("<IBBBB", starts[sheet], state, 0, len(name), 0) + name)
        for (sheet, state), name in zip(listed, names, strict=True)
    )
    with path.open("wb") as file:
        XlsDoc().save(file, begin + entries + strings + END + b"".join(bodies))
    return path


def write_biff_5(path: Path, cells: bytes, code_page: int | None, before: bytes = b"") -> Path:
    """Write a workbook of Excel 5, with these cells below the header; ``before`` are records of the whole workbook."""
    named = b"" if code_page is None else record(0x0042, struct.pack("<H", code_page))
    begin = _begin_of_biff_5(_GLOBALS) + named + before
    entry = struct.pack("<IBBB", len(begin) + 13 + len(END), 0, 0, 2) + b"S0"
    header = b"".join(short_text(0, column, name.encode()) for column, name in enumerate(HEADERS))
    with path.open("wb") as file:
        sheet = _begin_of_biff_5(_SHEET) + header + cells + END
        XlsDoc().save(file, begin + record(0x0085, entry) + END + sheet)
    return path
