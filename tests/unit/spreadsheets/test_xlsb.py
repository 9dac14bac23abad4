"""XLSB: values, errors that are no blanks, and files that are refused rather than read by half."""

from pathlib import Path

import pytest

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets.records import read_path, refusal
from tests.unit.spreadsheets.xlsb_files import error, error_of_formula, number, row, shared, text, write_xlsb


def test_values_are_read_as_text(tmp_path: Path) -> None:
    rows = [row(2, shared(0, 5), number(1, 11912345678), text(4, "vip, são")), row(5, shared(0, 6))]
    path = write_xlsb(tmp_path / "upload", *rows, texts=["João", "Bia"])
    assert read_path(path) == [
        (2, ["João", "11912345678", "", "", "vip, são"]),
        (5, ["Bia", "", "", "", ""]),
    ]


def test_the_first_sheet_that_is_shown_is_read(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "upload", row(2, text(0, "Ana")), sheets=(1, 2, 0))
    assert read_path(path) == [(2, ["Ana", "", "", "", ""])]
    assert refusal(read_path, write_xlsb(tmp_path / "upload", sheets=(1,))).code == "file_broken"


def test_errors_are_no_blanks(tmp_path: Path) -> None:
    rows = [row(2, text(0, "Ana"), error(2, 0x2A)), row(9, error_of_formula(4, 0x07))]
    spreadsheet = read_spreadsheet(write_xlsb(tmp_path / "upload", *rows), Limits())
    assert list(spreadsheet.rows) == [(2, ["Ana", "", "#N/A", "", ""]), (9, ["", "", "", "", "#DIV/0!"])]
    assert spreadsheet.faults == {2: {2: "cell_error"}, 9: {4: "cell_error"}}


@pytest.mark.parametrize("at", [5, 5_000, 0xFFFFFFFF])
def test_a_text_by_a_number_that_is_none_refuses_the_file(tmp_path: Path, at: int) -> None:
    assert refusal(read_path, write_xlsb(tmp_path / "upload", row(2, shared(0, at)))).code == "file_broken"


@pytest.mark.parametrize("second", [2, 1])
def test_of_two_rows_with_one_number_none_is_lost(tmp_path: Path, second: int) -> None:
    path = write_xlsb(tmp_path / "upload", row(2, text(0, "Ana")), row(second, text(0, "Bia")))
    refused = refusal(read_path, path)
    assert (refused.code, f"Row {second}" in refused.detail) == ("file_broken", True)
