"""Files after public bug reports, each for a kind (``tests/fixtures/files/reported/README.md``): what comes of them."""

from pathlib import Path

import pytest

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets.records import read_path, refusal

REPORTED = Path(__file__).resolve().parents[2] / "fixtures" / "files" / "reported"

READ = {
    "01-workbook2.xlsx": [["Ana Prado", "11981230101", "07158230600", "ana@lojaexemplo.com.br", "VIP, Novo"]],
    "13-line-break-in-first-header.csv": [["Ana Prado", "11981231301", "", "", "VIP"]],
    "14-whole-lines-quoted.csv": [["Ana Prado", "11981231401", "", "", "VIP"]],
    "16-space-before-quotes.csv": [
        ["Ana Prado", "11981231601", "", "", "VIP"],
        ["Bia Paz", "11981231602", "", "", "VIP, Novo"],
    ],
    "17-equals-quoted.csv": [["Ana Prado", "11981231701", "07158230600", "", "VIP"]],
}

REFUSED = {
    "02-shared-string-minus-one.xlsx": ("file_broken", "Row 3 of the workbook names a text that is not in the file."),
    "08-excel-mac.csv": ("file_encoding", "Macintosh: “Damião”"),
    "10-two-encodings.csv": ("file_encoding", "Some rows are encoded in UTF-8 and some are not"),
    "14b-all-in-column-a.xlsx": ("file_headers", "All columns stand in one cell."),
}

FAULTS = {
    "04-formulas-never-calculated.xlsx": {2: dict.fromkeys((2, 3, 4), "cell_not_calculated")},
    "05-errors.xls": {2: {2: "cell_error"}, 3: {3: "cell_error"}},
    "07-spill-error.xlsx": {3: {3: "cell_error"}},
}

AS_TEXT = {"07b-na-in-name-and-tags.xlsx": [(2, 0, "#N/A"), (3, 4, "#N/A")]}


def test_every_reported_file_is_looked_at() -> None:
    named = {path.name for path in REPORTED.iterdir()} - {"README.md"}
    assert named == READ.keys() | REFUSED.keys() | FAULTS.keys() | AS_TEXT.keys()


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    found = [cells for _, cells in read_path(REPORTED / name)]
    assert found[: len(READ[name])] == READ[name]


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_and_why(name: str) -> None:
    refused = refusal(read_path, REPORTED / name)
    code, words = REFUSED[name]
    assert refused.code == code
    assert words in refused.detail


@pytest.mark.parametrize("name", FAULTS)
def test_which_cells_hold_no_value(name: str) -> None:
    spreadsheet = read_spreadsheet(REPORTED / name, Limits())
    rows = dict(spreadsheet.rows)
    assert spreadsheet.faults == FAULTS[name]
    assert all(rows[row][column] for row, columns in FAULTS[name].items() for column in columns)


@pytest.mark.parametrize("name", AS_TEXT)
def test_texts_that_look_like_errors_are_read_as_they_stand(name: str) -> None:
    rows = dict(read_path(REPORTED / name))
    assert [(row, column, rows[row][column]) for row, column, _ in AS_TEXT[name]] == AS_TEXT[name]
