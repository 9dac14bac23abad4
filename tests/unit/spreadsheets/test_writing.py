"""Reports hold the rows as they were uploaded, harm nobody who opens them, and can be imported again."""

import csv
import gc
import io
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import openpyxl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libs.spreadsheets.cut_cells import is_cut
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.formulas import FORMULA_STARTS, neutralised, restored
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.nulls import without_nulls
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.writing import XlsxWriter, csv_header, csv_rows
from services.api.reading.domain.kept_cells import kept

HEADER = ["name", "phone", "cpf", "email", "tags"]
A_FILE_EACH = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])

formula_starts = st.sampled_from(["=", "'=", "''+", "@", "\t", "'"])
any_text = st.text(max_size=20) | st.builds("{}{}".format, formula_starts, st.text())
five_cells = st.lists(any_text, min_size=5, max_size=5)
rows_of_cells = st.lists(five_cells.map(lambda cells: ["Ana", *without_nulls(kept(cells))[1:]]), max_size=4)


def read(path: Path, content: bytes) -> list[list[str]]:
    path.write_bytes(content)
    return [cells for _, cells in read_spreadsheet(path, Limits()).rows]


def xlsx_file(rows: list[list[str]], header: list[str] = HEADER) -> bytes:
    with TemporaryDirectory() as folder:
        writer = XlsxWriter("leads", header, Path(folder))
        writer.add(rows)
        return b"".join(writer.finish())


def as_excel_divides(content: bytes, separator: str) -> list[list[str]]:
    """Return the cells of a CSV as Excel shows them where lines are divided at this separator.

    A cell is quoted when its first character is a quotation mark; what follows the closing one is part of it.
    """
    rows, row, cell, quoted, at_start = [], [], "", False, True
    text = content.decode("utf-8-sig").replace("\r\n", "\n")
    at = 0
    while at < len(text):
        mark = text[at]
        if quoted and mark == '"' and text[at + 1 : at + 2] == '"':
            cell, at = cell + '"', at + 1
        elif mark == '"' and (quoted or at_start):
            quoted = not quoted
        elif not quoted and mark in (separator, "\n", "\r"):
            row.append(cell)
            cell, at_start = "", True
            if mark != separator:
                rows.append(row)
                row = []
            at += 1
            continue
        else:
            cell += mark
        at_start = False
        at += 1
    return [*rows, [*row, cell]]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@A_FILE_EACH
@given(rows=rows_of_cells)
def test_a_csv_report_can_be_imported_again_unchanged(tmp_path: Path, rows: list[list[str]], separator: str) -> None:
    assert read(tmp_path / "report", csv_header(HEADER, separator) + csv_rows(rows, separator)) == rows


@A_FILE_EACH
@example(rows=[["Ana", "", "", "", "\r\x1e"], ["Bia", "", "", "", "a\r\n\r\x0bb"]])
@given(rows=rows_of_cells)
def test_an_xlsx_report_can_be_imported_again_but_for_what_xml_cannot_hold(
    tmp_path: Path, rows: list[list[str]]
) -> None:
    not_in_xml: dict[int, str | None] = dict.fromkeys({*range(32), 0xFFFE, 0xFFFF} - set(map(ord, "\t\n\r")))
    not_in_xml |= dict.fromkeys(map(ord, "\x0b\x0c\x1c\x1d\x1e"), "\n")
    # A carriage return right before one of these is a line's end of its own.
    apart = [[re.sub("\r(?=[\x0b\x0c\x1c-\x1e])", "\n", cell) for cell in cells] for cells in rows]
    expected = [[cell.translate(not_in_xml) for cell in cells] for cells in apart]
    blank = [["" if neutralised(cell).isspace() else cell for cell in cells] for cells in expected]
    assert read(tmp_path / "report", xlsx_file(rows)) == blank


parts = st.sampled_from(["=cmd|' /C calc'!A0", "@SUM(A1)", "-2", "x", " ", *"\"';,\t\n\r\u200b"])
hostile_cells = st.lists(parts, max_size=6).map("".join)
hostile_rows = st.lists(st.lists(hostile_cells, min_size=2, max_size=3), min_size=1, max_size=3)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("divides", [",", ";", "\t"])
@settings(max_examples=300)
@given(rows=hostile_rows)
@example(rows=[["Ana", "x;=cmd|' /C calc'!A0;"]])
@example(rows=[["Ana", "x\n=cmd|' /C calc'!A0"]])
@example(rows=[["Ana", 'x;"=cmd"']])
@example(rows=[['"', "=1"]])
def test_no_cell_of_a_csv_report_is_a_formula_in_any_country(
    rows: list[list[str]], separator: str, divides: str
) -> None:
    content = csv_header(["name", "phone"], separator) + csv_rows(rows, separator)
    for cells in as_excel_divides(content, divides):
        for cell in cells:
            assert cell.lstrip("\u200b\t\r")[:1] not in list("=+-@\uff1d\uff0b\uff0d\uff20"), cells


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("divides", [",", ";", "\t"])
@settings(max_examples=100)
@given(header=st.lists(hostile_cells, min_size=2, max_size=3))
@example(header=["Nome", "=cmd|' /C calc'!A0"])
def test_no_name_of_a_column_is_a_formula_in_a_csv_report_in_any_country(
    header: list[str], separator: str, divides: str
) -> None:
    for cells in as_excel_divides(csv_header(header, separator), divides):
        for cell in cells:
            assert cell.lstrip("\u200b\t\r")[:1] not in list("=+-@\uff1d\uff0b\uff0d\uff20"), cells


@given(header=five_cells)
@settings(max_examples=60)
@example(header=["=cmd|'/C calc'!A0", "\x0bNome", "\x01=1", "#REF!", "a_x003D_"])
def test_no_name_of_a_column_is_anything_but_text_in_an_xlsx_report(header: list[str]) -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO(xlsx_file([], header))).worksheets
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.value is None or (cell.data_type, str(cell.value)[:1] != "=") == ("s", True)


@pytest.mark.parametrize("name", ["=Nome", "@Nome", "Nome;=1", "'-Nome"])
def test_names_of_columns_are_read_again_as_they_were(tmp_path: Path, name: str) -> None:
    header = [name, "Celular"]
    for number, content in enumerate((csv_header(header), xlsx_file([], header))):
        path = tmp_path / str(number)
        path.write_bytes(content)
        assert read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).headers == header


@given(rows=rows_of_cells)
@settings(max_examples=60)
@example(rows=[["\x01=cmd|'/C calc'!A0", "\x0b=1", "\x0c=1", "\x1d=1", "\ufffe=1"]])
@example(rows=[["#N/A", "#REF!", "=1", "_x003D_1", "\x1f=1"]])
def test_no_cell_of_an_xlsx_report_is_anything_but_text(rows: list[list[str]]) -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO(xlsx_file(rows))).worksheets
    for row in sheet.iter_rows():
        for cell in row:
            assert cell.value is None or (cell.data_type, str(cell.value)[:1] != "=") == ("s", True)


@given(cell=any_text)
def test_no_cell_begins_like_a_formula_and_every_cell_comes_back(cell: str) -> None:
    assert neutralised(cell)[:1] not in list(FORMULA_STARTS)
    assert restored(neutralised(cell)) == cell


@pytest.mark.parametrize("formula", ["=1+1", "+55 11 91234-5678", "-2", "@SUM(A1)", "\tx", "\rx", "\nx", "\uff1d1"])
def test_formulas_get_an_apostrophe(formula: str) -> None:
    assert neutralised(formula) == "'" + formula


@pytest.mark.parametrize("harmless", ["Ana", "", "'Ana'", "11 91234-5678", " =1", "a=b", "D'Ávila"])
def test_other_cells_stay_as_they_are(harmless: str) -> None:
    assert neutralised(harmless) == harmless
    assert restored(harmless) == harmless


def test_a_csv_report_is_utf8_with_byte_order_mark_and_the_five_columns() -> None:
    content = csv_header(HEADER) + csv_rows([["João", "+55", "", "", "a, b"]])
    assert content.startswith(b"\xef\xbb\xbf")
    assert list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";")) == [
        HEADER,
        ["João", "'+55", "", "", "a, b"],
    ]


def test_an_xlsx_report_holds_text_only() -> None:
    content = xlsx_file([["=1+1", "5511912345678", "#N/A", "", "001"]])
    cells = list(openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].iter_rows())
    assert [cell.value for cell in cells[0]] == HEADER
    assert [(cell.value, cell.data_type) for cell in cells[1]] == [
        ("'=1+1", "s"),
        ("5511912345678", "s"),
        ("#N/A", "s"),
        (None, "n"),
        ("001", "s"),
    ]


@pytest.mark.parametrize("text", ["x" * 40_000, "xyz\r\n" * 12_000, "\n=1" * 11_000])
def test_what_no_cell_of_a_workbook_can_hold_is_seen_to_be_cut(text: str) -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO(xlsx_file([["Ana", text]]))).worksheets
    assert is_cut(str(sheet["B2"].value))


def test_a_text_is_whole_where_its_lines_end_in_one_character_each() -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO(xlsx_file([["Ana", "x\r\n" * 12_000]]))).worksheets
    assert sheet["B2"].value == "x\n" * 12_000


@pytest.mark.parametrize("hidden", ["\x08=1+1", "\x0b\x0c@SUM(A1)", "\x1f-2", "\ufffe=1"])
def test_what_xml_cannot_hold_hides_no_formula(hidden: str) -> None:
    """Such characters are left out, and what follows them then begins the cell."""
    (sheet,) = openpyxl.load_workbook(io.BytesIO(xlsx_file([[hidden]]))).worksheets
    assert (sheet["A2"].value[:1], sheet["A2"].data_type) == ("'", "s")


def test_rows_with_too_many_cells_keep_them_all(tmp_path: Path) -> None:
    row = ["Ana", "1", "", "", "a", "b"]
    assert read(tmp_path / "csv", csv_header(HEADER) + csv_rows([row])) == [row]
    assert read(tmp_path / "xlsx", xlsx_file([row])) == [row]


def test_an_xlsx_report_is_written_in_portions(tmp_path: Path) -> None:
    report = XlsxWriter("leads", HEADER, tmp_path)
    for _ in range(3):
        report.add([["Ana", "1", "", "", ""]] * 1_000)
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(report.finish())), read_only=True).worksheets[0]
    assert len(list(sheet.iter_rows(values_only=True))) == 3_001


def test_an_unfinished_xlsx_report_leaves_nothing_outside_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere, own = tmp_path / "elsewhere", tmp_path / "own"
    elsewhere.mkdir()
    own.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    report = XlsxWriter("leads", HEADER, own)
    report.add([["Ana", "1", "", "", ""]] * 10_000)
    report.close()
    assert list(own.iterdir())
    assert list(elsewhere.iterdir()) == []


@pytest.fixture
def never_told(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing of an error that Python could raise to nobody: it writes a traceback into the log."""
    told: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", told.append)
    yield
    gc.collect()
    assert told == []


@pytest.mark.usefixtures("never_told")
def test_an_xlsx_report_that_nobody_closes_ends_without_a_word(tmp_path: Path) -> None:
    """Its reader left while a thread began it: nobody else has it then."""
    report = XlsxWriter("leads", HEADER, tmp_path)
    report.add([["Ana", "1", "", "", ""]])
    del report


@pytest.mark.usefixtures("never_told")
def test_an_xlsx_report_that_is_closed_while_a_thread_adds_rows_ends_without_a_word(tmp_path: Path) -> None:
    close_amid_a_row(XlsxWriter("leads", HEADER, tmp_path))


def close_amid_a_row(report: XlsxWriter) -> None:
    writer = report._sheet._writer
    with pytest.MonkeyPatch.context() as patch:
        write_row = writer.write_row

        def left(*given: object) -> None:
            report.close()
            write_row(*given)

        patch.setattr(writer, "write_row", left)
        report.add([["Ana", "1", "", "", ""]])


@pytest.mark.usefixtures("never_told")
def test_an_xlsx_report_that_cannot_be_begun_ends_without_a_word_or_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with pytest.raises(OSError, match="No such file"):
        XlsxWriter("leads", HEADER, tmp_path / "nowhere")
    gc.collect()
    assert list(tmp_path.iterdir()) == []
