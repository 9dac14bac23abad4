"""What a format shows before a text is part of a phone, too, where that is a text: that it is another country's."""

import struct
from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter

from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import is_plain, read_path
from tests.unit.spreadsheets.test_number_formats import by_openpyxl, by_xlwt
from tests.unit.spreadsheets.workbooks import HEADERS
from tests.unit.spreadsheets.xlsb_files import date_styles, record, row, shared, wide, write_xlsb

SHOWN = {
    ('"+54 "@', "11 2345-6789"): "+54 11 2345-6789",
    ('"+"@', "34912345678"): "+34912345678",
    (r"\+@", "34912345678"): "+34912345678",
    ('"Tel. +1 "@', "(212) 555-1234"): "+1 (212) 555-1234",
    ('0;-0;0;"+1 "@', "2125551234"): "+1 2125551234",
    ('General;"+1 "@', "2125551234"): "+1 2125551234",
    ('"(11) "@', "91234-5678"): "(11) 91234-5678",
    ('"+54 "@', "+54 11 2345-6789"): "+54 11 2345-6789",
    ('"+54 "@', " 11 2345-6789"): "+54  11 2345-6789",
    ('"+54 "@', "11 2345\u20116789"): "+54 11 2345\u20116789",
    ('"+54 "@', "\u202a11 2345-6789\u202c"): "+54 \u202a11 2345-6789\u202c",
    ('"+54 "@', "[11] 2345/6789"): "+54 [11] 2345/6789",
    ('"+54 "@', "11 2345-6789 ramal 2"): "11 2345-6789 ramal 2",
    ('"+54 "@', "ligar"): "ligar",
    ('"+54 "@', "12"): "12",
    ('"Tel. 2: "@', "11 91234-5678"): "11 91234-5678",
    ('"+54 "0;@', "11 2345-6789"): "11 2345-6789",
    ('"+54 "', "11 2345-6789"): "11 2345-6789",
    ('"@ +54"0', "11 2345-6789"): "11 2345-6789",
    ("@", "11 2345-6789"): "11 2345-6789",
}
"""By a format and a text: what is read. The last section of a format is of texts where it has their place."""


def of_formula(path: Path, text: str, code: str) -> None:
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADERS)
        sheet.write_string(1, 0, "Ana")
        sheet.write_formula(1, 1, "=C9", book.add_format({"num_format": code}), text)


def in_the_cell(path: Path, text: str, code: str) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADERS)
    phone = openpyxl.cell.WriteOnlyCell(sheet, text)
    phone.number_format, phone.data_type = code, "inlineStr"
    sheet.append(["Ana", phone])
    book.save(path)


def as_xlsb(path: Path, text: str, code: str) -> None:
    own = record(6, struct.pack("<II", 1, 1) + wide(text))
    write_xlsb(path, row(2, shared(0, len(HEADERS)), own), texts=["Ana"], styles=date_styles(["0", code]))


def as_shared_text_of_xlsb(path: Path, text: str, code: str) -> None:
    cell = record(7, struct.pack("<III", 1, 1, len(HEADERS) + 1))
    write_xlsb(path, row(2, shared(0, len(HEADERS)), cell), texts=["Ana", text], styles=date_styles(["0", code]))


@pytest.mark.parametrize(("code", "text"), SHOWN)
@pytest.mark.parametrize("write", [by_openpyxl, of_formula, in_the_cell, by_xlwt, as_xlsb, as_shared_text_of_xlsb])
def test_a_phone_that_is_a_text_is_read_as_its_format_shows_it(
    tmp_path: Path, write: Callable[[Path, str, str], None], code: str, text: str
) -> None:
    write(tmp_path / "upload", text, code)
    ((_, (_, phone, *_)),) = read_path(tmp_path / "upload")
    assert phone == SHOWN[code, text]


def test_a_format_that_shows_texts_alone_is_read_at_once(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "upload", "11 2345-6789", '"Tel. "@')
    assert is_plain(tmp_path / "upload", Limits())
