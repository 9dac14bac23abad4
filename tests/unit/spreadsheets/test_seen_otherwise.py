"""What a person sees in a sheet otherwise than it is read is found, in each of Excel's formats."""

from pathlib import Path

import pytest
import xlwt

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.seen_otherwise import seen_otherwise
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets import xlsb_files as xlsb
from tests.unit.spreadsheets.workbooks import HEADER, LEAD, row, write_xlsx


@pytest.mark.parametrize("kind", ["xlsx", "xls", "xlsb"])
@pytest.mark.parametrize("hidden", [True, False])
def test_hidden_rows_are_seen(tmp_path: Path, kind: str, hidden: bool) -> None:
    path = tmp_path / "upload"
    if kind == "xls":
        book = xlwt.Workbook()
        book.add_sheet("Capa").write(0, 0, "x")
        sheet = book.add_sheet("Leads")
        for row in range(3):
            sheet.write(row, 0, "x")
            sheet.row(row).hidden = hidden and row == 1
        book.save(str(path))
    elif kind == "xlsb":
        rows = (xlsb.row(2, xlsb.text(0, "Ana")), xlsb.row(3, xlsb.text(0, "Rui"), is_hidden=hidden))
        xlsb.write_xlsb(path, *rows, sheets=(1, 0, 0))
    else:
        attributes = 'spans="1:5" hidden="1"' if hidden else 'spans="1:5"'
        write_xlsx(path, HEADER + LEAD.replace("<row ", f"<row {attributes} "))
    options = FileOptions(columns="mapped", sheet={"xls": "Leads", "xlsb": "Sheet 3"}.get(kind))
    source = read_spreadsheet(path, Limits(), options).source
    assert seen_otherwise(path, source, Limits()) == ({"hidden_rows"} if hidden else set())


KINDS = pytest.mark.parametrize("kind", ["xlsx", "xls", "xlsb"])
Area = tuple[int, int, int, int]
"""First row, last row, first column and last column, counted from 0."""


def write_merged(path: Path, kind: str, *areas: Area) -> None:
    """Write two leads below a header, with cells that are merged."""
    if kind == "xls":
        leads = xls.text(1, 0, "Ana") + xls.text(1, 4, "VIP") + xls.text(2, 0, "Rui")
        xls.write(path, xls.HEADER + leads + xls.merged(*areas))
    elif kind == "xlsb":
        leads = xlsb.row(2, xlsb.text(0, "Ana"), xlsb.text(4, "VIP")) + xlsb.row(3, xlsb.text(0, "Rui"))
        xlsb.write_xlsb(path, leads, behind=b"".join(xlsb.merged(*area) for area in areas))
    else:
        write_xlsx(path, HEADER + LEAD + row(3, "Rui"), behind=merges(*map(reference, areas)))


def reference(area: Area) -> str:
    first, last, column, last_column = area
    return f"{chr(65 + column)}{first + 1}:{chr(65 + last_column)}{last + 1}"


def merges(*references: str) -> str:
    listed = "".join(f'<mergeCell ref="{each}"/>' for each in references)
    return f"<mergeCells>{listed}</mergeCells>"


def signs(path: Path) -> set[str]:
    return set(seen_otherwise(path, read_spreadsheet(path, Limits()).source, Limits()))


@KINDS
@pytest.mark.parametrize(
    ("areas", "is_told"),
    [
        ([(1, 2, 4, 4)], True),
        ([(0, 0, 0, 4), (1, 1, 2, 3), (1, 2, 3, 4)], True),
        ([(1, 1, 2, 3), (2, 2, 0, 4)], False),
        ([(0, 0, 0, 4)], False),
        ([(0, 1, 4, 4)], False),
        ([], False),
    ],
    ids=["rows", "after others", "columns", "a title over columns", "a title of two rows", "none"],
)
def test_cells_that_are_merged_over_rows_are_seen(tmp_path: Path, kind: str, areas: list[Area], is_told: bool) -> None:
    """Of those rows only the first has the value, though a person sees it beside all of them."""
    write_merged(tmp_path / "upload", kind, *areas)
    assert signs(tmp_path / "upload") == ({"merged_cells"} if is_told else set())


def test_what_is_merged_above_a_header_that_stands_further_down_is_no_row(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    header, lead = HEADER.replace('1"', '4"'), LEAD.replace('2"', '5"')
    for last, told in ((2, set()), (3, set()), (5, {"merged_cells"})):
        first = 4 if told else 0
        write_xlsx(path, header + lead, behind=merges(reference((first, last, 0, 0))))
        assert signs(path) == told


def test_one_look_finds_all_that_is_seen_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    lead = LEAD.replace("<row ", '<row hidden="1" ')
    write_xlsx(path, HEADER + lead, behind=merges("E2:E3"))
    assert signs(path) == {"hidden_rows", "merged_cells"}


@pytest.mark.parametrize("named", ["", "E2", "E2:", "E:E", ":", "E2:E99999999", "é2:é3"])
def test_merged_cells_that_name_no_place_are_passed_over(tmp_path: Path, named: str) -> None:
    write_xlsx(tmp_path / "upload", behind=merges(named))
    assert signs(tmp_path / "upload") == set()


@pytest.mark.parametrize("length", [0, 1, 2, 7])
def test_records_of_merged_cells_that_are_cut_short_are_passed_over(tmp_path: Path, length: int) -> None:
    path = tmp_path / "upload"
    lead = xls.text(1, 0, "Ana") + xls.record(0x00E5, b"\1" * length)
    xls.write(path, xls.HEADER + lead)
    assert signs(path) == set()
    xlsb.write_xlsb(path, xlsb.row(2, xlsb.text(0, "Ana")), behind=xlsb.record(176, b"\1" * length))
    assert signs(path) == set()
