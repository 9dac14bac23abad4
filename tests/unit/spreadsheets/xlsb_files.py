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
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _place(column: int) -> bytes:
    return struct.pack("<II", column, 0)


def row(number: int, *cells: bytes, is_hidden: bool = False) -> bytes:
    """Return a row by the number that Excel shows, and its cells."""
    return record(0, struct.pack("<IIHBBBI", number - 1, 0, 300, 0, 0x10 * is_hidden, 0, 0)) + b"".join(cells)


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


def write_xlsb(path: Path, *rows: bytes, texts: Sequence[str] = (), sheets: Sequence[int] = (0,)) -> Path:
    """Write a workbook with our header; ``texts`` are shared, from number 5 on; ``sheets`` the states of its sheets.

    All but the last sheet are empty.
    """
    strings = [*HEADERS, *texts]
    header = row(1, *(shared(at, at) for at in range(len(HEADERS))))
    bodies = [b""] * (len(sheets) - 1) + [header + b"".join(rows)]
    listed = b"".join(
        record(156, struct.pack("<II", state, at) + wide(f"rId{at}") + wide(f"Sheet {at}"))
        for at, state in enumerate(sheets, 1)
    )
    related = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.bin"/>'
        for at in range(1, len(sheets) + 1)
    )
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
        archive.writestr("xl/workbook.bin", record(131) + record(143) + listed + record(144) + record(132))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'<Relationships xmlns="{_PACKAGE}/relationships">{related}'
            f'<Relationship Id="rS" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.bin"/></Relationships>',
        )
        archive.writestr("xl/sharedStrings.bin", record(159, counts) + items + record(160))
        for at, body in enumerate(bodies, 1):
            size = record(148, struct.pack("<IIII", 0, 20, 0, len(HEADERS) - 1))
            archive.writestr(
                f"xl/worksheets/sheet{at}.bin",
                record(129) + size + record(145) + body + record(146) + record(130),
            )
    return path
