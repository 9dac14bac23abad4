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
