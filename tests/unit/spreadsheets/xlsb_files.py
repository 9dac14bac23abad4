"""XLSB written by hand ([MS-XLSB]): no program that runs here writes it."""

import struct
import zipfile
from collections.abc import Sequence
from pathlib import Path

from tests.unit.spreadsheets.workbooks import HEADERS

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"


def record(kind: int, body: bytes = b"") -> bytes:
    """Return one record: its number and length are written in pieces of seven bits."""
    return _sevens(kind) + _sevens(len(body)) + body


def _sevens(number: int) -> bytes:
    written = bytearray()
    while number > 0x7F:
        written.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*written, number])


def wide(text: str) -> bytes:
    written = text.encode("utf-16-le")
    return struct.pack("<I", len(written) // 2) + written


def _place(column: int) -> bytes:
    return struct.pack("<II", column, 0)


def row(number: int, *cells: bytes, is_hidden: bool = False) -> bytes:
    """Return a row by the number that Excel shows, and its cells."""
    return record(0, struct.pack("<IIHBBBI", number - 1, 0, 300, 0, 0x10 * is_hidden, 0, 0)) + b"".join(cells)


def merged(first: int, last: int, column: int, last_column: int) -> bytes:
    """Return a cell that is merged over rows and columns, counted from 0."""
    return record(176, struct.pack("<IIII", first, last, column, last_column))


def text(column: int, value: str) -> bytes:
    return record(6, _place(column) + wide(value))


def shared(column: int, at: int) -> bytes:
    return record(7, _place(column) + struct.pack("<I", at))


def number(column: int, value: float) -> bytes:
    return record(5, _place(column) + struct.pack("<d", value))


def error(column: int, code: int) -> bytes:
    return record(3, _place(column) + bytes([code]))


def error_of_formula(column: int, code: int) -> bytes:
    return record(11, _place(column) + bytes([code]) + struct.pack("<HII", 0, 0, 0))


def blank(column: int) -> bytes:
    return record(1, _place(column))


def boolean(column: int, value: bool) -> bytes:
    return record(4, _place(column) + bytes([value]))


def rich_text(column: int, value: str) -> bytes:
    """Return a text that is partly bold: how it looks stands behind it."""
    return record(62, _place(column) + b"\1" + wide(value) + struct.pack("<IHH", 1, 0, 1))


def number_in_short(column: int, value: int, *, hundredths: bool = False, style: int = 0) -> bytes:
    return record(2, struct.pack("<IIi", column, style, value << 2 | 2 | hundredths))


def styled(column: int, value: float, style: int) -> bytes:
    return record(5, struct.pack("<IId", column, style, value))


def of_formula(cell: bytes) -> bytes:
    """Return the cell with a formula behind its value."""
    kind, length = cell[0], cell[1]
    assert len(cell) == 2 + length
    return record({6: 8, 5: 9, 4: 10, 3: 11}[kind], cell[2:] + struct.pack("<HII", 0, 0, 0))


def right_of_it(cell: bytes) -> bytes:
    """Return the cell as SheetJS writes it where it stands right of the one before it: without its column."""
    kind, length = cell[0], cell[1]
    assert len(cell) == 2 + length
    return record({1: 12, 2: 13, 3: 14, 4: 15, 5: 16, 6: 17, 7: 18}[kind], cell[6:])


def date_styles(formats: Sequence[str]) -> bytes:
    """Return a part of styles: style n of cells has the nth format, a code or a usual one's number."""
    own = [code for code in formats if not code.isdigit()]
    spelt = b"".join(record(44, struct.pack("<H", at) + wide(code)) for at, code in enumerate(own, 164))
    numbers = [int(code) if code.isdigit() else 164 + own.index(code) for code in formats]
    styles = b"".join(record(47, struct.pack("<HH", 0, number) + b"\0" * 12) for number in numbers)
    count = struct.pack("<I", len(own))
    usual = record(626, struct.pack("<I", 1)) + record(47, struct.pack("<HH", 0xFFFF, 14) + b"\0" * 12) + record(627)
    return (
        record(278)
        + record(615, count)
        + spelt
        + record(616)
        + usual
        + record(617, struct.pack("<I", len(formats)))
        + styles
        + record(618)
        + record(279)
    )


def write_xlsb(
    path: Path,
    *rows: bytes,
    texts: Sequence[str] | None = (),
    sheets: Sequence[int] = (0,),
    styles: bytes = b"",
    properties: bytes = b"",
    behind: bytes = b"",
) -> Path:
    """Write a workbook with our header; ``texts`` are shared, from number 5 on; ``sheets`` the states of its sheets.

    ``styles`` is that part, ``properties`` a record of the workbook, ``behind`` records of each sheet behind its rows.
    No part of shared texts is written where ``texts`` is None. All but the last sheet are empty.
    """
    strings = [*HEADERS, *(texts or ())]
    cells = [text(at, name) if texts is None else shared(at, at) for at, name in enumerate(HEADERS)]
    header = row(1, cells[0], *map(right_of_it, cells[1:])) if texts is None else row(1, *cells)
    bodies = [b""] * (len(sheets) - 1) + [header + b"".join(rows)]
    listed = b"".join(
        record(156, struct.pack("<II", state, at) + wide(f"rId{at}") + wide(f"Sheet {at}"))
        for at, state in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.bin"/>'
        for at in range(1, len(sheets) + 1)
    )
    if texts is not None:
        related += f'<Relationship Id="rS" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.bin"/>'
    if styles:
        related += f'<Relationship Id="rT" Type="{_OFFICE}/styles" Target="styles.bin"/>'
    counts = struct.pack("<II", len(strings), len(strings))
    items = b"".join(record(19, b"\0" + wide(string)) for string in strings)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="bin"'
            ' ContentType="application/vnd.ms-excel.sheet.binary.macroEnabled.main"/></Types>',
        )
        archive.writestr(
            "_rels/.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
            f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
        )
        archive.writestr("xl/workbook.bin", record(131) + properties + record(143) + listed + record(144) + record(132))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{related}</Relationships>',
        )
        if texts is not None:
            archive.writestr("xl/sharedStrings.bin", record(159, counts) + items + record(160))
        if styles:
            archive.writestr("xl/styles.bin", styles)
        for at, body in enumerate(bodies, 1):
            size = record(148, struct.pack("<IIII", 0, 20, 0, len(HEADERS) - 1))
            archive.writestr(
                f"xl/worksheets/sheet{at}.bin",
                record(129) + size + record(145) + body + record(146) + behind + record(130),
            )
    return path
