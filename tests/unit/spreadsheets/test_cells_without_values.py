"""A cell that shows an error, or is a formula whose value was never stored, is told as such and never read as blank."""

import struct
import zipfile
from array import array
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest
import xlsxwriter
import xlwt
from hypothesis import given
from hypothesis import strategies as st
from openpyxl.worksheet.formula import ArrayFormula

from libs.spreadsheets import xls_marks
from libs.spreadsheets.cell_faults import Faults
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import A_FILE_EACH, Records, gives_records_or_a_refusal, refusal
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, ErrorCode, cell, row, write_xls, write_xlsb, write_xlsx

STRINGS = "".join(f"<si><t>{text}</t></si>" for text in [*HEADERS, "Ana", "11912345678"])
SHARED_HEADER = '<row r="1">' + "".join(f'<c r="{c}1" t="s"><v>{at}</v></c>' for at, c in enumerate("ABCDE")) + "</row>"

WITHOUT = {
    "error": ('<c r="C2" t="e"><v>#N/A</v></c>', "cell_error", "#N/A"),
    "error in single quotes": ("<c r='C2' t='e'><v>#REF!</v></c>", "cell_error", "#REF!"),
    "error that came later": ('<c r="C2" t="e"><v>#SPILL!</v></c>', "cell_error", "#SPILL!"),
    "error without its text": ('<c r="C2" t="e"/>', "cell_error", "#ERROR!"),
    "error of a formula": ('<c r="C2" t="e"><f>1/0</f><v>#DIV/0!</v></c>', "cell_error", "#DIV/0!"),
    "error in a section of raw text": ('<c r="C2" t="e"><v><![CDATA[#NUM!]]></v></c>', "cell_error", "#NUM!"),
    "formula without a value": ('<c r="C2"><f>A2&amp;"x"</f></c>', "cell_not_calculated", '=A2&"x"'),
    "formula with a value element that is empty": ('<c r="C2"><f>A2</f><v/></c>', "cell_not_calculated", "=A2"),
    "formula with an empty value": ('<c r="C2"><f>A2</f><v></v></c>', "cell_not_calculated", "=A2"),
    "formula that is shared": ('<c r="C2"><f t="shared" si="0"/></c>', "cell_not_calculated", "="),
    "formula of a text without a value": ('<c r="C2" t="str"><f>A2</f></c>', "cell_not_calculated", "=A2"),
}


def read_with_faults(path: Path) -> tuple[Records, Faults]:
    spreadsheet = read_spreadsheet(path, Limits())
    return list(spreadsheet.rows), spreadsheet.faults


@pytest.mark.parametrize("kind", WITHOUT)
def test_a_cell_without_a_value_is_told_as_such(tmp_path: Path, kind: str) -> None:
    written, fault, text = WITHOUT[kind]
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}{cell("B2", "11912345678")}{written}</row>{row(3, "Bia")}'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows))
    assert records == [(2, ["Ana", "11912345678", text, "", ""]), (3, ["Bia", "", "", "", ""])]
    assert faults == {2: {2: fault}}


ZEROS = ["<v>0</v>", "<v> 0.0 </v>", "<v>-0</v>", '<v xml:space="preserve">0</v>']


@pytest.mark.parametrize("kind", ["", ' t="n"', ' t="str"'])
@pytest.mark.parametrize("value", ZEROS)
def test_a_zero_is_no_value_where_formulas_are_to_be_calculated_when_the_workbook_is_opened(
    tmp_path: Path, kind: str, value: str
) -> None:
    written = f'<c r="C2"{kind}><f>A2</f>{value}</c>'
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}{cell("B2", "11912345678")}{written}</row>'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows, properties='<calcPr fullCalcOnLoad="1"/>'))
    assert records == [(2, ["Ana", "11912345678", "=A2", "", ""])]
    assert faults == {2: {2: "cell_not_calculated"}}


def test_a_zero_beside_a_formula_of_an_array_is_no_value_where_its_formulas_are_to_be_calculated(
    tmp_path: Path,
) -> None:
    """XlsxWriter fills the array's other cells with zeros, which have no formula of their own."""
    book = xlsxwriter.Workbook(tmp_path / "upload")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADERS)
    for at, name in enumerate(["Ana", "Bia", "Caio"], 1):
        sheet.write_row(at, 0, [name, "11912345678"])
    sheet.write_array_formula("C2:D3", '{=A2:B3&""}')
    sheet.write_number("E2", 0)
    sheet.write_number("C4", 0)
    book.close()
    records, faults = read_with_faults(tmp_path / "upload")
    assert [cells[2:] for _, cells in records] == [['=A2:B3&""', "=", "0"], ["=", "=", ""], ["0", "", ""]]
    assert faults == {2: dict.fromkeys((2, 3), "cell_not_calculated"), 3: dict.fromkeys((2, 3), "cell_not_calculated")}


def test_a_zero_beside_a_formula_whose_own_value_is_known_is_none_all_the_same(tmp_path: Path) -> None:
    book = xlsxwriter.Workbook(tmp_path / "upload")
    sheet = book.add_worksheet()
    sheet.write_row(0, 0, HEADERS)
    for at in (1, 2):
        sheet.write_row(at, 0, ["Ana", "11912345678"])
    sheet.write_array_formula("E2:E3", "{=A2:A3}", value="VIP")
    book.close()
    records, faults = read_with_faults(tmp_path / "upload")
    assert [cells[4] for _, cells in records] == ["VIP", "="]
    assert faults == {3: {4: "cell_not_calculated"}}


def test_what_an_array_fills_has_no_value_where_its_formula_has_none(tmp_path: Path) -> None:
    """openpyxl, and nearly all who do not calculate, write the formula alone, and nothing in the cells it fills."""
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for at, cells in enumerate([HEADERS, *[["Ana", "11912345678"]] * 4], 1):
        for column, text in enumerate(cells, 1):
            sheet.cell(at, column, text)
    sheet["D2"] = ArrayFormula("D2:E4", "=UPPER(A2:B4)")
    sheet["E3"] = "vip"
    book.save(tmp_path / "upload")
    records, faults = read_with_faults(tmp_path / "upload")
    assert [cells[3:] for _, cells in records] == [["=UPPER(A2:B4)", "="], ["=", "vip"], ["=", "="], ["", ""]]
    both = dict.fromkeys((3, 4), "cell_not_calculated")
    assert faults == {2: both, 3: {3: "cell_not_calculated"}, 4: both}


def test_an_array_that_begins_within_another_one_takes_its_place(tmp_path: Path) -> None:
    waits = '<c r="C2"><f t="array" ref="C2:C4">A2:A4</f></c>'
    has = '<c r="C3" t="str"><f t="array" ref="C3:C4">A3:A4</f><v>x</v></c>'
    rows = f'{HEADER}<row r="2">{waits}</row><row r="3">{has}</row>{row(4, "Bia")}'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows))
    assert [cells[2] for _, cells in records] == ["=A2:A4", "x", ""]
    assert faults == {2: {2: "cell_not_calculated"}}


@pytest.mark.parametrize("properties", ["", '<calcPr fullCalcOnLoad="1"/>'])
def test_what_an_array_holds_besides_zeros_are_values(tmp_path: Path, properties: str) -> None:
    array = '<c r="C2" t="str"><f t="array" ref="C2:$D$3">A2:B3</f><v>Ana</v></c><c r="D2" t="e"><v>#N/A</v></c>'
    more = f'<row r="3"><c r="C3"><v>0</v></c><c r="D3"/><c r="E3" t="str"><v>x</v></c></row>{row(4, "Bia")}'
    rows = f'{HEADER}<row r="2">{array}</row>{more}'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows, properties=properties))
    zero, fault = ("=", {2: "cell_not_calculated"}) if properties else ("0", None)
    assert [cells[2:] for _, cells in records] == [["Ana", "#N/A", ""], [zero, "", "x"], ["", "", ""]]
    assert faults == {2: {3: "cell_error"}} | ({3: fault} if fault else {})


def test_an_array_as_wide_as_a_sheet_costs_as_much_as_its_places(tmp_path: Path) -> None:
    arrays = "".join(
        f'<row r="{at}"><c r="A{at}" t="e"><f t="array" ref="A{at}:XFD{at}">B1</f><v>#N/A</v></c></row>'
        for at in range(2, 300)
    )
    assert refusal(read_with_faults, write_xlsx(tmp_path / "upload", HEADER + arrays)).code == "file_too_large"


@pytest.mark.parametrize("properties", ["", "<calcPr/>", '<calcPr calcId="191029"/>', '<calcPr fullCalcOnLoad="0"/>'])
def test_a_zero_of_a_formula_is_one_in_all_other_workbooks(tmp_path: Path, properties: str) -> None:
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}<c r="B2"><f>1-1</f><v>0</v></c></row>'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows, properties=properties))
    assert (records, faults) == ([(2, ["Ana", "0", "", "", ""])], {})


@pytest.mark.parametrize(
    "written",
    [
        '<c r="C2" t="n"><f>A2</f><v>0.0</v></c>',
        '<c r="C2" t="str"><f>A2</f><v>formula</v></c>',
        '<c r="C2" t="str"><f t="shared" si="0">A2</f><v>formula</v></c>',
    ],
)
def test_what_a_program_puts_for_a_value_that_it_does_not_know_is_none(tmp_path: Path, written: str) -> None:
    """Apache POI puts 0.0 when it writes as a stream, SimpleXLSXGen the word; neither asks for a calculation."""
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}{cell("B2", "11912345678")}{written}</row>'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows))
    assert records == [(2, ["Ana", "11912345678", "=A2", "", ""])]
    assert faults == {2: {2: "cell_not_calculated"}}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('<c r="C2" t="n"><v>0.0</v></c>', "0"),
        ('<c r="C2"><f>A2</f><v>0.0</v></c>', "0"),
        ('<c r="C2" t="str"><v>formula</v></c>', "formula"),
        ('<c r="C2" t="str"><f>A2</f><v>formula 1</v></c>', "formula 1"),
        ('<c r="C2" t="str"><f>A2</f><v>0.0</v></c>', "0.0"),
        ('<c r="C2"><f>A2</f><v>0.5</v></c>', "0.5"),
    ],
)
def test_what_such_a_program_puts_is_a_value_without_a_formula_and_as_a_part(
    tmp_path: Path, written: str, text: str
) -> None:
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}{cell("B2", "11912345678")}{written}</row>'
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", rows))
    assert (records, faults) == ([(2, ["Ana", "11912345678", text, "", ""])], {})


@pytest.mark.parametrize("memory", [False, True])
def test_formulas_of_xlsxwriter_are_not_calculated_unless_it_is_given_their_values(
    tmp_path: Path, memory: bool
) -> None:
    with xlsxwriter.Workbook(tmp_path / "upload", {"constant_memory": memory}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADERS)
        sheet.write_row(1, 0, ['=CONCATENATE("Ana"," ","Lima")', "11912345678"])
        sheet.write_formula(2, 0, '="Bia"', None, "Bia")
        sheet.write_formula(2, 1, "=5*5", None, 25)
        sheet.write_formula(2, 2, "=1=1", None, False)
    records, faults = read_with_faults(tmp_path / "upload")
    assert [cells for _, cells in records] == [
        ['=CONCATENATE("Ana"," ","Lima")', "11912345678", "", "", ""],
        ["Bia", "25", "FALSE", "", ""],
    ]
    assert faults == {2: {0: "cell_not_calculated"}}


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('<c r="C2"><f>1+1</f><v>2</v></c>', "2"),
        ('<c r="C2"><v>2</v><f>1+1</f></c>', "2"),
        ('<c r="C2" t="str"><f>A2</f><v>Ana</v></c>', "Ana"),
        ('<c r="C2" t="str"><f>IF(1,"",2)</f><v></v></c>', ""),
        ('<c r="C2"><v><![CDATA[7]]></v></c>', "7"),
        ('<c r="C2" t="b"><f>1=1</f><v>1</v></c>', "TRUE"),
        ('<c r="C2" s="1"/>', ""),
    ],
)
def test_a_formula_with_a_value_is_its_value(tmp_path: Path, written: str, text: str) -> None:
    records, faults = read_with_faults(
        write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2">{cell("A2", "Ana")}{written}</row>')
    )
    assert (records, faults) == ([(2, ["Ana", "", text, "", ""])], {})


@pytest.mark.parametrize("index", ["-1", "7", "5.0", "+5", "0x5", "five", "99999999999", "\u0665"])
def test_a_text_by_an_index_that_is_none_refuses_the_file(tmp_path: Path, index: str) -> None:
    rows = f'{SHARED_HEADER}<row r="2"><c r="A2" t="s"><v>{index}</v></c><c r="B2" t="s"><v>6</v></c></row>'
    refused = refusal(read_with_faults, write_xlsx(tmp_path / "upload", rows, shared_strings=STRINGS))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize("index", ["5", " 5 ", "5\n", "05"])
def test_white_space_around_an_index_is_taken_off(tmp_path: Path, index: str) -> None:
    rows = f'{SHARED_HEADER}<row r="2"><c r="A2" t="s"><v>{index}</v></c><c r="B2" t="s"><v>6</v></c></row>'
    records, _ = read_with_faults(write_xlsx(tmp_path / "upload", rows, shared_strings=STRINGS))
    assert records == [(2, ["Ana", "11912345678", "", "", ""])]


STYLES = (
    '<numFmts count="1"><numFmt numFmtId="164" formatCode="[h]:mm:ss"/></numFmts>'
    '<cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="164" applyNumberFormat="1"/></cellXfs>'
)


@pytest.mark.parametrize(
    ("number", "digits"),
    [("5511912345678", "5511912345678"), ("1191234567", "1191234567"), ("2", "2"), ("1e30", "1" + "0" * 30)],
)
def test_a_number_that_is_shown_as_a_duration_is_the_digits_that_it_is(
    tmp_path: Path, number: str, digits: str
) -> None:
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}<c r="B2" s="1"><v>{number}</v></c></row>{row(3, "Bia")}'
    path = write_xlsx(tmp_path / "upload", rows, styles=STYLES)
    records, _ = read_with_faults(path)
    assert records[0] == (2, ["Ana", digits, "", "", ""])
    assert records[1][1][0] == "Bia"


# Any workbook whose cells are errors, or formulas without values, never loses a cell

KINDS = st.sampled_from(["value", "blank", *WITHOUT])


@A_FILE_EACH
@given(table=st.lists(st.lists(KINDS, min_size=5, max_size=5), min_size=1, max_size=6))
def test_no_workbook_loses_a_cell(tmp_path: Path, table: list[list[str]]) -> None:
    rows, wanted = [HEADER], {}
    for number, kinds in enumerate(table, start=2):
        cells = []
        for column, kind in enumerate(kinds):
            place = f"{'ABCDE'[column]}{number}"
            if kind in WITHOUT:
                written, fault, _ = WITHOUT[kind]
                cells.append(written.replace("C2", place))
                wanted[number, column] = fault
            elif kind == "value":
                cells.append(cell(place, "x"))
                wanted[number, column] = ""
        rows.append(f'<row r="{number}">{"".join(cells)}</row>')
    records, faults = read_with_faults(write_xlsx(tmp_path / "upload", "".join(rows)))
    found = {
        (number, column): faults.get(number, {}).get(column, "")
        for number, cells in records
        for column, text in enumerate(cells)
        if text
    }
    assert found == wanted


# XLS and XLSB


def calculate_when_loaded(path: Path) -> None:
    """Say of the formulas of an XLS that their values are not stored, as a program does that does not calculate."""
    blank, stored = struct.pack("<QH", 0xFFFF000000000003, 0), path.read_bytes()
    assert stored.count(blank) == 1
    path.write_bytes(stored.replace(blank, struct.pack("<dH", 0.0, 2)))


def test_errors_of_an_xls(tmp_path: Path) -> None:
    book = xlwt.Workbook()
    hidden, sheet = book.add_sheet("Hidden"), book.add_sheet("Leads")
    hidden.visibility = 1
    hidden.write(1, 1, "never read")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    book.set_active_sheet(1)
    sheet.write(1, 0, "Ana")
    sheet.row(1).set_cell_error(4, 0x2A)
    sheet.row(2).set_cell_error(0, 0x17)
    sheet.write(3, 0, "Bia")
    sheet.write(3, 2, xlwt.Formula("1+1"))
    book.save(str(tmp_path / "upload"))
    calculate_when_loaded(tmp_path / "upload")
    records, faults = read_with_faults(tmp_path / "upload")
    assert records == [
        (2, ["Ana", "", "", "", "#N/A"]),
        (3, ["#REF!", "", "", "", ""]),
        (4, ["Bia", "", "=", "", ""]),
    ]
    assert faults == {2: {4: "cell_error"}, 3: {0: "cell_error"}, 4: {2: "cell_not_calculated"}}


RESULT = struct.pack("<QH", 0xFFFF000000000003, 0)
"""Of a formula that xlwt writes: a blank, not to be calculated when the file is opened."""


@pytest.mark.parametrize(
    ("result", "text"),
    [
        (struct.pack("<dH", 0.0, 2), None),
        (struct.pack("<dHI", 4.0, 2, 0xFCE00000), None),
        (struct.pack("<dHI", 4.0, 2, 0), "4"),
        (struct.pack("<QH", 0xFFFF000000000000, 0), None),
        (struct.pack("<dH", 0.0, 0), "0"),
        (struct.pack("<dH", 7.0, 3), "7"),
        (struct.pack("<QH", 0xFFFF000000010001, 0), "TRUE"),
        (RESULT, ""),
        (struct.pack("<QH", 0xFFFF000000000003, 2), ""),
    ],
    ids=[
        "zero for want of a value",
        "four for want of a value",
        "four",
        "a text that does not follow",
        "zero",
        "a number",
        "a boolean",
        "blank",
        "blank that is to be calculated again",
    ],
)
def test_results_of_formulas_of_an_xls(tmp_path: Path, result: bytes, text: str | None) -> None:
    """Apache POI writes the first, JExcelApi the second: numbers that are to be calculated, and no name and no tag.

    Apache POI and PhpSpreadsheet write the last, where they have calculated an empty text.
    """
    path = tmp_path / "upload"
    written = {(1, 0): "Ana", (1, 4): xlwt.Formula('"a"&"b"'), (2, 0): "Bia", (2, 4): "vip"}
    content = write_xls(path, written).read_bytes()
    assert content.count(RESULT) == 1
    at = content.index(RESULT)
    path.write_bytes(content[:at] + result + content[at + len(result) :])
    records, faults = read_with_faults(path)
    assert records == [
        (2, ["Ana", "", "", "", "=" if text is None else text]),
        (3, ["Bia", "", "", "", "vip"]),
    ]
    assert faults == ({2: {4: "cell_not_calculated"}} if text is None else {})


@pytest.mark.parametrize(("values", "shown"), [((0.0, 0.0, 0.0), "="), ((0.0, 0.0, 7.0), "0"), ((-0.0, 0.0, 0.0), "0")])
def test_an_array_of_an_xls_that_holds_zeros_alone_was_never_calculated(
    tmp_path: Path, values: tuple[float, ...], shown: str
) -> None:
    """Apache POI writes such, and says of plain formulas alone that they are to be calculated."""
    first, *others = (xls.formula(row, 4, value) for row, value in enumerate(values, 1))
    names = b"".join(xls.text(row, 0, "Ana") for row in (1, 2, 3, 4))
    path = xls.write(
        tmp_path / "upload",
        xls.HEADER + names + first + xls.array(1, 3, 4, 4) + b"".join(others) + xls.formula(4, 4, 0.0),
    )
    records, faults = read_with_faults(path)
    assert [cells[4] for _, cells in records][1::2] == [shown, "0"]
    assert faults == ({row: {4: "cell_not_calculated"} for row in (2, 3, 4)} if shown == "=" else {})


def test_arrays_that_share_their_cells_are_looked_at_no_longer_than_cells_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[int] = []

    def within(marks: "array[int]", area: xls_marks._Area) -> Iterator[tuple[int, int]]:
        for found in find(marks, area):
            looked_at.append(1)
            yield found

    find = xls_marks._within
    monkeypatch.setattr(xls_marks, "_within", within)
    cells = b"".join(xls.formula(row, 4, float(row == 100)) for row in range(1, 101))
    arrays = (xls.array(1, 100, 4, 4) + xls.array(100, 1, 4, 4)) * 500
    read_with_faults(xls.write(tmp_path / "upload", xls.HEADER + cells + arrays))
    assert 0 < len(looked_at) <= 2 * 105


def test_a_damaged_xls_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    book = xlwt.Workbook()
    book.add_sheet("Leads").write(0, 0, "name")
    book.save(str(path))
    content = path.read_bytes()
    for cut in range(600, len(content), 97):
        path.write_bytes(content[:cut] + struct.pack("<I", 0xFFFFFFFF) * 4 + content[cut + 16 :])
        assert gives_records_or_a_refusal(path)


XLSB_ERRORS = {0x00: "#NULL!", 0x07: "#DIV/0!", 0x17: "#REF!", 0x2A: "#N/A", 0x2B: "#GETTING_DATA"}


@pytest.mark.parametrize("code", XLSB_ERRORS)
@pytest.mark.parametrize("of_a_formula", [False, True])
def test_errors_of_an_xlsb(tmp_path: Path, code: int, of_a_formula: bool) -> None:
    shown = XLSB_ERRORS[code]
    path = write_xlsb(
        tmp_path / "upload",
        {
            (1, 0): "Ana",
            (1, 1): 11912345678.0,
            (1, 4): ErrorCode(code),
            (2, 0): ErrorCode(code),
            (4, 0): "Bia",
            (4, 2): 7158230600.0,
            (5, 5): ErrorCode(code),
        },
        of_formulas=[(1, 4), (2, 0), (5, 5)] if of_a_formula else [],
        sheets={"Hidden": False, "Leads": True},
    )
    records, faults = read_with_faults(path)
    assert records == [
        (2, ["Ana", "11912345678", "", "", shown]),
        (3, [shown, "", "", "", ""]),
        (5, ["Bia", "", "7158230600", "", ""]),
        (6, ["", "", "", "", "", shown]),
    ]
    assert faults == {2: {4: "cell_error"}, 3: {0: "cell_error"}, 6: {5: "cell_error"}}


def test_a_damaged_xlsb_is_refused(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "upload", {(1, 0): "Ana", (1, 1): "11912345678", (2, 3): ErrorCode(0x2A)})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in ("xl/workbook.bin", "xl/_rels/workbook.bin.rels", "xl/worksheets/sheet1.bin"):
        for cut in range(0, len(parts[name]), 7):
            for spoilt in (parts[name][:cut], parts[name][:cut] + b"\xff" * 7 + parts[name][cut + 7 :]):
                with zipfile.ZipFile(path, "w") as archive:
                    for part, content in (parts | {name: spoilt}).items():
                        archive.writestr(part, content)
                assert gives_records_or_a_refusal(path)
