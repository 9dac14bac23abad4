"""Which of a workbook's parts is its sheet, where two may be meant."""

import struct
import zipfile
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.sheet_names import LONGEST_SHEET_NAME
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import is_plain, read_path, refusal
from tests.unit.spreadsheets.workbooks import HEADER, row, write_xlsb, write_xlsx

OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def of_two_sheets(path: Path, *, listed: str, related: str) -> Path:
    """Write a workbook whose first part holds Bia, and whose second one Ana."""
    other = HEADER + row(2, "Bia")
    parts = {
        "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{listed}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f"<Relationships>{related}</Relationships>",
        "xl/worksheets/sheet1.xml": f'<worksheet xmlns="{MAIN}"><sheetData>{other}</sheetData></worksheet>',
    }
    return write_xlsx(path, HEADER + row(2, "Ana"), sheets={"One": "visible", "Two": "visible"}, parts=parts)


def related(number: int, name: str, more: str = "") -> str:
    return f'<Relationship Id="{name}" Type="{OFFICE}/worksheet" Target="worksheets/sheet{number}.xml"{more}/>'


@pytest.mark.parametrize(
    "listed",
    [
        '<sheet name="A" sheetId="1" state="hidden" r:id="a"/><sheet name="A" sheetId="2" r:id="b"/>',
        '<sheet name="A" sheetId="1" r:id="b"/><sheet name="A" sheetId="2" r:id="a"/>',
        '<sheet name="A" sheetId="1" r:id="a" x:id="b"/>',
        '<sheet name="B" sheetId="1" state="visible" x:state="hidden" r:id="a"/><sheet name="A" sheetId="2" r:id="b"/>',
    ],
)
def test_a_sheet_is_the_one_that_is_shown_however_others_are_named(tmp_path: Path, listed: str) -> None:
    path = of_two_sheets(tmp_path / "upload", listed=listed, related=related(1, "a") + related(2, "b"))
    assert is_plain(path, Limits())
    assert [cells[0] for _, cells in read_path(path)] == ["Ana"]


@pytest.mark.parametrize("more", ["", ' TargetMode="External"'])
def test_parts_that_have_one_name_refuse_the_file(tmp_path: Path, more: str) -> None:
    path = of_two_sheets(
        tmp_path / "upload",
        listed='<sheet name="A" sheetId="1" r:id="a"/>',
        related=related(1, "a") + related(2, "a", more),
    )
    with pytest.raises(Unreadable, match="unusual names"):
        read_path(path)


def test_a_part_is_known_by_its_name_whatever_it_is_called_besides(tmp_path: Path) -> None:
    """An archive may say the name once more, in Unicode ([APPNOTE.TXT] 4.6.9). Some programs go by the second one."""
    path = write_xlsx(tmp_path / "upload")
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo("other.xml")
        name = struct.pack("<BI", 1, zlib.crc32(b"other.xml")) + b"xl/worksheets/sheet1.xml"
        info.extra = struct.pack("<HH", 0x7075, len(name)) + name
        archive.writestr(info, f'<worksheet xmlns="{MAIN}"><sheetData>{HEADER}{row(2, "Bia")}</sheetData></worksheet>')
    assert [cells[0] for _, cells in read_path(path)] == ["Ana"]


LONG = "x" * LONGEST_SHEET_NAME


def xlsx_of(path: Path, names: Sequence[str]) -> Path:
    return write_xlsx(path, sheets=dict.fromkeys(names, "visible"))


def xlsb_of(path: Path, names: Sequence[str]) -> Path:
    return write_xlsb(path, {(1, 0): "Ana", (1, 1): "11912345678"}, sheets=dict.fromkeys(names, True))


@pytest.mark.parametrize("write", [xlsx_of, xlsb_of])
@pytest.mark.parametrize("last", [LONG, LONG + "a", LONG + "\\" * 900_000])
def test_a_sheet_of_a_long_name_is_known_by_its_beginning(
    tmp_path: Path, write: Callable[[Path, Sequence[str]], Path], last: str
) -> None:
    path = write(tmp_path / "upload", ["One", last])
    read = read_spreadsheet(path, Limits(), FileOptions(sheet=LONG))
    assert (read.source.sheets, read.source.sheet) == (("One", LONG), LONG)
    assert [cells[0] for _, cells in read.rows] == ["Ana"]


@pytest.mark.parametrize("write", [xlsx_of, xlsb_of])
@pytest.mark.parametrize(("first", "wanted"), [(LONG + "b", LONG), ("One", LONG + "a"), ("One", LONG[1:])])
def test_a_name_that_may_be_anothers_is_no_sheets(
    tmp_path: Path, write: Callable[[Path, Sequence[str]], Path], first: str, wanted: str
) -> None:
    path = write(tmp_path / "upload", [first, LONG + "a"])
    assert refusal(lambda: read_spreadsheet(path, Limits(), FileOptions(sheet=wanted))).code == "sheet_not_found"
