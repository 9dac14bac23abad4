"""A report is sent again with the ``data`` of its import, which says what the first file was like."""

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.writing import csv_header, csv_rows
from services.api.reading.domain.job import ReadingResult
from tests.unit.api.reading.runs import run_on
from tests.unit.api.reading.test_reports_read_again import KINDS, Kind, report_of

ROWS = [["Nome", "Celular", "Obs"], ["Ana", "x", "a;b"], ["Bia", "11912345678", "c|d"]]
STRICT_ROWS = [["name", "phone", "cpf", "email", "tags"], ["Ana", "x", "", "", ""], ["Bia", "11912345678", "", "", ""]]
SAID = {
    "sheet": FileOptions(columns="mapped", mapping={"Obs": "notes"}, sheet="Contatos"),
    "delimiter": FileOptions(columns="mapped", mapping={"Obs": "notes"}, delimiter="|"),
    "encoding": FileOptions(columns="mapped", mapping={"Obs": "notes"}, delimiter="|", encoding="utf-16"),
    "strict": FileOptions(delimiter="|"),
}


def write(path: Path, said: FileOptions, rows: list[list[str]]) -> None:
    """Write a file that is as its caller says."""
    if said.sheet is not None:
        workbook = openpyxl.Workbook()
        sheet = workbook.create_sheet(said.sheet)
        for row in rows:
            sheet.append(row)
        workbook.save(path)
    else:
        with path.open("w", encoding=said.encoding or "utf-8", newline="") as file:
            csv.writer(file, delimiter=said.delimiter or ";").writerows(rows)


def run(path: Path, said: FileOptions) -> tuple[ReadingResult, list[Any]]:
    return run_on(path, path.with_name("spool"), file=said, on_invalid_row="skip")


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "xls"])
@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_report_is_read_with_all_that_was_said_of_its_import(said: FileOptions, kind: Kind, tmp_path: Path) -> None:
    rows = ROWS if said.columns == "mapped" else STRICT_ROWS
    write(tmp_path / "upload", said, rows)
    first = run(tmp_path / "upload", said)
    assert (first[0].refusal, first[0].total_rows) == (None, 2)
    (tmp_path / "report").write_bytes(report_of(*first, kind))
    again, _ = run(tmp_path / "report", said)
    assert (again.refusal, again.total_rows) == (None, 2)
    assert [each["row"] for each in again.reported] == [2, 3]
    assert again.headers == rows[0]


@pytest.mark.parametrize("said", SAID.values(), ids=SAID)
def test_a_file_that_is_no_report_is_read_as_its_caller_says_or_not_at_all(said: FileOptions, tmp_path: Path) -> None:
    said = replace(said, encoding=None)
    (tmp_path / "upload").write_bytes(csv_header(ROWS[0]) + csv_rows(ROWS[1:]))
    result, _ = run(tmp_path / "upload", said)
    assert result.refusal is not None
    assert result.refusal.code in {"sheet_not_found", "data_invalid", "file_headers"}


def test_of_a_workbook_with_more_sheets_the_one_is_read_that_is_named_or_none(tmp_path: Path) -> None:
    said = SAID["sheet"]
    write(tmp_path / "upload", said, ROWS)
    report = tmp_path / "report.xlsx"
    report.write_bytes(report_of(*run(tmp_path / "upload", said), "xlsx"))
    workbook = openpyxl.load_workbook(report)
    workbook.create_sheet("Outra")
    workbook.save(report)
    result, _ = run(report, said)
    assert result.refusal is not None
    assert result.refusal.code == "sheet_not_found"
    assert run(report, replace(said, sheet="leads"))[0].refusal is None


def test_a_file_in_which_there_is_what_its_caller_says_is_read_so_though_it_ends_as_a_report(tmp_path: Path) -> None:
    rows = [["Nome;row", "Celular", "row", "outcome", "reason"], ["Ana", "11912345678", "2", "error", "x"]]
    said = FileOptions(columns="mapped", mapping={"Nome;row": "name"}, delimiter="|")
    write(tmp_path / "upload", said, rows)
    result, _ = run(tmp_path / "upload", said)
    assert (result.refusal, result.separator) == (None, "|")
