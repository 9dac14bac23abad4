"""What usual writers make is read by calamine: reading a sheet cell by cell takes four times as long."""

import errno
import re
import tracemalloc
import zipfile
from collections.abc import Callable, Generator
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openpyxl
import pyexcelerate
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.spreadsheets import excel_file, xlsx_bounds, xlsx_copy
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.xlsx_bounds import _is_plain
from tests.unit.spreadsheets.records import is_plain, refusal
from tests.unit.spreadsheets.workbooks import HEADER, write_xlsx

LIMITS = Limits(max_rows=100)
ROWS: list[list[Any]] = [
    ["name", "phone", "cpf", "email", "tags"],
    ["Ana", 11912345678, "", None, "a, b"],
    ["Zoé & Cia", "", "", "", ""],
]


def by_openpyxl(path: Path) -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    for row in ROWS:
        sheet.append(row)
    workbook.save(path)


def by_openpyxl_in_a_stream(path: Path) -> None:
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet()
    for row in ROWS:
        sheet.append(row)
    workbook.save(path)


def by_xlsxwriter(path: Path) -> None:
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for number, row in enumerate(ROWS):
            sheet.write_row(number, 0, row)


def by_pyexcelerate(path: Path) -> None:
    workbook = pyexcelerate.Workbook()
    workbook.new_sheet("leads", data=ROWS)
    workbook.save(str(path))


@pytest.mark.parametrize("write", [by_openpyxl, by_openpyxl_in_a_stream, by_xlsxwriter, by_pyexcelerate])
def test_what_usual_writers_make_is_read_at_once(tmp_path: Path, write: Callable[[Path], None]) -> None:
    path = tmp_path / "leads.xlsx"
    write(path)
    looked_at: list[bytes] = []

    def noted(rest: bytes, numbers: set[bytes]) -> bool:
        looked_at.append(rest)
        return not numbers

    with pytest.MonkeyPatch.context() as patch:
        # What is left for the slow looks, which take three times as long.
        patch.setattr(xlsx_bounds, "_cells_are_apart", noted)
        assert is_plain(path, LIMITS)
    assert looked_at
    assert not any(b"<row" in rest for rest in looked_at)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(excel_file, "_xml_rows", None)
        assert [cells[:5] for _, cells in read_spreadsheet(path, LIMITS).rows] == [
            ["Ana", "11912345678", "", "", "a, b"],
            ["Zoé & Cia", "", "", "", ""],
        ]


@pytest.mark.parametrize("max_rows", [5_000, 10_000, 25_000, 99_999, 100_000, 150_000, 1_000_000])
@pytest.mark.parametrize("rows", [1, 5_000])
def test_however_many_rows_a_file_may_have_a_usual_one_is_read_at_once(
    tmp_path: Path, max_rows: int, rows: int
) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        for number in range(rows):
            sheet.write_row(number, 0, ROWS[0])
    assert is_plain(path, Limits(max_rows=max_rows))


def test_a_file_with_as_many_rows_as_it_may_have_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path, {"constant_memory": True}) as workbook:
        sheet = workbook.add_worksheet()
        for number in range(120_001):
            sheet.write_row(number, 0, "ab")
    assert is_plain(path, Limits(max_rows=120_000))


@pytest.mark.parametrize("number", [0.25, -0.25])
def test_times_of_day_are_read_at_once_where_no_number_is_below_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: float
) -> None:
    """Of one below zero calamine makes a time of day as well, and only the sheet's XML tells which number it is."""
    path = tmp_path / "leads.xlsx"
    with xlsxwriter.Workbook(path) as workbook:
        sheet = workbook.add_worksheet()
        sheet.write_row(0, 0, ROWS[0])
        for at in range(1, 9):
            sheet.write_row(at, 0, ["Ana", 11912345678])
            sheet.write_number(at, 4, number if at == 8 else 0.5, workbook.add_format({"num_format": "hh:mm"}))
    as_xml: list[int] = []
    read_as_xml = excel_file._xml_rows

    def noted(*arguments: Any) -> excel_file.Records:
        for row, cells in read_as_xml(*arguments):
            as_xml.append(row)
            yield row, cells

    monkeypatch.setattr(excel_file, "_xml_rows", noted)
    hours = [cells[-1] for _, cells in read_spreadsheet(path, LIMITS).rows]
    assert hours == ["12:00:00"] * 7 + (["06:00:00"] if number > 0 else ["-0.25"])
    assert bool(as_xml) == (number < 0)


@pytest.mark.parametrize("reference", ["A1048576", "A300000", "XFD200"])
def test_a_cell_far_from_its_row_is_not_taken_for_near(tmp_path: Path, reference: str) -> None:
    path = write_xlsx(tmp_path / "leads.xlsx", f'<row r="2"><c r="{reference}"><v>1</v></c></row>')
    assert not is_plain(path, LIMITS)


@pytest.mark.parametrize(("characters", "styles", "expected"), [(255, 64_000, True), (100_000, 60_000, False)])
def test_styles_that_would_each_have_a_long_format_looked_through_are_not_read_by_calamine(
    tmp_path: Path, characters: int, styles: int, *, expected: bool
) -> None:
    """A file of 5 kB took a minute and a half. The others are as many, with as long a format, as Excel allows."""
    formats = f'<numFmts><numFmt numFmtId="164" formatCode="{"0" * characters}"/></numFmts>'
    cells = '<xf numFmtId="164"/>' * styles
    path = write_xlsx(tmp_path / "leads.xlsx", styles=f"{formats}<cellXfs>{cells}</cellXfs>")
    assert is_plain(path, Limits()) == expected
    assert len(list(read_spreadsheet(path, Limits()).rows)) == 1


def test_a_wide_export_with_one_error_is_read_as_it_is_without(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(str(tmp_path / "leads.xlsx"), {"constant_memory": True})
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, ["Nome", "Celular", *(f"Campo {number}" for number in range(38))])
    for number in range(1, 5_001):
        sheet.write_row(number, 0, [f"Lead {number}", f"119{80_000_000 + number}", *["x"] * 38])
    sheet.write_formula(5_001, 2, "=NA()", None, "#N/A")
    book.close()
    found = read_spreadsheet(tmp_path / "leads.xlsx", Limits(), FileOptions(columns="mapped"))
    assert sum(1 for _ in found.rows) == 5_001
    assert found.faults == {5_002: {2: "cell_error"}}


def of_a_shared_text(path: Path, characters: int, cells: int) -> Path:
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(2, cells + 2))
    return write_xlsx(path, HEADER + rows, shared_strings=f"<si><t>{'a' * characters}</t></si>")


def test_a_text_that_very_many_cells_share_is_read_at_once_where_it_is_short(tmp_path: Path) -> None:
    path = of_a_shared_text(tmp_path / "leads.xlsx", 1_000, 20_000)
    assert is_plain(path, Limits())
    assert len(list(read_spreadsheet(path, Limits()).rows)) == 20_000


def test_a_long_text_that_very_many_cells_share_is_not_copied_for_each_of_them(tmp_path: Path) -> None:
    """A file of 0.2 MB took 2.5 GB."""
    path = of_a_shared_text(tmp_path / "leads.xlsx", 32_000, 20_000)
    assert not is_plain(path, Limits())
    refused = refusal(lambda: list(read_spreadsheet(path, Limits()).rows))
    assert refused.detail == "The workbook's cells hold more than 20480000 characters."


def of_a_row(path: Path, number: int, cells: int, text: str) -> Path:
    """Write so many rows, each of so many cells that share a text, above the header of a sheet that is not plain."""
    row = "".join(f'<c r="{name}{{0}}" t="s"><v>0</v></c>' for name in islice(COLUMNS, cells))
    rows = "".join(f'<row r="{at}">{row.format(at)}</row>' for at in range(1, number + 1))
    rows += '<row r="99"><c r="A99" t="e"><v>#N/A</v></c></row>'
    return write_xlsx(path, rows, shared_strings=f'<si><t xml:space="preserve">{text}</t></si>')


COLUMNS = [f"{first}{second}".strip() for first in " ABCDEFGHIJKLM" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"]


@pytest.mark.parametrize(("rows", "cells", "text"), [(1, 360, "x" * 32_000 + "😀" * 700), (50, 360, " " * 32_700)])
def test_what_stands_above_the_header_counts_before_it_is_put_together(
    tmp_path: Path, rows: int, cells: int, text: str
) -> None:
    path = of_a_row(tmp_path / "leads.xlsx", rows, cells, text)
    limits = Limits(max_bytes=5_000_000)
    tracemalloc.start()
    refused = refusal(lambda: read_spreadsheet(path, limits))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert refused.code == "file_too_large"
    assert peak < 10_000_000


def test_a_disk_without_room_for_a_copy_is_said_to_be_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    path = write_xlsx(tmp_path / "leads.xlsx")
    monkeypatch.setattr(xlsx_copy, "zipfile", SimpleNamespace(ZipFile=full, ZIP_STORED=zipfile.ZIP_STORED))
    with pytest.raises(OSError, match="No space") as raised:
        read_spreadsheet(path, LIMITS)
    assert raised.value.errno == errno.ENOSPC


# A quick look at usual rows says what the slow looks at all rows would

USUAL = st.sampled_from(
    [
        *["/>", " />", "></c>", "><v>5</v></c>", ' s="3"><v>5</v></c>', ' t="s"><v>5</v></c>', ' t="n"><v>5</v></c>'],
        *[' t="str"><v>x</v></c>', ' t="b"><v>1</v></c>', ' s="12" t="inlineStr"><is><t>x &lt; y!</t></is></c>'],
        *[' t="inlineStr"><is><t xml:space="preserve"> x</t></is></c>', ' t="inlineStr" />', ' t="inlineStr"/>'],
        *[' t="s"/>', ' t="str"><v>a &amp; &#50;</v></c>'],
    ]
)
ODD = st.sampled_from(
    [
        *[' t="e"><v>#N/A</v></c>', ' t="s"><v>-1</v></c>', "><f>A1</f></c>", ' t="str"><v>\0</v></c>', ' t="x"/>'],
        *["><v>5</v><!-- --></c>", ' t="inlineStr"><is><r><t>x</t></r></is></c>', '><v>5</v></c><x:c r="A1"/>'],
        *["><v>1&#50;</v></c>", ' t="n"><v>&#49;</v></c>', "><v>1</v><v>2</v></c>", ' t="b"><v>&#48;</v></c>'],
        *[' t="str"><f>A1</f><v>x</v></c>', '><v>5</v></c><c r="A1"><v>6</v></c>', "><v>5</c>"],
    ]
)
TAG = st.sampled_from(['<row r="%d">', '<row r="%d">', '<row r="%d" spans="1:5">', '<row spans="1:5" r="%d">'])
ROW = st.tuples(TAG, st.lists(st.tuples(st.sampled_from("ABCDL"), USUAL), max_size=4, unique_by=lambda cell: cell[0]))
FLAW = st.sampled_from(["", "number", "place", "twice", "column", "order", "odd"])


def blocks_of(xml: bytes, size: int) -> Generator[bytes, None, None]:
    for at in range(0, len(xml), size):
        yield xml[at : at + size]


def rows_of(rows: list[tuple[str, list[tuple[str, str]]]], flaw: str, at: int, odd: str) -> str:
    """Return rows from number 2 on, the one at the place with the flaw."""
    written = []
    for place, (tag, content) in enumerate(rows):
        number, flawed = place + 2, flaw if place == at else ""
        cells = sorted(content, reverse=flawed == "order")
        if cells and flawed == "twice":
            cells.append(cells[-1])
        if flawed == "column":
            cells.append(("M", "/>"))
        references = [f"{column}{number}" for column, _ in cells]
        if cells and flawed == "place":
            references[-1] = f"{cells[-1][0]}{number * 10}"
        contents = [inside for _, inside in cells]
        if cells and flawed == "odd":
            contents[-1] = odd
        number -= flawed == "number"
        inside = "".join(
            f'<c r="{reference}"{content}' for reference, content in zip(references, contents, strict=True)
        )
        written.append(f"{tag % number}{inside}</row>")
    return "".join(written)


@settings(max_examples=400)
@given(
    rows=st.lists(ROW, min_size=1, max_size=4),
    flaw=FLAW,
    at=st.integers(0, 3),
    odd=ODD,
    before=st.sampled_from(["", "", '<row r="1"/>', '<row r="1"></row></sheetData><sheetData>']),
    behind=st.sampled_from(["", "", " ", '<c r="A2"/>', '<row r="9"><c r="A9"/></row>', "<row/>"]),
    size=st.integers(1, 2_000),
)
def test_a_quick_look_at_usual_rows_says_what_the_slow_looks_say(
    rows: list[tuple[str, list[tuple[str, str]]]],
    flaw: str,
    at: int,
    odd: str,
    before: str,
    behind: str,
    size: int,
) -> None:
    xml = f"<worksheet><cols><col/></cols><sheetData>{before}{rows_of(rows, flaw, at % len(rows), odd)}{behind}"
    written = f"{xml}</sheetData></worksheet>".encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xlsx_bounds, "_USUAL_ROW", re.compile(rb"(?!)()"))
        slowly = _is_plain(blocks_of(written, size), LIMITS)
    quickly = _is_plain(blocks_of(written, size), LIMITS)
    # Of a cell behind its row the quick look may not know, which costs time alone.
    assert quickly == slowly or (behind.startswith("<c") and not quickly)
