"""What an import keeps of its file makes a report that is read again as the rows were."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
import xlsxwriter
import xlwt

from libs.contracts.lead_import.words import words
from libs.spreadsheets.columns import REPORT_COLUMNS, header_told
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.writing import XlsxWriter, csv_header, csv_rows
from services.api.http.report_form import ReportForm
from services.api.reading.domain.job import ReadingResult
from services.api.reasons import ROW_ERRORS
from tests.unit.api.reading.runs import run_on
from tests.unit.spreadsheets.workbooks import row as xlsx_row
from tests.unit.spreadsheets.workbooks import write_xlsx
from tests.unit.spreadsheets.xlsb_files import error, text, write_xlsb
from tests.unit.spreadsheets.xlsb_files import row as xlsb_row

Kind = Literal["csv", "xlsx", "xls"]
KINDS: tuple[Kind, ...] = ("csv", "xlsx", "xls")
MAPPED = FileOptions(columns="mapped")
PHONE = "11912345678"


def write_file(path: Path, rows: Sequence[Sequence[str]], kind: Kind) -> None:
    """Write rows, the first of which is the header, as somebody's program does."""
    if kind == "csv":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL).writerows(rows)
    elif kind == "xls":
        book = xlwt.Workbook()
        sheet = book.add_sheet("Leads")
        for at, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                sheet.write(at, column, cell)
        book.save(str(path))
    else:
        with xlsxwriter.Workbook(str(path)) as workbook:
            written = workbook.add_worksheet()
            for at, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    written.write_string(at, column, cell)


def report_of(result: ReadingResult, chunks: Sequence[Any], kind: Kind) -> bytes:
    """Return the report of an import of which no row became a lead."""
    form = ReportForm.of(result.kept_of_file)
    settled = [
        {"row_number": row.row, "outcome": row.outcome, "reason": row.reason, "detail": row.detail, "cells": row.cells}
        for chunk in chunks
        for row in chunk.settled
    ] + [
        {"row_number": number, "outcome": "existing", "reason": "lead_exists", "detail": "", "cells": cells}
        for chunk in chunks
        for number, cells in zip(chunk.live.row, map(chunk.live.original_cells, range(len(chunk.live))), strict=True)
    ]
    rows = [form.cells(row, words("en")) for row in sorted(settled, key=lambda row: row["row_number"])]
    if kind == "csv":
        return csv_header(form.header) + csv_rows(rows)
    with TemporaryDirectory() as folder:
        writer = XlsxWriter("leads", form.header, Path(folder))
        writer.add(rows)
        return b"".join(writer.finish())


def reported(
    folder: Path, rows: Sequence[Sequence[str]], kind: Kind, **options: Any
) -> tuple[ReadingResult, list[Any], ReadingResult, list[Any]]:
    """Import a file; then import its report with the same options. Return what both became."""
    given = {"file": MAPPED, "on_invalid_row": "skip"} | options
    write_file(folder / "upload", rows, kind)
    first = run_on(folder / "upload", folder / "spool", **given)
    (folder / "report").write_bytes(report_of(*first, kind))
    return *first, *run_on(folder / "report", folder / "spool", **given)


def cells_of(chunks: Sequence[Any]) -> dict[int, list[str]]:
    """Return the original cells of all rows, by their place in the file."""
    return {row.row: row.cells for chunk in chunks for row in chunk.settled} | {
        number: chunk.live.original_cells(at) for chunk in chunks for at, number in enumerate(chunk.live.row)
    }


def wide(width: int, of: Mapping[int, str]) -> list[str]:
    """Return a row of so many cells, blank but for these."""
    return [of.get(place, "") for place in range(width)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_row_with_too_many_cells_keeps_those_of_its_fields_wherever_they_stand(tmp_path: Path, kind: Kind) -> None:
    titles = [f"x{at}" for at in range(45)]
    titles[30], titles[41], titles[43] = "Obs", "Nome", "Fone"
    row = [f"c{at}" for at in range(47)]
    row[30], row[41], row[43] = "nota", "Ana", PHONE
    file = FileOptions(columns="mapped", mapping={"Obs": "notes"})
    _, chunks, _, again = reported(tmp_path, [titles, row], kind, file=file)
    (settled,) = chunks[0].settled
    assert (settled.reason, settled.cells) == ("cells_too_many", ["Ana", PHONE, "", "", "", "nota", "c45", "c46"])
    assert cells_of(again)[2][:6] == ["Ana", f"{PHONE},c45,c46", "", "", "", "nota"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [3, 60, 150])
def test_a_report_has_the_title_of_each_column_wherever_it_stands(tmp_path: Path, kind: Kind, place: int) -> None:
    for title in ("Observações", "x" * 254 + " y" * 20, " Obs", "=Obs", "a;b"):
        titles = ["Nome", "Fone", *(f"x{at}" for at in range(2, 160))]
        titles[place] = title
        row = wide(160, {0: "Ana", 1: PHONE, place: "nota"})
        file = FileOptions(columns="mapped", mapping={header_told(title): "notes", "x2": None})
        first, chunks, second, again = reported(tmp_path, [titles, row], kind, file=file)
        header = ReportForm.of(first.kept_of_file).header
        assert header == ["Nome", "Fone", header_told(title), *REPORT_COLUMNS]
        assert (second.refusal, cells_of(again)) == (None, cells_of(chunks))
        assert cells_of(again) == {2: ["Ana", PHONE, "", "", "", "nota"]}


ERRORS = {
    "an error": '<c r="{at}" t="e"><v>#N/A</v></c>',
    "an error that came later": '<c r="{at}" t="e"><v>#NEVER-HEARD-OF!</v></c>',
    "a formula without a value": '<c r="{at}"><f>A2&amp;"x"</f></c>',
    "an error as text": '<c r="{at}" t="inlineStr"><is><t>#N/D</t></is></c>',
}


@pytest.mark.parametrize("report", ["csv", "xlsx"])
@pytest.mark.parametrize("keeps", [False, True], ids=["mapped", "kept"])
@pytest.mark.parametrize("cell", ERRORS.values(), ids=ERRORS)
def test_a_cell_without_a_value_is_none_in_a_report_either(
    tmp_path: Path, cell: str, keeps: bool, report: Literal["csv", "xlsx"]
) -> None:
    """Sent again as it is, the row is refused again: the cell is not blank, nor is its formula or its error a text."""
    path = tmp_path / "upload"
    lead = xlsx_row(2, "Ana", PHONE).replace("</row>", cell.format(at="C2") + "</row>")
    write_xlsx(path, xlsx_row(1, "Nome", "Fone", "Verba") + lead)
    mapping = {} if keeps else {"Verba": "custom:verba"}
    options: dict[str, Any] = {"own_fields": []} if keeps else {"custom_types": {"verba": "string"}}
    options |= {"file": FileOptions(columns="mapped", mapping=mapping), "on_invalid_row": "skip"}
    first = run_on(path, tmp_path / "spool", **options)
    assert [row.reason for row in first[1][0].settled] in (["cell_error"], ["cell_not_calculated"])
    assert first[0].new_fields == [], "no value tells of which type it is"
    (tmp_path / "report").write_bytes(report_of(*first, report))
    _, (chunk,) = run_on(tmp_path / "report", tmp_path / "spool", **options)
    said = f"custom:verba: {ROW_ERRORS['cell_error']}"
    assert [(row.reason, row.detail) for row in chunk.settled] == [("cell_error", said)]


@pytest.mark.parametrize("kind", ["xls", "xlsb"])
def test_of_binary_workbooks_such_a_cell_is_none_either(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "upload"
    if kind == "xls":
        book = xlwt.Workbook()
        sheet = book.add_sheet("Leads")
        for at, cells in enumerate((FILE_COLUMNS, ("Ana", PHONE))):
            for column, cell in enumerate(cells):
                sheet.write(at, column, cell)
        sheet.row(1).set_cell_error(4, "#N/A!")  # as xlwt calls it
        book.save(str(path))
    else:
        write_xlsb(path, xlsb_row(2, text(0, "Ana"), text(1, PHONE), error(4, 0xFF)))
    file = FileOptions(columns="mapped", mapping={"tags": "notes"})
    first = run_on(path, tmp_path / "spool", file=file, on_invalid_row="skip")
    (tmp_path / "report").write_bytes(report_of(*first, "csv"))
    _, (chunk,) = run_on(tmp_path / "report", tmp_path / "spool", file=file, on_invalid_row="skip")
    assert chunk.settled[0].reason == first[1][0].settled[0].reason == "cell_error"


@pytest.mark.parametrize("kept", [["a", "b", "c", "d"], ["a", "b", "c", "d", "e", "f", "g"]])
def test_reports_of_imports_that_kept_their_rows_as_they_stood_stay_as_they_were(kept: list[str]) -> None:
    """Rows with too many cells were kept in the order of the file, without what tells titles apart from headers."""
    form = ReportForm.of({"headers": ["x", "Fone", "Nome"], "places": [2, 1, None, None, None]})
    row = {"row_number": 2, "outcome": "error", "reason": "cells_too_many", "detail": "", "cells": kept}
    assert form.cells(row, words("en"))[:2] == ["b", ",".join(["c", *kept[3:]])]
