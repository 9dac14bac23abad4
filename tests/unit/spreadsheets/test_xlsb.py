"""XLSB: values, errors that are no blanks, and files that are refused rather than read by half."""

import datetime as dt
import struct
from collections.abc import Callable
from itertools import zip_longest
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from libs.spreadsheets.excel_file import Cell, cell_text
from libs.spreadsheets.formulas import restored
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.nulls import without_nulls
from libs.spreadsheets.number_formats import dates_and_days
from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets.records import A_FILE_EACH, ANA, read_path, refusal
from tests.unit.spreadsheets.xlsb_files import (
    blank,
    boolean,
    date_styles,
    error,
    error_of_formula,
    number,
    number_in_short,
    of_formula,
    record,
    rich_text,
    right_of_it,
    row,
    shared,
    styled,
    text,
    write_xlsb,
)


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


WAYS: dict[str, tuple[Callable[[int], bytes], str]] = {
    "text": (lambda column: text(column, "Ana"), "Ana"),
    "empty text": (lambda column: text(column, ""), ""),
    "shared text": (lambda column: shared(column, 5), "Bia"),
    "number": (lambda column: number(column, 11912345678.0), "11912345678"),
    "number in short": (lambda column: number_in_short(column, -77), "-77"),
    "hundredths": (lambda column: number_in_short(column, 1250, hundredths=True), "12.5"),
    "boolean": (lambda column: boolean(column, True), "TRUE"),
    "error": (lambda column: error(column, 0x2A), "#N/A"),
    "blank": (blank, ""),
}
LONG: dict[str, tuple[Callable[[int], bytes], str]] = {
    "text that is partly bold": (lambda column: rich_text(column, "Ana"), "Ana"),
    "text of a formula": (lambda column: of_formula(text(column, "x")), "x"),
    "number of a formula": (lambda column: of_formula(number(column, 5.5)), "5.5"),
    "boolean of a formula": (lambda column: of_formula(boolean(column, False)), "FALSE"),
    "error of a formula": (lambda column: of_formula(error(column, 0x07)), "#DIV/0!"),
}
ALL = WAYS | LONG
VALUE = st.sampled_from([way for way, (_, shown) in ALL.items() if shown])


def test_a_workbook_as_sheetjs_writes_it(tmp_path: Path) -> None:
    """Without shared texts, and with the columns of the first cells of a row alone."""
    lead = row(2, text(0, "Ana"), right_of_it(number(1, 11912345678.0)))
    gap = row(3, text(0, "Bia"), right_of_it(text(1, "11987654321")), text(4, "vip"))
    path = write_xlsb(tmp_path / "upload", lead, gap, texts=None)
    assert read_path(path) == [(2, ANA), (3, ["Bia", "11987654321", "", "", "vip"])]


@A_FILE_EACH
@given(table=st.lists(st.dictionaries(st.integers(0, 6), st.tuples(st.sampled_from(list(ALL)), st.booleans()))))
def test_cells_that_are_written_in_any_way_are_read(tmp_path: Path, table: list[dict[int, tuple[str, bool]]]) -> None:
    rows = []
    for at, ways in enumerate(table, 2):
        cells = []
        for column in sorted(ways):
            way, in_short = ways[column]
            cell = ALL[way][0](column)
            cells.append(right_of_it(cell) if in_short and way in WAYS and column - 1 in ways else cell)
        rows.append(row(at, *cells))
    spreadsheet = read_spreadsheet(write_xlsb(tmp_path / "upload", *rows, texts=["Bia"]), Limits())
    found = {(at, column): shown for at, each in spreadsheet.rows for column, shown in enumerate(each) if shown}
    written = {(at, column): way for at, ways in enumerate(table, 2) for column, (way, _) in ways.items()}
    assert found == {place: ALL[way][1] for place, way in written.items() if ALL[way][1]}
    assert {(at, column) for at, faults in spreadsheet.faults.items() for column in faults} == {
        place for place, way in written.items() if "error" in way
    }


@A_FILE_EACH
@given(first=VALUE, second=VALUE, column=st.integers(0, 4), between=st.booleans())
def test_a_cell_that_has_two_values_refuses_the_file(
    tmp_path: Path, first: str, second: str, column: int, between: bool
) -> None:
    cells = [ALL[first][0](column), text(6, "x"), ALL[second][0](column)]
    path = write_xlsb(tmp_path / "upload", row(2, *(cells if between else cells[::2])), texts=["Bia"])
    refused = refusal(read_path, path)
    assert (refused.code, "Row 2 " in refused.detail) == ("file_broken", True)


def test_a_value_and_a_blank_are_the_value(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "upload", row(2, blank(0), text(0, "Ana"), blank(0), number(1, 11912345678.0)))
    assert read_path(path) == [(2, ANA)]


@pytest.mark.parametrize(
    ("style", "value", "shown"),
    [
        ("14", 45413.0, "2024-05-01"),
        ("dd/mm/yyyy", 45413.5, "2024-05-01"),
        ("dd/mm/yyyy hh:mm", 45413.5, "2024-05-01 12:00:00"),
        ("h:mm", 0.5, "12:00:00"),
        ("[h]:mm", 1.5, "1.5"),
        ("0", 45413.0, "45413"),
        ("dd/mm/yyyy", 11912345678.0, "11912345678"),
    ],
)
def test_a_number_is_a_date_where_it_is_shown_as_one(tmp_path: Path, style: str, value: float, shown: str) -> None:
    cells = text(0, "Ana"), styled(3, value, 0), styled(4, value, 1)
    path = write_xlsb(tmp_path / "upload", row(2, *cells), styles=date_styles(["0", style]))
    assert [each[4] for _, each in read_path(path)] == [shown]


def test_dates_that_are_counted_from_1904(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    for flags, shown in ((1, "2024-05-01"), (0, "2020-04-30")):
        properties = record(153, struct.pack("<III", flags, 0, 0))
        cells = row(2, text(0, "Ana"), number_in_short(4, 43951, style=1))
        write_xlsb(path, cells, styles=date_styles(["0", "14"]), properties=properties)
        assert [each[4] for _, each in read_path(path)] == [shown]


@pytest.mark.parametrize("calculates", [True, False])
def test_a_zero_is_no_value_where_formulas_are_to_be_calculated_when_the_workbook_is_opened(
    tmp_path: Path, calculates: bool
) -> None:
    properties = record(157, struct.pack("<IIIdIH", 191029, 1, 100, 0.001, 1, 0x02 | calculates))
    cells = text(0, "Ana"), of_formula(number(2, 0)), of_formula(number(3, 7)), number(4, 0)
    path = write_xlsb(tmp_path / "upload", row(2, *cells), properties=properties)
    spreadsheet = read_spreadsheet(path, Limits())
    ((_, (_, _, _, *others)),) = spreadsheet.rows
    assert others == ["7", "0"]
    assert spreadsheet.faults == ({2: {2: "cell_not_calculated"}} if calculates else {})


FORMATS = st.lists(st.sampled_from([*"0#@dmyhs.,;-/ :", "\\d", "[h]", "[$-416]", "[Red]"]), min_size=1).map("".join)


@A_FILE_EACH
@example(formats=["0"], value=61.0, words=["'="])
@example(formats=["0"], value=61.0, words=["NULL"])
@given(
    formats=st.lists(
        FORMATS.filter(lambda code: not code.isdigit()) | st.integers(0, 60).map(str),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    value=st.integers(61, 80_000).map(float) | st.integers(61, 80_000).map(lambda day: day + 0.25),
    words=st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), min_size=1, max_size=4),
)
def test_what_calamine_reads_as_well_is_read_alike(
    tmp_path: Path, formats: list[str], value: float, words: list[str]
) -> None:
    """It knows the cells that Excel writes: texts and numbers in whatever format."""
    cells = [styled(column, value, column) for column in range(len(formats))]
    names = [shared(column, 5 + column) for column in range(len(words))]
    owned = [text(column, word) for column, word in enumerate(words)]
    rows = [row(2, *cells), row(3, *names, text(9, "x")), row(4, *owned, text(9, "x"))]
    path = write_xlsb(tmp_path / "upload.xlsb", *rows, texts=words, styles=date_styles(formats))
    with CalamineWorkbook.from_path(path) as workbook:
        _, first, *others = workbook.get_sheet_by_index(0).iter_rows()
    _, days = dates_and_days({code: code for code in formats if not code.isdigit()})
    theirs = [[day_of(cell) if code in days else shown(cell) for cell, code in zip_longest(first, formats)]]
    theirs += [list(map(shown, each)) for each in others]
    ours = [each + [""] * (len(theirs[0]) - len(each)) for _, each in read_path(path)]
    # An apostrophe before a formula is taken off whatever is read, as a report has put it there.
    assert ours == [list(map(restored, without_nulls(each))) for each in theirs]


def shown(cell: Cell) -> str:
    if isinstance(cell, dt.timedelta):
        return number_text(cell / dt.timedelta(days=1))
    return str(cell).removesuffix(" 00:00:00") if isinstance(cell, (dt.time, dt.datetime)) else cell_text(cell)


def day_of(cell: Cell) -> str:
    """Return what is shown of a cell whose format has no time of day."""
    return str(cell)[: len("2024-05-01")] if isinstance(cell, dt.datetime) else shown(cell)


def test_a_part_that_is_cut_short_refuses_the_file(tmp_path: Path) -> None:
    """Or the rows behind the cut would be gone without a word."""
    path = write_xlsb(tmp_path / "upload", row(2, text(0, "Ana")), record(60, b"x" * 9)[:-4])
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize(("length", "kept"), [(20_000, 20_000), (40_000, 32_768)])
def test_a_text_is_cut_by_its_characters_however_many_units_each_has(tmp_path: Path, length: int, kept: int) -> None:
    path = write_xlsb(tmp_path / "upload", row(2, text(0, "😀" * length), text(1, "1")))
    ((_, (name, *_)),) = read_path(path)
    assert name.startswith("😀" * kept)
    assert set(name) == {"😀"}
