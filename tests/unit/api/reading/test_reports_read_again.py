"""What an import keeps of its file makes a report that is read again as the rows were."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import pytest
import xlsxwriter
import xlwt
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from libs.contracts.lead_import.words import LANGUAGES, words
from libs.fields.custom_values import OwnField
from libs.spreadsheets.columns import REPORT_COLUMNS, SURPLUS_COLUMN, header_key, header_told
from libs.spreadsheets.cut_cells import cut, is_cut
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.writing import XlsxWriter, csv_header, csv_rows
from services.api.http.report_form import ReportForm
from services.api.reading.domain.job import ReadingResult
from services.api.reading.domain.kept_cells import LONGEST_KEPT, ROW_KEPT, shown
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


def report_of(result: ReadingResult, chunks: Sequence[Any], kind: Kind, language: str = "en") -> bytes:
    """Return the report of an import of which no row became a lead."""
    form = ReportForm.of(result.kept_of_file, {row.reason for chunk in chunks for row in chunk.settled})
    settled = [
        {"row_number": row.row, "outcome": row.outcome, "reason": row.reason, "detail": row.detail, "cells": row.cells}
        for chunk in chunks
        for row in chunk.settled
    ] + [
        {"row_number": number, "outcome": "existing", "reason": "lead_exists", "detail": "", "cells": cells}
        for chunk in chunks
        for number, cells in zip(chunk.live.row, map(chunk.live.original_cells, range(len(chunk.live))), strict=True)
    ]
    rows = [form.cells(row, words(language)) for row in sorted(settled, key=lambda row: row["row_number"])]
    if kind == "csv":
        return csv_header(form.header(words(language))) + csv_rows(rows)
    with TemporaryDirectory() as folder:
        writer = XlsxWriter("leads", form.header(words(language)), Path(folder))
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
    assert [(row.reason, row.cells) for row in again[0].settled] == [
        ("cells_too_many", ["Ana", PHONE, "", "", "", "nota", "c45 | c46"])
    ]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("report", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("titles", "row", "mapping"),
    [
        (["Nome", "Celular", "Valor"], ["Ana", PHONE, "10", "50"], {"Valor": "custom:valor"}),
        (["Nome", "Celular", "Valor"], ["Ana", PHONE, "10", "", "", "=50", "x"], {"Valor": "custom:valor"}),
        (["Celular", "Nome", ""], [PHONE, "Ana", "ligar depois"], {}),
        (list(FILE_COLUMNS), ["Ana", PHONE, "", "", "VIP", "obs"], None),
        (list(FILE_COLUMNS), ["Ana", PHONE, "", "", "VIP", *["x" * 9_000] * 8], None),
    ],
)
def test_a_row_with_too_many_cells_has_them_until_somebody_has_looked(
    tmp_path: Path,
    titles: list[str],
    row: list[str],
    mapping: dict[str, str | None] | None,
    report: Literal["csv", "xlsx"],
    language: str,
) -> None:
    """*10* and *50* are not *10,50*, whoever sends a report again without a look."""
    file = FileOptions() if mapping is None else FileOptions(columns="mapped", mapping=mapping)
    options: dict[str, Any] = {"file": file, "custom_types": {"valor": "number"}, "on_invalid_row": "skip"}
    write_file(tmp_path / "upload", [titles, row], "csv")
    first = run_on(tmp_path / "upload", tmp_path / "spool", **options)
    headers = first[0].headers
    for _ in range(2):
        (settled,) = first[1][0].settled
        assert (settled.reason, first[0].headers) == ("cells_too_many", headers)
        (tmp_path / "report").write_bytes(report_of(*first, report, language))
        first = run_on(tmp_path / "report", tmp_path / "spool", **options)
    found = read_spreadsheet(tmp_path / "report", Limits(), file)
    assert found.headers[found.columns.own_width] == words(language).labels["cells_too_many"]
    (shown,) = [cells for _, cells in found.rows]
    surplus = shown[found.columns.own_width]
    beyond = [cell for cell in row[len(headers) :] if cell]
    assert surplus == " | ".join(beyond) or (is_cut(surplus) and len(surplus) > LONGEST_KEPT)
    looked_at = [found.headers, [cell if cell != surplus else "" for cell in shown]]
    write_file(tmp_path / "corrected", looked_at, report)
    result, (chunk,) = run_on(tmp_path / "corrected", tmp_path / "spool", **options)
    assert (result.invalid, chunk.live.name) == (0, ["Ana"])
    assert [column.values for column in chunk.live.more or ()] == ([[10]] if "Valor" in titles else [])


@pytest.mark.parametrize(
    ("title", "options"),
    [
        ("E-mail", {}),
        ("Nota", {"own_fields": [OwnField("nota", "nota", "string")], "custom_types": {"nota": "string"}}),
    ],
)
def test_a_title_that_is_mapped_to_nothing_takes_no_column_of_a_report(
    tmp_path: Path, title: str, options: dict[str, Any]
) -> None:
    """The report lacks the column that the title means, and has one that is named alike."""
    rows = [["Nome", "Celular", title, title.lower()], ["Bia", "x", "a@b.co", "c@d.co"]]
    file = FileOptions(columns="mapped", mapping={title: None})
    _, (sent,), _, (again,) = reported(tmp_path, rows, "csv", file=file, **options)
    assert sent.settled[0].cells == again.settled[0].cells
    assert "c@d.co" in again.settled[0].cells


def test_the_column_of_cells_too_many_is_known_in_each_language() -> None:
    assert {header_key(words(language).labels["cells_too_many"]) for language in LANGUAGES} == SURPLUS_COLUMN


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("place", [3, 60, 150])
def test_a_report_has_the_title_of_each_column_wherever_it_stands(tmp_path: Path, kind: Kind, place: int) -> None:
    for title in ("Observações", "x" * 254 + " y" * 20, " Obs", "=Obs", "a;b"):
        titles = ["Nome", "Fone", *(f"x{at}" for at in range(2, 160))]
        titles[place] = title
        row = wide(160, {0: "Ana", 1: PHONE, place: "nota"})
        file = FileOptions(columns="mapped", mapping={header_told(title): "notes", "x2": None})
        first, chunks, second, again = reported(tmp_path, [titles, row], kind, file=file)
        header = ReportForm.of(first.kept_of_file).header(words("en"))
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


TITLES = ["Nome", "Fone", "E-mail", "Tags", "Obs", "Cargo", "Texto", "Verba", "Quando"]
WIDE = FileOptions(
    columns="mapped",
    mapping={
        "Obs": "notes",
        "Cargo": "job_title",
        "Texto": "custom:text",
        "Verba": "custom:sum",
        "Quando": "custom:day",
    },
)
TYPES = {"text": "string", "sum": "number", "day": "date"}
CORRECTED = {"2": {"phone": PHONE}}


def values_when_corrected(path: Path, spool: Path) -> tuple[list[Any], list[str]]:
    """Return what is stored of the file's row once its phone is corrected, and why it is not."""
    options: dict[str, Any] = {"file": WIDE, "custom_types": TYPES, "on_invalid_row": "skip"}
    _, (chunk,) = run_on(path, spool, corrections=CORRECTED, **options)
    live = chunk.live
    stored = [*zip(live.name, live.email, live.tags, strict=True), *(column.values for column in live.more or ())]
    return stored if len(live) else [], [row.detail for row in chunk.settled]


def report_of_refused(folder: Path, cells: Sequence[str], report: Literal["csv", "xlsx"]) -> Path:
    write_file(folder / "upload", [TITLES, cells], "csv")
    options: dict[str, Any] = {"file": WIDE, "custom_types": TYPES, "on_invalid_row": "skip"}
    (folder / "report").write_bytes(report_of(*run_on(folder / "upload", folder / "spool", **options), report))
    return folder / "report"


storable = st.characters(
    exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff", include_characters="\n\r\t\x0b\x0c\x1c\x1d\x1e"
)
pieces = st.text(storable, max_size=8) | st.sampled_from(
    ["1", "0", "28/11/2026", "\r\n", "\r\x0b", "a\x1cb", "=1", "e\u0301", "a@b.co", "'"]
)
long_cells = st.builds(
    lambda before, much, times, after: before + much * (times // max(1, len(much))) + after,
    *(pieces, st.sampled_from([" ", "0", "x", "\n", "\r\n", "e\u0301", "- a\n", "\u200b", "🔥"])),
    *(st.sampled_from([0, 3, 250, 999, 1_001, 9_990, 10_001, 16_001, 30_000]), pieces),
)
rows_of_long_cells = st.lists(pieces | long_cells, min_size=len(TITLES), max_size=len(TITLES))


@pytest.mark.parametrize("report", ["csv", "xlsx"])
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cells=rows_of_long_cells)
@example(
    cells=["\x0bLima\x1cPrado", "1", "a@b.co", "vip\x0bsul", "a\x0bb\r\x0cc\x1dd\x1ee", "a\x0bb", "a\x1eb", "1", ""]
)
@example(cells=["", "1", "", "", "a\r\n" * 3_300, "", "", "", "\r\n" * 4_995])
@example(cells=["", "1", "", "", "a\r" * 4_900, "", "", "", "\r" * 9_990])
def test_a_corrected_row_is_stored_as_the_file_had_it_or_refused(
    tmp_path: Path, cells: list[str], report: Literal["csv", "xlsx"]
) -> None:
    cells[0], cells[1] = "Ana" + cells[0], "no phone"
    path = report_of_refused(tmp_path, cells, report)
    stored, _ = values_when_corrected(tmp_path / "upload", tmp_path / "spool")
    of_report, why = values_when_corrected(path, tmp_path / "spool")
    assert of_report == stored or (of_report == [] and why)
    if max(map(len, cells)) <= LONGEST_KEPT and sum(map(len, cells)) <= ROW_KEPT:
        assert of_report == stored, "all of it was kept"


@pytest.mark.parametrize("report", ["csv", "xlsx"])
def test_a_report_keeps_the_longest_values_whole(tmp_path: Path, report: Literal["csv", "xlsx"]) -> None:
    notes = "\r\n".join(['linha; com = sinais, e "aspas"'.ljust(80, "x")] * 123)
    cells = ["Ana", "1", "", "", notes, "x" * 255, "y" * 1_000, "1,5", "28/11/2026"]
    path = report_of_refused(tmp_path, cells, report)
    stored, why = values_when_corrected(path, tmp_path / "spool")
    assert (stored[1], why) == ([notes.replace("\r\n", "\n")], [])


@pytest.mark.parametrize("report", ["csv", "xlsx"])
@pytest.mark.parametrize(
    ("place", "cell"),
    [
        (4, "x" * 16_001),
        (0, "Ana" + " " * 20_000 + "Lima"),
        (7, "0" * 17_000 + "12"),
        (6, "x" * 990 + " " * 16_000 + "y"),
    ],
)
def test_what_is_longer_than_is_kept_is_seen_and_refused(
    tmp_path: Path, place: int, cell: str, report: Literal["csv", "xlsx"]
) -> None:
    cells = wide(len(TITLES), {0: "Ana", 1: "1", place: cell})
    path = report_of_refused(tmp_path, cells, report)
    assert is_cut(read_spreadsheet(path, Limits(), WIDE).rows.__next__()[1][place])
    stored, (why,) = values_when_corrected(path, tmp_path / "spool")
    assert stored == []
    assert ROW_ERRORS["cell_cut"] in why


def test_a_row_of_a_report_that_stands_in_another_file_is_refused_too(tmp_path: Path) -> None:
    cells = wide(len(TITLES), {0: "Ana", 1: "1", 4: cut("x" * 20_000, LONGEST_KEPT)})
    write_file(tmp_path / "upload", [TITLES, cells], "xlsx")
    assert values_when_corrected(tmp_path / "upload", tmp_path / "spool")[0] == []


@pytest.mark.parametrize("notes", [None, "x" * 1_001])
def test_whether_a_row_is_valid_depends_on_no_other_row(tmp_path: Path, notes: str | None) -> None:
    """Somebody may write the mark himself: a short row was not cut, whatever stands beside it."""
    rows = [["Nome", "Fone", "Obs"], ["Ana", PHONE, "visto [... +5] ok"]]
    write_file(tmp_path / "upload", [*rows, ["Rui", "11912345679", notes]] if notes else rows, "csv")
    file = FileOptions(columns="mapped", mapping={"Obs": "notes"})
    result, (chunk,) = run_on(tmp_path / "upload", tmp_path / "spool", file=file, on_invalid_row="skip")
    assert (result.invalid, "Ana" in chunk.live.name) == (0, True)


def test_a_correction_that_is_not_whole_is_none(tmp_path: Path) -> None:
    """A preview shows the beginning of a long cell, and whoever corrects it there begins with that."""
    write_file(tmp_path / "upload", [TITLES, wide(len(TITLES), {0: "Ana", 1: PHONE, 4: "x" * 12_000})], "csv")
    options: dict[str, Any] = {"file": WIDE, "custom_types": TYPES, "on_invalid_row": "skip"}
    options |= {"corrections": {"2": {"notes": shown("x" * 12_000)}}}
    _, (chunk,) = run_on(tmp_path / "upload", tmp_path / "spool", **options)
    assert [row.reason for row in chunk.settled] == ["cell_cut"]


@pytest.mark.parametrize("verba", ["1,50", "2"], ids=["a cell that its value does not spell", "all are spelled"])
def test_rows_that_end_later_have_their_long_cells_too(tmp_path: Path, verba: str) -> None:
    """A live row carries a long cell once, as its value."""
    cells = wide(len(TITLES), {0: "Ana", 1: PHONE, 4: "nota " * 1_900 + "fim", 7: verba})
    write_file(tmp_path / "upload", [TITLES, cells], "csv")
    options: dict[str, Any] = {"file": WIDE, "custom_types": TYPES}
    found = run_on(tmp_path / "upload", tmp_path / "spool", **options)
    assert found[1][0].live.original_cells(0)[5:] == [cells[4], "", "", verba, ""]
    assert len(found[1][0].model_dump_json()) < 13_000
    (tmp_path / "report").write_bytes(report_of(*found, "csv"))
    assert values_when_corrected(tmp_path / "report", tmp_path / "spool")[0][1] == [cells[4]]


@pytest.mark.parametrize(("length", "marked"), [(999, False), (1_000, True)])
def test_a_cell_that_may_have_been_cut_before_cells_bore_a_mark_is_marked(length: int, marked: bool) -> None:
    row = {"row_number": 2, "outcome": "error", "reason": "phone_invalid", "detail": ""}
    cells = ["Ana", "1", "", "", "x" * length]
    assert (
        is_cut(ReportForm.of({"headers": list(FILE_COLUMNS)}).cells(row | {"cells": cells}, words("en"))[4]) == marked
    )


@pytest.mark.parametrize("kept", [["a", "b", "c", "d"], ["a", "b", "c", "d", "e", "f", "g"]])
def test_reports_of_imports_that_kept_their_rows_as_they_stood_show_all_cells(kept: list[str]) -> None:
    """Rows with too many cells were kept in the order of the file, without what tells titles apart from headers."""
    file = {"headers": ["x", "Fone", "Nome"], "places": [2, 1, None, None, None]}
    form = ReportForm.of(file, {"cells_too_many": 1})
    row = {"row_number": 2, "outcome": "error", "reason": "cells_too_many", "detail": "", "cells": kept}
    assert form.cells(row, words("en"))[:3] == ["b", "c", " | ".join(kept[3:])]
    in_progress = ReportForm.of(file)
    assert in_progress.cells(row, words("en"))[len(in_progress.header(words("en"))) :] == kept[3:]
