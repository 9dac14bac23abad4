"""What the user's own file says of its form: the header's cells as they stand, and what separates the cells."""

from pathlib import Path

import pytest

from libs.spreadsheets.file_options import Delimiter, FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import Spreadsheet, read_spreadsheet
from tests.unit.spreadsheets.workbooks import HEADER, LEAD, cell, write_xls, write_xlsx

PLAIN = ["name", "phone", "cpf", "email", "tags"]


def read(path: Path, content: str | None = None) -> Spreadsheet:
    if content is not None:
        path.write_bytes(content.encode())
    return read_spreadsheet(path, Limits())


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_a_csv_is_the_one_that_it_has(tmp_path: Path, separator: str) -> None:
    found = read(tmp_path / "upload", separator.join(PLAIN) + "\n" + separator.join("12345") + "\n")
    assert (found.separator, found.headers) == (separator, PLAIN)
    assert list(found.rows) == [(2, list("12345"))]


def test_the_separator_that_excel_declares_is_the_file_s(tmp_path: Path) -> None:
    found = read(tmp_path / "upload", "sep=|\n" + "|".join(PLAIN) + "\n1|2|3|4|5\n")
    assert (found.separator, found.headers) == ("|", PLAIN)
    assert list(found.rows) == [(2, list("12345"))]


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("declared", [False, True])
def test_who_names_the_separator_that_was_found_reads_the_same(
    tmp_path: Path, separator: Delimiter, declared: bool
) -> None:
    """Where each line is one quoted cell, too: it is the separator within."""
    path, first = tmp_path / "upload", f"sep={separator}\n" if declared else ""
    line = separator.join(PLAIN), separator.join("12345")
    path.write_text(first + "".join(f'"{each}"\n' for each in line))
    found = read_spreadsheet(path, Limits(), FileOptions(delimiter=separator if not declared else None))
    assert (found.separator, found.headers) == (separator, PLAIN)
    assert list(found.rows) == [(2, list("12345"))]


def test_the_header_s_cells_are_told_as_they_stand_without_blank_ones_at_the_right(tmp_path: Path) -> None:
    found = read(tmp_path / "upload", '\n\n Name ,"PHONE",cpf,\u200bemail,Tags,, ,\nAna,1\n')
    assert found.headers == [" Name ", "PHONE", "cpf", "\u200bemail", "Tags"]


def test_a_workbook_has_no_separator(tmp_path: Path) -> None:
    shouted = "".join(cell(f"{column}1", name.upper()) for column, name in zip("ABCDE", PLAIN, strict=True))
    found = read(write_xlsx(tmp_path / "upload", f'<row r="1">{shouted}</row>' + LEAD))
    assert (found.separator, found.headers) == (None, [name.upper() for name in PLAIN])
    assert read(write_xlsx(tmp_path / "plain", HEADER + LEAD)).headers == PLAIN
    assert (read(write_xls(tmp_path / "xls", {})).separator, read(tmp_path / "xls").headers) == (None, PLAIN)
