"""What a format shows before a number is part of what a person reads: of a phone, that it is another country's."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt

from libs.fields.phones import parse_phone
from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import is_plain, read_path
from tests.unit.spreadsheets.workbooks import HEADERS
from tests.unit.spreadsheets.xlsb_files import date_styles, row, styled, write_xlsb

SPANISH = 34912345678

FORMATS = {
    "+00 000 000 000": "+34912345678",
    '"+"00 000000000': "+34912345678",
    r"\+#": "+34912345678",
    "[Blue]+0;[Red]-0": "+34912345678",
    "0.00E+00": "34912345678",
    "##0.0E+0": "34912345678",
    '0" +"': "34912345678",
    "0;+0": "34912345678",
    "[>=100000000000]+00 (00) 00000-0000;(00) 00000-0000": "34912345678",
    "+55 (00) 00000-0000": "+5534912345678",
    '"+55 "00 00000-0000': "+5534912345678",
    r"[Blue]\+5\5 00000000000": "+5534912345678",
    '"55"00000000000': "34912345678",
}


def by_openpyxl(path: Path, number: float, code: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADERS)
    sheet.append(["Ana", number])
    sheet["B2"].number_format = code
    book.save(path)


def by_xlwt(path: Path, number: float, code: str) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    sheet.write(1, 0, "Ana")
    sheet.write(1, 1, number, xlwt.easyxf(num_format_str=code))
    book.save(str(path))


def as_xlsb(path: Path, number: float, code: str) -> None:
    write_xlsb(path, row(2, styled(0, 5, 0), styled(1, number, 1)), styles=date_styles(["0", code]))


WRITERS = [by_openpyxl, by_xlwt, as_xlsb]


@pytest.mark.parametrize("code", FORMATS)
@pytest.mark.parametrize("write", WRITERS)
def test_a_plus_that_is_shown_before_a_phone_is_read(
    tmp_path: Path, write: Callable[[Path, float, str], None], code: str
) -> None:
    write(tmp_path / "upload", SPANISH, code)
    ((_, (_, phone, *_)),) = read_path(tmp_path / "upload")
    assert phone == FORMATS[code]


@pytest.mark.parametrize("write", WRITERS)
def test_a_plus_before_what_is_no_phone_says_that_it_grew(
    tmp_path: Path, write: Callable[[Path, float, str], None]
) -> None:
    write(tmp_path / "upload", 12, "+0")
    assert read_path(tmp_path / "upload")[0][1][1] == "12"


def test_a_spanish_phone_is_not_one_of_porto_alegre(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "upload", SPANISH, "+00 000 000 000")
    phone = parse_phone(read_path(tmp_path / "upload")[0][1][1])
    assert (phone.dial_code, phone.country_code) == ("34", "ES")


def test_a_format_of_scientific_numbers_is_read_at_once(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "upload", SPANISH, "0.000E+00")
    assert is_plain(tmp_path / "upload", Limits())
