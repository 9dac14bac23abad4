"""What usual writers make is read by calamine: reading a sheet cell by cell takes four times as long."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyexcelerate
import pytest
import xlsxwriter

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.xlsx_bounds import visible_sheet
from tests.unit.spreadsheets.workbooks import write_xlsx

LIMITS = Limits(max_rows=100)
ROWS: list[list[Any]] = [
    ["name", "phone", "cpf", "email", "tags"],
    ["Ana", 11912345678, "", None, "a, b"],
    ["Zoé & Cia", "", "", "", ""],
]


def by_openpyxl(path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for row in ROWS:
        sheet.append(row)
    workbook.save(path)


def by_openpyxl_in_a_stream(path: Path) -> None:
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for row in ROWS:
        sheet.append(row)
    workbook.save(path)


def by_xlsxwriter(path: Path) -> None:
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(ROWS):
            sheet.write_row(number, 0, row)


def by_pyexcelerate(path: Path) -> None:
    workbook = pyexcelerate.Workbook()
    workbook.new_sheet("leads", data=ROWS)
    workbook.save(str(path))


@pytest.mark.parametrize("write", [by_openpyxl, by_openpyxl_in_a_stream, by_xlsxwriter, by_pyexcelerate])
def test_what_usual_writers_make_is_read_at_once(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "leads.xlsx"
    write(path)
    assert visible_sheet(path, LIMITS).is_plain
    assert [cells[:5] for _, cells in read_spreadsheet(path, LIMITS).rows] == [
        ["Ana", "11912345678", "", "", "a, b"],
        ["Zoé & Cia", "", "", "", ""],
    ]


@pytest.mark.parametrize("max_rows", [5_000, 10_000, 25_000, 99_999, 100_000, 150_000, 1_000_000])
@pytest.mark.parametrize("rows", [1, 5_000])
def test_however_many_rows_a_file_may_have_a_usual_one_is_read_at_once(
    tmp_path: Path, max_rows: int, rows: int
) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for number in range(rows):
            sheet.write_row(number, 0, ROWS[0])
    assert visible_sheet(path, Limits(max_rows=max_rows)).is_plain


def test_a_file_with_as_many_rows_as_it_may_have_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for number in range(120_001):
            sheet.write_row(number, 0, "ab")
    assert visible_sheet(path, Limits(max_rows=120_000)).is_plain


@pytest.mark.parametrize("reference", ["A1048576", "A300000", "XFD200"])
def test_a_cell_far_from_its_row_is_not_taken_for_near(tmp_path: Path, reference: str) -> None:
    path = write_xlsx(tmp_path / "leads.xlsx", f'<row r="2"><c r="{reference}"><v>1</v></c></row>')
    assert not visible_sheet(path, LIMITS).is_plain
