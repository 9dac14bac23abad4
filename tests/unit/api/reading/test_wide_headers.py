"""Of a row with fewer cells than a wide header the rest is blank, as if it had been written; it is not filled up."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from libs.fields.custom_values import OwnField
from libs.spreadsheets.columns import MOST_TOLD
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.header import FILE_COLUMNS
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from services.api.reading.domain.file_to_chunks import file_to_chunks
from services.api.reading.domain.job import ReadingJob
from tests.unit.api.reading.runs import ENVELOPE, run_on
from tests.unit.spreadsheets.workbooks import cell, write_xlsx
from tests.unit.spreadsheets.workbooks import row as xlsx_row

PHONES = [f"1191234567{at}" for at in range(10)]
KEEPS: dict[str, Any] = {"own_fields": [OwnField("verba", "Verba", "number")], "custom_types": {"verba": "number"}}


def header(width: int, places: dict[int, str]) -> list[str]:
    return [places.get(at, f"x{at}") for at in range(width)]


def rows_of(titles: Sequence[str]) -> list[list[str]]:
    """Return rows that end at each of the columns that hold something, and one that has too many cells."""
    at_name, at_phone = titles.index("Nome"), titles.index("Celular")
    rows = []
    for phone, last in zip(PHONES, [5, at_name, at_phone, 99, 100, 150, len(titles) - 1, len(titles)], strict=False):
        cells = [""] * (max(last, at_name, at_phone) + 1)
        cells[at_name], cells[at_phone] = "Ana", phone
        cells[last] = cells[last] or "7"
        rows.append(cells[: last + 1])
    return [*rows, ["Bia"]]


def outcome(folder: Path, rows: Sequence[Sequence[str]], **options: Any) -> tuple[Any, ...]:
    """Return all that an import and a preview say of a file."""
    upload = folder / "upload"
    upload.write_text("".join(f"{';'.join(cells)}\n" for cells in rows))
    given: dict[str, Any] = {"on_invalid_row": "skip", "chunk_rows": 500} | options
    result, chunks = run_on(upload, folder / "spool", **given)
    shown = folder / "preview.json"
    paths = str(upload), str(folder / "spool")
    previewed = file_to_chunks(ReadingJob(*paths, ENVELOPE, preview_path=str(shown), **given))
    return result, chunks, previewed, json.loads(shown.read_text())


@pytest.mark.parametrize("options", [{}, KEEPS], ids=["left out", "kept"])
@pytest.mark.parametrize(
    "places",
    [
        {0: "Nome", 1: "Celular"},
        {120: "Nome", 140: "Celular", 160: "Verba", 3: "E-mail"},
        {0: "Celular", 199: "Nome", 98: "Verba"},
        {0: "Nome", 1: "Celular", 196: "too many cells", 197: "row", 198: "outcome", 199: "reason"},
        {0: "Nome", 1: "Celular", 197: "row", 198: "outcome", 199: "reason"},
    ],
)
def test_a_row_is_read_as_if_its_missing_cells_were_written(
    tmp_path: Path, places: dict[int, str], options: dict[str, Any]
) -> None:
    titles = header(200, places)
    mapping = {"Verba": "custom:verba"} if "Verba" in titles else {}
    given = {"custom_types": {"verba": "number"}, "file": FileOptions(columns="mapped", mapping=mapping)} | options
    short = rows_of(titles)
    full = [cells + [""] * (len(titles) - len(cells)) for cells in short]
    found = outcome(tmp_path, [titles, *short], **given)
    assert found == outcome(tmp_path, [titles, *full], **given)
    assert (found[0].refusal, found[0].total_rows) == (None, 9)
    assert "Ana" in found[1][0].live.name


def test_what_rows_of_a_report_say_of_themselves_is_known_without_a_reason(tmp_path: Path) -> None:
    titles = [*FILE_COLUMNS, "row", "outcome", "reason"]
    rows = [["Ana", "1", "", "", "", "17", "error"], ["Bia", "2", "", "", "", "18", "error", "x"], ["Cida", "3"]]
    result, *_ = outcome(tmp_path, [titles, *rows])
    assert [said["row"] for said in result.reported] == [17, 18]


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_wide_header_makes_no_large_file_of_a_small_one(tmp_path: Path, kind: str) -> None:
    path, width = tmp_path / "upload", 16_384
    short = [["Ana", f"119{number:08}"] for number in range(200)]
    if kind == "csv":
        lines = [["nome", "celular", *[""] * (width - 3), "x"], *short]
        path.write_text("".join(f"{','.join(cells)}\n" for cells in lines))
    else:
        titles = [cell("A1", "nome"), cell("B1", "celular"), cell("XFD1", "x")]
        rows = [xlsx_row(number, *cells) for number, cells in enumerate(short, 2)]
        write_xlsx(path, f'<row r="1">{"".join(titles)}</row>{"".join(rows)}')
    read = read_spreadsheet(path, Limits(), FileOptions(columns="mapped", mapping={"x": "notes"}))
    found = [cells for _, cells in read.rows]
    assert (read.columns.width, len(found)) == (width, len(short))
    assert max(map(len, found)) <= MOST_TOLD, "each row would cost as much as the header"
    assert [read.columns.wanted(cells) for cells in found] == [[*cells, "", "", "", ""] for cells in short]
