"""XLS: however its cells are written they are read alike, and how far they may spread has a bound."""

import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import A_FILE_EACH, ANA, read_path, refusal

LEAD = xls.HEADER + xls.text(1, 0, "Ana") + xls.number(1, 1, 11912345678.0)
TEXTS = ["Bia", "", "11987654321"]
SMALL = Limits(max_rows=1)

WAYS: dict[str, tuple[Callable[[int, int], bytes], str]] = {
    "text": (lambda row, column: xls.text(row, column, "Ana"), "Ana"),
    "shared text": (lambda row, column: xls.shared(row, column, 2), "11987654321"),
    "number": (lambda row, column: xls.number(row, column, 11912345678.0), "11912345678"),
    "short number": (lambda row, column: xls.short_number(row, column, 77), "77"),
    "several numbers": (lambda row, column: xls.numbers(row, column, [78]), "78"),
    "error": (lambda row, column: xls.error(row, column, 0x2A), "#N/A"),
    "formula of a number": (lambda row, column: xls.formula(row, column, 5.5), "5.5"),
    "formula of a text": (lambda row, column: xls.formula(row, column, "x"), "x"),
    "formula of Excel 4": (lambda row, column: xls.formula(row, column, 6.5, 0x0406), "6.5"),
    "text of a formula of Excel 3": (lambda row, column: xls.formula(row, column, "y", 0x0206), "y"),
    "blank": (xls.blank, ""),
}
WAY = st.sampled_from(list(WAYS))
VALUE = st.sampled_from([way for way, (_, text) in WAYS.items() if text])
PLACE = st.tuples(st.integers(1, 6), st.integers(0, 4))


@A_FILE_EACH
@given(cells=st.dictionaries(PLACE, WAY, max_size=12), data=st.data())
def test_cells_in_any_order_written_in_any_way_are_read(
    tmp_path: Path, cells: dict[tuple[int, int], str], data: st.DataObject
) -> None:
    """Programs that write a workbook as they are told do not sort its cells (Spreadsheet::WriteExcel of Perl)."""
    ordered = data.draw(st.permutations(list(cells.items())))
    records = b"".join(WAYS[way][0](*place) for place, way in ordered)
    spreadsheet = read_spreadsheet(xls.write(tmp_path / "upload", xls.HEADER + records, texts=TEXTS), Limits())
    found = {(row - 1, column): text for row, each in spreadsheet.rows for column, text in enumerate(each) if text}
    assert found == {place: WAYS[way][1] for place, way in cells.items() if WAYS[way][1]}
    assert {(row - 1, column) for row, faults in spreadsheet.faults.items() for column in faults} == {
        place for place, way in cells.items() if way == "error"
    }


@A_FILE_EACH
@given(first=VALUE, second=VALUE, between=st.booleans(), place=PLACE)
def test_a_cell_that_has_two_values_refuses_the_file(
    tmp_path: Path, first: str, second: str, between: bool, place: tuple[int, int]
) -> None:
    """Which of them is shown depends on who reads it: it could be another person's phone."""
    other = xls.text(7, 0, "Cida") if between else b""
    records = xls.HEADER + WAYS[first][0](*place) + other + WAYS[second][0](*place)
    refused = refusal(read_path, xls.write(tmp_path / "upload", records, texts=TEXTS))
    assert (refused.code, f"Row {place[0] + 1} " in refused.detail) == ("file_broken", True)


def test_a_cell_among_several_that_stands_alone_too_refuses_the_file(tmp_path: Path) -> None:
    written = LEAD + xls.numbers(2, 0, [1, 2, 3]) + xls.number(2, 2, 9.0)
    assert "Row 3 " in refusal(read_path, xls.write(tmp_path / "upload", written)).detail


@pytest.mark.parametrize("first", [True, False])
def test_a_value_and_a_blank_are_the_value(tmp_path: Path, first: bool) -> None:
    blank = xls.blank(1, 1)
    written = blank + LEAD if first else LEAD + blank
    assert read_path(xls.write(tmp_path / "upload", written)) == [(2, ANA)]


@pytest.mark.parametrize(
    "records",
    [
        xls.text_of_formula("11900000000"),
        xls.formula(1, 2, 5.0) + xls.text_of_formula("11900000000"),
        xls.formula(1, 2, "x") + xls.text_of_formula("11900000000"),
        xls.formula(1, 2, "x") + xls.number(1, 3, 5.0) + xls.text_of_formula("11900000000"),
    ],
    ids=["no formula", "formula of a number", "second text", "not behind it"],
)
def test_a_text_that_belongs_to_no_formula_refuses_the_file(tmp_path: Path, records: bytes) -> None:
    """Excel passes over it; others show it in the cell of the last formula, or in A1."""
    assert refusal(read_path, xls.write(tmp_path / "upload", LEAD + records)).code == "file_broken"


@pytest.mark.parametrize("behind", [b"", xls.blank(1, 4), xls.text(2, 0, "Bia")])
def test_a_formula_whose_text_does_not_follow_is_no_blank(tmp_path: Path, behind: bytes) -> None:
    without = xls.formula(1, 3, "").removesuffix(xls.text_of_formula(""))
    spreadsheet = read_spreadsheet(xls.write(tmp_path / "upload", LEAD + without + behind), Limits())
    assert next(spreadsheet.rows) == (2, [*ANA[:3], "=", ""])
    assert spreadsheet.faults == {2: {3: "cell_not_calculated"}}


OTHERS = {
    "say that they are large": [xls.size(65_536, 256)] * 3,
    "say what none can be": [xls.size(70_000, 300)],
    "have cells far apart": [xls.text(0, 0, "x") + xls.text(65_535, 200, "x")] * 3,
    "have cells that no sheet has": [xls.number(2, 300, 1.0)],
}


@pytest.mark.parametrize("kind", OTHERS)
def test_of_other_sheets_nothing_is_looked_at(tmp_path: Path, kind: str) -> None:
    assert read_path(xls.write(tmp_path / "upload", LEAD, *OTHERS[kind])) == [(2, ANA)]


def test_what_stands_behind_a_chart_is_read_and_what_stands_in_it_is_not(tmp_path: Path) -> None:
    path = xls.write(tmp_path / "upload", LEAD + xls.CHART + xls.text(2, 0, "Bia"))
    assert read_path(path) == [(2, ANA), (3, ["Bia", "", "", "", ""])]


def test_a_sheet_without_its_end_is_refused(tmp_path: Path) -> None:
    """Rows behind the cut would be gone without a word."""
    path = xls.write(tmp_path / "upload", LEAD)
    content = path.read_bytes()
    assert content.count(xls.END) == 2
    path.write_bytes(content[: content.rindex(xls.END)] + b"\x0b" + content[content.rindex(xls.END) + 1 :])
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("column", [256, 257, 65_535])
def test_a_cell_in_a_column_that_no_sheet_has_refuses_the_file(tmp_path: Path, column: int) -> None:
    path = xls.write(tmp_path / "upload", LEAD + xls.number(2, column, 1.0))
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("value", [xls.number(2, 0, 1.0), xls.short_number(2, 0, 1), xls.error(2, 0, 7)])
def test_a_cell_that_is_cut_short_refuses_the_file(tmp_path: Path, value: bytes) -> None:
    """What stands behind it would be taken for its value."""
    kind, length = struct.unpack_from("<HH", value)
    path = xls.write(tmp_path / "upload", LEAD + xls.record(kind, value[4 : 3 + length]) + xls.blank(3, 3))
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("last", [0, 2, 4, 65_535])
def test_several_numbers_that_say_they_are_more_or_fewer_refuse_the_file(tmp_path: Path, last: int) -> None:
    written = xls.numbers(2, 0, [1, 2, 3, 4])[:-2] + struct.pack("<H", last)
    assert refusal(read_path, xls.write(tmp_path / "upload", LEAD + written)).code in {"file_broken", "file_too_large"}
