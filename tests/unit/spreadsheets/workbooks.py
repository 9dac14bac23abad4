"""Workbooks written by hand, for what no program writes: hostile, odd and damaged ones."""

import struct
import zipfile
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NewType

import xlwt

HEADERS = ["name", "phone", "cpf", "email", "tags"]

_DECLARATION = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_CONTENT_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"


def cell(reference: str, text: str) -> str:
    return f'<c r="{reference}" t="inlineStr"><is><t>{text}</t></is></c>'


def row(number: int, *cells: str) -> str:
    """Return a row of inline strings, from column A on."""
    return f'<row r="{number}">{"".join(cell(f"{chr(65 + at)}{number}", text) for at, text in enumerate(cells))}</row>'


HEADER = row(1, *HEADERS)
LEAD = row(2, "Ana", "11912345678")


def write_xlsx(
    path: Path,
    rows: str = HEADER + LEAD,
    *,
    shared_strings: str = "",
    styles: str = "",
    prolog: str = "",
    sheets: Mapping[str, str] | None = None,
    parts: Mapping[str, str] | None = None,
    properties: str = "",
    behind: str = "",
    compression: int = zipfile.ZIP_DEFLATED,
) -> Path:
    """Write a workbook whose sheets hold ``rows``, the XML within ``sheetData``.

    ``shared_strings`` and ``styles`` are the XML within ``sst`` and ``styleSheet``.

    ``sheets`` are names with states ("visible", "hidden"); all but the last are empty. ``parts`` are entries of the
    archive, further ones or instead of ours; ``properties`` are elements of the workbook, behind the list of sheets,
    and ``behind`` those of each sheet behind its rows.
    """
    states = list((sheets or {"Leads": "visible"}).items())
    numbered = list(enumerate(states, 1))
    relationships = "".join(
        f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.xml"/>'
        for at, _ in numbered
    )
    if shared_strings:
        relationships += f'<Relationship Id="rS" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.xml"/>'
    if styles:
        relationships += f'<Relationship Id="rSt" Type="{_OFFICE}/styles" Target="styles.xml"/>'
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" state="{state}" r:id="rId{at}"/>' for at, (name, state) in numbered
    )
    overrides = "".join(
        f'<Override PartName="/xl/worksheets/sheet{at}.xml" ContentType="{_CONTENT_TYPE}.worksheet+xml"/>'
        for at, _ in numbered
    )
    written = {
        "[Content_Types].xml": f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_CONTENT_TYPE}.sheet.main+xml"/>{overrides}</Types>',
        "_rels/.rels": f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
        f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_DECLARATION}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}">'
        f"<sheets>{listed}</sheets>{properties}</workbook>",
        "xl/_rels/workbook.xml.rels": f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">'
        f"{relationships}</Relationships>",
    }
    for at, _ in numbered:
        content = rows if at == len(numbered) else ""
        written[f"xl/worksheets/sheet{at}.xml"] = (
            f'{_DECLARATION}{prolog}<worksheet xmlns="{_MAIN}"><sheetData>{content}</sheetData>{behind}</worksheet>'
        )
    if shared_strings:
        written["xl/sharedStrings.xml"] = f'{_DECLARATION}<sst xmlns="{_MAIN}">{shared_strings}</sst>'
    if styles:
        written["xl/styles.xml"] = f'{_DECLARATION}<styleSheet xmlns="{_MAIN}">{styles}</styleSheet>'
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, part in (written | dict(parts or {})).items():
            archive.writestr(name, part)
    return path


def write_xls(path: Path, rows: Mapping[tuple[int, int], object]) -> Path:
    """Write an XLS with the given values by row and column, counted from 0, below the header."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    for (at, column), value in rows.items():
        sheet.write(at, column, value)
    book.save(str(path))
    return path


ErrorCode = NewType("ErrorCode", int)
"""Of a cell of an XLSB that shows an error."""

_XLSB_ROW, _XLSB_ERROR, _XLSB_NUMBER, _XLSB_TEXT, _XLSB_SHARED_TEXT, _XLSB_ERROR_OF_A_FORMULA = 0, 3, 5, 6, 7, 11
_XLSB_SHEET, _XLSB_DIMENSIONS = 156, 148


def _xlsb_record(kind: int, body: bytes = b"") -> bytes:
    """Return a record: its kind and length in groups of seven bits ([MS-XLSB] 2.1.4)."""
    written = bytes([kind]) if kind < 1 << 7 else bytes([kind & 0x7F | 0x80, kind >> 7])
    length = len(body)
    while length >= 1 << 7:
        written += bytes([length & 0x7F | 0x80])
        length >>= 7
    return written + bytes([length]) + body


def _xlsb_text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def _xlsb_cell(
    column: int, value: str | float | ErrorCode, shared: dict[str, int] | None, *, of_formula: bool
) -> bytes:
    place = struct.pack("<II", column, 0)
    if isinstance(value, str) and shared is not None:
        return _xlsb_record(_XLSB_SHARED_TEXT, place + struct.pack("<I", shared.setdefault(value, len(shared))))
    if isinstance(value, str):
        return _xlsb_record(_XLSB_TEXT, place + _xlsb_text(value))
    if isinstance(value, float):
        return _xlsb_record(_XLSB_NUMBER, place + struct.pack("<d", value))
    formula = struct.pack("<HII", 0, 0, 0) if of_formula else b""
    return _xlsb_record(_XLSB_ERROR_OF_A_FORMULA if of_formula else _XLSB_ERROR, place + bytes([value]) + formula)


def write_xlsb(
    path: Path,
    rows: Mapping[tuple[int, int], str | float | ErrorCode],
    *,
    header: Sequence[str] = HEADERS,
    of_formulas: Collection[tuple[int, int]] = (),
    sheets: Mapping[str, bool] | None = None,
    shares_texts: bool = False,
) -> Path:
    """Write an XLSB as Excel lays it out, with values by row and column, counted from 0, below the header.

    ``of_formulas`` are the places of errors that formulas gave. ``sheets`` are names and whether they are shown; all
    but the last are empty. ``shares_texts``: texts stand in a part of their own, as Excel writes them.
    """
    shared: dict[str, int] | None = {} if shares_texts else None
    shown = list((sheets or {"Leads": True}).items())
    cells = {(0, column): name for column, name in enumerate(header)} | dict(rows)
    numbers = sorted({row for row, _ in cells})
    content = _xlsb_record(_XLSB_DIMENSIONS, struct.pack("<IIII", 0, max(numbers), 0, max(at for _, at in cells)))
    content = _xlsb_record(129) + content + _xlsb_record(145)
    for number in numbers:
        content += _xlsb_record(_XLSB_ROW, struct.pack("<IIHHBI", number, 0, 300, 0, 0, 0))
        for (row_at, column), value in sorted(cells.items()):
            if row_at == number:
                content += _xlsb_cell(column, value, shared, of_formula=(row_at, column) in of_formulas)
    empty = _xlsb_record(129) + _xlsb_record(145) + _xlsb_record(146) + _xlsb_record(130)
    workbook = _xlsb_record(131) + _xlsb_record(143)
    relationships = ""
    written = {}
    for at, (name, is_shown) in enumerate(shown, 1):
        place = struct.pack("<II", 0 if is_shown else 1, at)
        workbook += _xlsb_record(_XLSB_SHEET, place + _xlsb_text(f"rId{at}") + _xlsb_text(name))
        relationships += f'<Relationship Id="rId{at}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{at}.bin"/>'
        is_last = at == len(shown)
        written[f"xl/worksheets/sheet{at}.bin"] = content + _xlsb_record(146) + _xlsb_record(130) if is_last else empty
    if shared is not None:
        relationships += f'<Relationship Id="rS" Type="{_OFFICE}/sharedStrings" Target="sharedStrings.bin"/>'
        texts = b"".join(_xlsb_record(19, b"\0" + _xlsb_text(text)) for text in shared)
        count = struct.pack("<II", len(shared), len(shared))
        written["xl/sharedStrings.bin"] = _xlsb_record(159, count) + texts + _xlsb_record(160)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", f'{_DECLARATION}<Types xmlns="{_PACKAGE}/content-types"/>')
        archive.writestr(
            "_rels/.rels",
            f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1" '
            f'Type="{_OFFICE}/officeDocument" Target="xl/workbook.bin"/></Relationships>',
        )
        archive.writestr("xl/workbook.bin", workbook + _xlsb_record(144) + _xlsb_record(132))
        archive.writestr(
            "xl/_rels/workbook.bin.rels",
            f'{_DECLARATION}<Relationships xmlns="{_PACKAGE}/relationships">{relationships}</Relationships>',
        )
        for name, part in written.items():
            archive.writestr(name, part)
    return path


def rename_ole_stream(path: Path, old: str, new: str) -> Path:
    """Give a stream of an OLE2 file another name, as long as 31 characters."""
    content = bytearray(path.read_bytes())
    at = content.index(old.encode("utf-16-le"))
    name = f"{new}\0".encode("utf-16-le")
    content[at : at + 64] = name.ljust(64, b"\0")
    content[at + 64 : at + 66] = struct.pack("<H", len(name))
    path.write_bytes(content)
    return path
