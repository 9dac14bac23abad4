"""A date whose format shows no time of day is the day alone, as everybody reads it, whatever its cell holds."""

from collections.abc import Callable
from pathlib import Path

import openpyxl
import pytest
import xlwt

from libs.spreadsheets import excel_file
from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import is_plain, read_path
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, cell, write_xlsx
from tests.unit.spreadsheets.xlsb_files import date_styles, row, styled, text, write_xlsb

Write = Callable[[Path, str, float], object]


def as_xlsx(path: Path, code: str, number: float) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADERS)
    sheet.append(["Ana", 11912345678, None, None, number])
    sheet["E2"].number_format = code
    book.save(path)


def as_xls(path: Path, code: str, number: float) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, (header, value) in enumerate(zip(HEADERS, ["Ana", 11912345678, "", "", number], strict=True)):
        sheet.write(0, column, header)
        sheet.write(1, column, value, xlwt.easyxf(num_format_str=code if column == 4 else "General"))
    book.save(str(path))


def as_xlsb(path: Path, code: str, number: float) -> None:
    cells = text(0, "Ana"), styled(4, number, 1)
    write_xlsb(path, row(2, *cells), styles=date_styles(["0", code]))


@pytest.mark.parametrize("write", [as_xlsx, as_xls, as_xlsb])
@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("dd/mm/yyyy", 45413.5, "2024-05-01"),
        # SheetJS in a browser in Brazil, of 28 November 2026.
        ("m/d/yy", 46353.99967592592, "2026-11-27"),
        # As formulas of times make it, of midnight; Excel shows the day that begins then.
        ("dd/mm/yyyy", 46353.99999999999, "2026-11-28"),
        ('d "de" mmmm "de" yyyy', 45413.25, "2024-05-01"),
        ("[$-416]mmm/yy;@", 45413.25, "2024-05-01"),
        ("dd/mm/yyyy [h]:mm", 45413.5, "2024-05-01 12:00:00"),
        ("dd/mm/yyyy hh:mm", 45413.5, "2024-05-01 12:00:00"),
        ("yyyy-mm-dd h:mm:ss", 45413.0, "2024-05-01"),
        ("hh:mm", 45413.25, "2024-05-01 06:00:00"),
        ("dd/mm/yyyy", 0.25, "06:00:00"),
    ],
)
def test_a_date_is_what_its_format_shows_of_it(
    tmp_path: Path, write: Write, code: str, number: float, shown: str
) -> None:
    write(tmp_path / "upload", code, number)
    assert [cells[4] for _, cells in read_path(tmp_path / "upload")] == [shown]


def test_formats_that_excel_does_not_spell_out(tmp_path: Path) -> None:
    write_xlsb(
        tmp_path / "upload",
        row(2, text(0, "Ana"), *(styled(column, 45413.25, column) for column in (1, 2, 3))),
        styles=date_styles(["0", "14", "22", "17"]),
    )
    ((_, cells),) = read_path(tmp_path / "upload")
    assert cells[1:4] == ["2024-05-01", "2024-05-01 06:00:00", "2024-05-01"]


@pytest.mark.parametrize(
    ("code", "shown"), [("yyyy-mm-dd h:mm:ss", "2024-05-01 06:00:00"), ("dd/mm/yyyy", "2024-05-01")]
)
def test_where_all_dates_are_shown_alike_they_are_read_by_calamine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, shown: str
) -> None:
    """In a fifth of the time, and however wide the sheet is."""
    monkeypatch.setattr(excel_file, "sheet_rows", None)
    as_xlsx(tmp_path / "upload", code, 45413.25)
    assert [cells[4] for _, cells in read_path(tmp_path / "upload")] == [shown]


def test_dates_of_which_some_are_shown_with_a_time_of_day(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for cells in (HEADERS, ["Ana", 11912345678, 45413.25, 45413.25, 45413.25]):
        sheet.append(cells)
    for place, code in (("C2", "dd/mm/yyyy"), ("D2", "dd/mm/yyyy hh:mm"), ("E2", "mmm/yy")):
        sheet[place].number_format = code
    book.save(tmp_path / "upload")
    assert [cells[2:] for _, cells in read_path(tmp_path / "upload")] == [
        ["2024-05-01", "2024-05-01 06:00:00", "2024-05-01"]
    ]


def test_a_wide_sheet_with_days_and_times_is_read_as_one_with_days_alone(tmp_path: Path) -> None:
    """A birthday and when a lead was made, in an export of a hundred columns with borders, nearly all of them blank."""
    styles = (
        '<numFmts count="2"><numFmt numFmtId="164" formatCode="dd/mm/yyyy"/>'
        '<numFmt numFmtId="165" formatCode="dd/mm/yyyy hh:mm"/></numFmts>'
        '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/></cellXfs>'
    )
    named = [column + second for column in " ABCD" for second in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"][5:125]
    blank = "".join(f'<c r="{name.strip()}{{0}}" s="1"/>' for name in named)
    lead = f'<row r="{{0}}">{cell("A{0}", "Ana")}<c r="E{{0}}" s="2"><v>45413.25</v></c>{blank}</row>'
    write_xlsx(tmp_path / "upload", HEADER + "".join(lead.format(at) for at in range(2, 5_002)), styles=styles)
    rows = read_path(tmp_path / "upload")
    assert len(rows) == 5_000
    assert {cells[4] for _, cells in rows} == {"2024-05-01 06:00:00"}


@pytest.mark.parametrize(("code", "others"), [("dd/mm/yyyy hh:mm", "dd/mm/yyyy"), ("dd/mm/yyyy", "dd/mm/yyyy hh:mm")])
@pytest.mark.parametrize("around", [("<dxfs><dxf>", "</dxf></dxfs>"), ("<ext><numFmts>", "</numFmts></ext>")])
def test_formats_of_tables_and_conditions_are_none_of_cells(
    tmp_path: Path, code: str, others: str, around: tuple[str, str]
) -> None:
    """Their numbers mean others: Excel counts those of conditions and of tables' columns by themselves."""
    styles = (
        f'<numFmts count="1"><numFmt numFmtId="164" formatCode="{code}"/></numFmts>'
        '<cellStyleXfs count="1"><xf numFmtId="17"/></cellStyleXfs>'
        '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164"/></cellXfs>'
        f'{around[0]}<numFmt numFmtId="164" formatCode="{others}"/>{around[1]}'
    )
    lead = f'<row r="2">{cell("A2", "Ana")}<c r="E2" s="1"><v>45413.25</v></c></row>'
    write_xlsx(tmp_path / "upload", HEADER + lead, styles=styles)
    assert is_plain(tmp_path / "upload", Limits())
    expected = "2024-05-01 06:00:00" if "hh" in code else "2024-05-01"
    assert [cells[4] for _, cells in read_path(tmp_path / "upload")] == [expected]


def test_a_format_that_is_spelt_out_goes_before_one_that_need_not_be(tmp_path: Path) -> None:
    styles = '<numFmts count="1"><numFmt numFmtId="14" formatCode="dd/mm/yyyy hh:mm"/></numFmts>'
    styles += '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs>'
    lead = f'<row r="2">{cell("A2", "Ana")}<c r="E2" s="1"><v>45413.25</v></c></row>'
    write_xlsx(tmp_path / "upload", HEADER + lead, styles=styles)
    assert [cells[4] for _, cells in read_path(tmp_path / "upload")] == ["2024-05-01 06:00:00"]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("2026-11-28T00:00:00.000Z", "2026-11-28"),
        ("2026-11-28T03:00:00.000Z", "2026-11-28 03:00:00"),
        ("2009-04-20T00:00:00.000", "2009-04-20"),
        ("2026-11-28T10:30:00", "2026-11-28 10:30:00"),
        ("2026-11-28", "2026-11-28"),
        ("28/11/2026", "28/11/2026"),
        ("2026-11-28T00:00:00.000Z and more than any date has", "2026-11-28T00:00:00.000Z and more than any date has"),
    ],
)
def test_a_date_that_a_cell_spells_out(tmp_path: Path, written: str, shown: str) -> None:
    """As SheetJS, AG Grid, Ext JS and the Open XML SDK write it."""
    lead = f'<row r="2"><c r="A2" t="str"><v>Ana</v></c><c r="E2" t="d"><v>{written}</v></c></row>'
    write_xlsx(tmp_path / "upload", HEADER + lead)
    assert not is_plain(tmp_path / "upload", Limits())
    assert [cells[4] for _, cells in read_path(tmp_path / "upload")] == [shown]
