"""What a person sees in a sheet otherwise than it is read is found, in each of Excel's formats."""

from pathlib import Path

import pytest
import xlwt

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.seen_otherwise import seen_otherwise
from tests.unit.spreadsheets.workbooks import HEADER, LEAD, write_xlsx
from tests.unit.spreadsheets.xlsb_files import row as xlsb_row
from tests.unit.spreadsheets.xlsb_files import text, write_xlsb


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
        write_xlsb(path, xlsb_row(2, text(0, "Ana")), xlsb_row(3, text(0, "Rui"), is_hidden=hidden), sheets=(1, 0, 0))
    else:
        attributes = 'spans="1:5" hidden="1"' if hidden else 'spans="1:5"'
        write_xlsx(path, HEADER + LEAD.replace("<row ", f"<row {attributes} "))
    options = FileOptions(columns="mapped", sheet={"xls": "Leads", "xlsb": "Sheet 3"}.get(kind))
    source = read_spreadsheet(path, Limits(), options).source
    assert seen_otherwise(path, source, Limits()) == ({"hidden_rows"} if hidden else set())
