"""A cell of an XLSX means the same however its sheet is read: by calamine, or as XML where a sheet is not plain."""

import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import A_FILE_EACH, Records, is_plain, read_path, refusal
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, cell, row, write_xlsx

NOT_PLAIN = '<row r="9"><c r="A9" t="e"><v>#N/A</v></c></row>'
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRINGS = "".join(f"<si><t>{text}</t></si>" for text in HEADERS)


def write(path: Path, rows: str, *, strings: str = "", formats: list[str] | None = None, workbook: str = "") -> Path:
    """Write a workbook with these shared strings; cell style n has the nth format, a code or a usual one's number."""
    parts = {}
    shared = STRINGS + strings
    styles = _styles(formats) if formats is not None else ""
    write_xlsx(path, rows, shared_strings=shared, styles=styles)
    if workbook:
        name = "xl/workbook.xml"
        with zipfile.ZipFile(path) as archive:
            parts[name] = archive.read(name).decode().replace("<sheets>", f"{workbook}<sheets>")
    return write_xlsx(path, rows, shared_strings=shared, styles=styles, parts=parts)


def _styles(formats: list[str]) -> str:
    own = [code for code in formats if not code.isdigit()]
    codes = "".join(f'<numFmt numFmtId="{at}" formatCode="{code}"/>' for at, code in enumerate(own, 164))
    numbers = [code if code.isdigit() else str(164 + own.index(code)) for code in formats]
    styles = "".join(f'<xf numFmtId="{number}" applyNumberFormat="1"/>' for number in numbers)
    return f'<numFmts>{codes}</numFmts><cellStyleXfs><xf numFmtId="14"/></cellStyleXfs><cellXfs>{styles}</cellXfs>'


def read_both_ways(path: Path, cells: str, **options: object) -> tuple[Records, Records]:
    rows = f'{HEADER}<row r="2">{cells}</row>'
    write(path, rows, **options)  # type: ignore[arg-type]
    assert is_plain(path, Limits())
    plainly = read_path(path)
    write(path, rows + NOT_PLAIN, **options)  # type: ignore[arg-type]
    assert not is_plain(path, Limits())
    return plainly, read_path(path)[:-1]


CELLS = {
    "a line break of Excel on a Mac": ('<c r="A2" t="s"><v>5</v></c>', "<si><t>Ana_x000D_Nina</t></si>", "Ana\rNina"),
    "what looks like one": ('<c r="A2" t="s"><v>5</v></c>', "<si><t>a_x005F_x000D_b</t></si>", "a_x000D_b"),
    "escaped in an inline string": ('<c r="A2" t="inlineStr"><is><t>a_x000A_b</t></is></c>', "", "a\nb"),
    "escaped in a formula's text": ('<c r="A2" t="str"><f>B2</f><v>a_x0009_b</v></c>', "", "a\tb"),
    "half a pair": ('<c r="A2" t="s"><v>5</v></c>', "<si><t>a_xD83D__xDE00_b</t></si>", "a_xD83D__xDE00_b"),
    "false in a word": ('<c r="A2" t="b"><v>false</v></c>', "", "FALSE"),
    "true in a word": ('<c r="A2" t="b"><v>true</v></c>', "", "TRUE"),
    "an inline string of the wrong kind": ('<c r="A2" t="str"><is><t>Ana</t></is></c>', "", "Ana"),
    "an element within a text": ('<c r="A2" t="inlineStr"><is><t>Ana<v/> Nina</t></is></c>', "", "Ana Nina"),
    "a formula's text that spells a letter": (
        '<c r="A2" t="str"><f>B2</f><v>R&#233;gis &amp; Ana</v></c>',
        "",
        "Régis & Ana",
    ),
    "blanks that are not said to be kept": (
        '<c r="A2" t="s"><v>5</v></c>',
        "<si><r><t>Ana </t></r><r><t>N</t></r></si>",
        "AnaN",
    ),
    "blanks that are kept": (
        '<c r="A2" t="s"><v>5</v></c>',
        '<si><r><t xml:space="preserve">Ana </t></r><r><t>N</t></r></si>',
        "Ana N",
    ),
    "blanks of an inline string": (
        '<c r="A2" t="inlineStr"><is><r><t>Ana</t></r><r><t> N</t></r></is></c>',
        "",
        "AnaN",
    ),
    "kept blanks of an inline string": (
        '<c r="A2" t="inlineStr"><is><r><t>Ana</t></r><r><t xml:space="preserve"> N</t></r></is></c>',
        "",
        "Ana N",
    ),
    "an element around a shared text": ('<c r="A2" t="s"><v>5</v></c>', "<si><t><b>Ana</b></t></si>", "Ana"),
    "an inline string without a kind": ('<c r="A2"><is><t>Ana</t></is></c>', "", "Ana"),
}


@pytest.mark.parametrize("kind", CELLS)
def test_a_cell_is_the_same_text_both_ways(tmp_path: Path, kind: str) -> None:
    written, strings, text = CELLS[kind]
    wanted = [(2, [text, "1", "", "", ""])]
    cells = written + cell("B2", "1")
    assert read_both_ways(tmp_path / "upload", cells, strings=strings) == (wanted, wanted)


@pytest.mark.parametrize("blanks", [" {}", "{} ", "\n{}\r\n", "\t {}", "\u00a0{}", "{}\u2003"])
@pytest.mark.parametrize("usual", [True, False])
@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('<c r="A2" s="1"><v>45000</v></c>', "2023-03-15"),
        ('<c r="A2" s="1"><v>0.5</v></c>', "12:00:00"),
        ('<c r="A2" t="n"><v>1e3</v></c>', "1000"),
        ('<c r="A2"><v>-12.50</v></c>', "-12.5"),
        ('<c r="A2" t="b"><v>0</v></c>', "FALSE"),
        ('<c r="A2" t="b"><v>false</v></c>', "FALSE"),
    ],
)
def test_blanks_around_a_number_do_not_make_a_text_of_it(
    tmp_path: Path, written: str, text: str, blanks: str, *, usual: bool
) -> None:
    """What XML takes for blank does not; other blanks, which no number has, do, but of a yes or no nothing does."""
    value = written.partition("<v>")[2].partition("<")[0]
    padded = written.replace(value + "<", blanks.format(value) + "<")
    found = []
    for rest in ("", NOT_PLAIN):
        first = padded if usual else padded.replace("<v>", '<v x="">')
        write(tmp_path / "upload", f'{HEADER}<row r="2">{first}{cell("B2", "1")}</row>{rest}', formats=["0", "14"])
        found.append(read_path(tmp_path / "upload")[0][1][0])
    assert found == [text if blanks.isascii() or 't="b"' in written else blanks.format(value)] * 2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ('<c r="A2"><v>1&#50;3</v></c>', "123"),
        ('<c r="A2" t="n"><v>&#49;2</v></c>', "12"),
        (f'<c r="A2"><v x="{"x" * 400}">1&#50;</v></c>', "12"),
        ('<c r="A2"><v\nx=">">1&#50;</v ></c >', "12"),
        ('<c r="A2"><v>R&#233;gis</v></c>', "Régis"),
        ('<c r="A2" t="b"><v>&#48;</v></c>', "FALSE"),
        ('<c r="A2"><f>B2</f><v>1&#50;</v></c>', "12"),
        ('<c r="A2" t="str"><v>&#65;</v></c><c r="C2"><v>1&#50;</v></c>', "A"),
    ],
)
def test_a_value_that_spells_a_character_does_not_end_before_it(tmp_path: Path, written: str, text: str) -> None:
    path = write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2">{written}{cell("B2", "1")}</row>')
    assert not is_plain(path, Limits())
    assert read_path(path)[0][1][:2] == [text, "1"]


@pytest.mark.parametrize(
    "value",
    [
        "<v>1</v><v>2</v>",
        "<v>1</v><v/><v>2</v>",
        "<v>1</v> <x/> <v>2</v>",
        "<v>1</v ><v>2</v >",
        "<x><v>1</v></x><v>2</v>",
        "<v>1</v><x><v>2</v></x>",
        "<f>B2</f><v>1</v><v>2</v>",
        "<is><t>Ana</t></is><is><t>Nina</t></is>",
        "<is><t>Ana</t></is><v>1</v>",
        "<v>1</v><is><t>Ana</t></is>",
    ],
)
@pytest.mark.parametrize("kind", ["", ' t="str"', ' t="n"', ' t="inlineStr"'])
def test_a_cell_that_holds_two_values_refuses_the_file(tmp_path: Path, kind: str, value: str) -> None:
    path = write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2"><c r="A2"{kind}>{value}</c>{cell("B2", "1")}</row>')
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("reference", ["AAAA2", "A", "2", "A2:B2", "A-2", "Á2"])
def test_a_cell_whose_place_is_none_is_not_put_to_another(tmp_path: Path, reference: str) -> None:
    path = write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2"><c r="{reference}"><v>1</v></c></row>')
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("value", ["<v>Ana</v>", "<is/><v>Ana</v>"])
def test_an_inline_string_that_stands_where_values_stand_is_not_lost(tmp_path: Path, value: str) -> None:
    written = f'{HEADER}<row r="2"><c r="A2" t="inlineStr">{value}</c></row>'
    assert read_path(write_xlsx(tmp_path / "upload", written)) == [(2, ["Ana", "", "", "", ""])]


@pytest.mark.parametrize(
    ("style", "number", "text"),
    [
        ("14", "45413", "2024-05-01"),
        ("22", "45413.5", "2024-05-01 12:00:00"),
        ("dd/mm/yyyy", "45413", "2024-05-01"),
        ("mmm/yy", "59", "1900-02-28"),
        ("yyyy", "61", "1900-03-01"),
        ("h:mm", "0.5", "12:00:00"),
        ("dd/mm/yyyy", "2958465", "9999-12-31"),
        ("dd/mm/yyyy", "11912345678", "11912345678"),
        ("[h]:mm", "1.5", "1.5"),
        ("46", "1.5", "1.5"),
        ("[h]:mm", "59.123456", "59.123456"),
        ("46", "-2.75", "-2.75"),
        ("14", "-250", "-250"),
        ("dd/mm/yyyy", "-1.5", "-1.5"),
        ("h:mm", "-0.25", "-0.25"),
        ("0", "45413", "45413"),
        ("(00) 00000-0000", "11912345678", "11912345678"),
        ("0&quot; dias&quot;", "45413", "45413"),
        ("[Red]0", "45413", "45413"),
        ("0;dd", "45413", "45413"),
        (r"0\d", "45413", "45413"),
        ("[$-416]mmmm", "45413", "2024-05-01"),
    ],
)
def test_a_date_is_one_both_ways(tmp_path: Path, style: str, number: str, text: str) -> None:
    cells = cell("A2", "Ana") + f'<c r="E2" s="1"><v>{number}</v></c>'
    wanted = [(2, ["Ana", "", "", "", text])]
    assert read_both_ways(tmp_path / "upload", cells, formats=["0", style]) == (wanted, wanted)


@pytest.mark.parametrize(
    "behind", ["", '<extLst><ext uri="{140A7094}"><x15:workbookPr chartTrackingRefBase="1"/></ext></extLst>']
)
def test_dates_that_are_counted_from_1904(tmp_path: Path, behind: str) -> None:
    cells = cell("A2", "Ana") + '<c r="D2" s="1"><v>0.5</v></c><c r="E2" s="0"><v>43951</v></c>'
    wanted = [(2, ["Ana", "", "", "12:00:00", "2024-05-01"])]
    path = tmp_path / "upload"
    found = read_both_ways(path, cells, formats=["14", "20"], workbook='<workbookPr date1904="1"/>' + behind)
    assert found == (wanted, wanted)


def with_styles(
    path: Path, change: Callable[[str], str], name: str = "xl/styles.xml", code: str = "dd/mm/yyyy"
) -> Path:
    """Write a workbook with a number in this format, with changed styles in a part of this name."""
    write(path, f'{HEADER}<row r="2"><c r="A2" s="1"><v>45413</v></c></row>', formats=["0", code])
    with zipfile.ZipFile(path) as archive:
        parts = {info.filename: archive.read(info).decode() for info in archive.infolist()}
    parts[name] = change(parts.pop("xl/styles.xml"))
    rels = "xl/_rels/workbook.xml.rels"
    parts[rels] = parts[rels].replace("styles.xml", name.removeprefix("xl/"))
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    return path


@pytest.mark.parametrize("name", ["xl/styles.xml", "xl/Styles.xml", "xl/styles1.xml", "xl/worksheets/styles.xml"])
def test_styles_are_those_that_the_workbook_names(tmp_path: Path, name: str) -> None:
    """Calamine looks for them where they usually are; elsewhere it would find none, and no date."""
    path = with_styles(tmp_path / "upload", lambda styles: styles, name)
    assert read_path(path) == [(2, ["2024-05-01", "", "", "", ""])]


@pytest.mark.parametrize(("code", "other"), [("dd/mm/yyyy", "0.00"), ("0.00", "dd/mm/yyyy")])
@pytest.mark.parametrize(
    "foreign",
    [
        '<dxfs><dxf><numFmt numFmtId="164" formatCode="{}"/></dxf></dxfs>',
        '<extLst><ext><numFmts><numFmt numFmtId="164" formatCode="{}"/></numFmts></ext></extLst>',
        '<extLst><ext><cellXfs><xf numFmtId="0"/></cellXfs></ext></extLst><!--{}-->',
    ],
)
def test_formats_of_other_things_than_cells_are_not_the_cells(
    tmp_path: Path, code: str, other: str, foreign: str
) -> None:
    """Also where the sheet is read as XML: a conditional format has a format with a number of its own."""
    shown = ["2024-05-01" if code == "dd/mm/yyyy" else "45413", "", "", "", ""]
    added = foreign.format(other)

    def change(styles: str) -> str:
        return styles.replace("</styleSheet>", f"{added}</styleSheet>")

    assert read_path(with_styles(tmp_path / "upload", change, code=code)) == [(2, shown)]
    assert read_path(with_styles(tmp_path / "upload", change, "xl/styles1.xml", code)) == [(2, shown)]


PIECES = st.lists(
    st.sampled_from([*"0#@dmyhsDMYHS.,;-/ :", "\\d", "_h", "[h]", "[$-416]", "[Red]", "AM/PM"]), min_size=1
)


@A_FILE_EACH
@given(
    formats=st.lists(
        PIECES.map("".join).filter(lambda code: not code.isdigit() and code[0] != "A") | st.integers(0, 60).map(str),
        min_size=1,
        max_size=8,
        unique=True,
    ),
    number=st.integers(61, 80_000) | st.integers(61, 80_000).map(lambda day: day + 0.25),
)
def test_whatever_format_a_number_has_both_ways_agree(tmp_path: Path, formats: list[str], number: float) -> None:
    cells = "".join(f'<c r="{chr(65 + at)}2" s="{at}"><v>{number}</v></c>' for at in range(len(formats)))
    plainly, as_xml = read_both_ways(tmp_path / "upload", cells, formats=formats)
    assert plainly == as_xml


@A_FILE_EACH
@given(text=st.text(alphabet="_xX0059dDaA \u00e3", max_size=16).map(lambda text: f"A{text.rstrip()}"))
def test_whatever_a_text_escapes_both_ways_agree(tmp_path: Path, text: str) -> None:
    plainly, as_xml = read_both_ways(tmp_path / "upload", cell("A2", text) + '<c r="B2" t="str"><v>1</v></c>')
    assert plainly == as_xml


# What calamine would read less of


@pytest.mark.parametrize(
    "rows",
    [
        row(2, "Ana", "11912345678") + row(2, "Bia", "11912345679"),
        row(2, "Ana", "11912345678") + "</sheetData><sheetData>" + row(2, "Bia", "11912345679"),
        row(2, "Ana", "11912345678") + row(2, "Bia", "11912345679").replace("<row ", '<row spans="1:5" '),
    ],
)
def test_of_two_rows_with_one_number_none_is_lost(tmp_path: Path, rows: str) -> None:
    refused = refusal(read_path, write_xlsx(tmp_path / "upload", HEADER + rows))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize("far", [0, 600_000])
@pytest.mark.parametrize(
    "rows",
    [
        row(2, "Ana", "11912345678") + row(3, "Bia", "11912345679").replace('A3"', 'A2"').replace('B3"', 'B2"'),
        row(2, "Ana", "11912345678") + row(3, "Bia", "11912345679").replace('A3"', 'A2"'),
        row(2, "Bia", "11912345679").replace('A2"', 'A3"').replace('B2"', 'B3"') + row(3, "Ana", "11912345678"),
        row(2, "Ana", "Bia", "11912345678").replace('B2"', 'A2"'),
        row(2, "Ana", "11912345678").replace('B2"', 'A2"'),
    ],
)
def test_of_two_cells_in_one_place_none_is_lost(tmp_path: Path, rows: str, far: int) -> None:
    """Calamine would show one of them, and a lead would be gone without a word; so many blanks apart as well."""
    first, second = rows.split("</row>", 1)
    written = write_xlsx(tmp_path / "upload", f"{HEADER}{first}</row>{' ' * far}{second}")
    assert refusal(read_path, written).code == "file_broken"


@pytest.mark.parametrize("behind", ["<row r='9'/>", ""])
def test_a_cell_of_no_row_is_not_lost(tmp_path: Path, behind: str) -> None:
    """It would be a row's whose end never comes, or the next one's."""
    written = f"{HEADER}{row(2, 'Ana', '11912345678')}{cell('C2', 'x')}{behind}"
    assert refusal(read_path, write_xlsx(tmp_path / "upload", written)).code == "file_broken"


def test_cells_that_stand_in_any_order_in_their_own_row_are_read(tmp_path: Path) -> None:
    cells = '<row r="2"><c r="B2" t="str"><v>11912345678</v></c><c r="A2" t="str"><v>Ana</v></c></row>'
    path = write_xlsx(tmp_path / "upload", HEADER + cells)
    assert is_plain(path, Limits())
    assert read_path(path) == [(2, ["Ana", "11912345678", "", "", ""])]


def test_a_second_table_of_rows_is_read_too(tmp_path: Path) -> None:
    rows = f"{HEADER}{row(2, 'Ana')}</sheetData><sheetData>{row(3, 'Bia')}"
    assert [cells[0] for _, cells in read_path(write_xlsx(tmp_path / "upload", rows))] == ["Ana", "Bia"]


def test_the_texts_are_those_that_the_workbook_names(tmp_path: Path) -> None:
    path = write(
        tmp_path / "upload", HEADER + '<row r="2"><c r="A2" t="s"><v>5</v></c></row>', strings="<si><t>Old</t></si>"
    )
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/texts.xml"] = parts["xl/sharedStrings.xml"].replace("Old", "Ana")
    name = "xl/_rels/workbook.xml.rels"
    parts[name] = parts[name].replace('Target="sharedStrings.xml"', 'Target="texts.xml"')
    with zipfile.ZipFile(path, "w") as archive:
        for part, content in parts.items():
            archive.writestr(part, content)
    assert read_path(path) == [(2, ["Ana", "", "", "", ""])]


def test_a_value_without_end_is_kept_as_far_as_it_is_too_long(tmp_path: Path) -> None:
    long = "x" * 15_000_000
    rows = f'{HEADER}<row r="2"><c r="A2" t="str"><v>{long}</v></c><c r="C2" t="e"><v>#N/A</v></c></row>'
    path = write_xlsx(tmp_path / "upload", rows)
    tracemalloc.start()
    ((_, cells),) = read_path(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert Limits().max_cell_chars < len(cells[0]) < 1_000_000
    assert peak < 8_000_000


@pytest.mark.parametrize(
    "number",
    [
        '<c r="B2"><v>119<?x y?>12345678</v></c>',
        '<c r="B2"><v>119<x/>12345678</v></c>',
        '<c r="B2" t="n"><v >1191<x></x>2345678</v></c>',
        f'<c r="B2"><x:v xmlns:x="{MAIN}">11912345<?x?>678</x:v></c>',
    ],
)
def test_a_number_with_something_in_it_keeps_all_of_its_digits(tmp_path: Path, number: str) -> None:
    """With fewer it would be another number, and may be another person's phone."""
    name = '<c r="A2" t="str"><v>Ana</v></c>'
    path = write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2">{name}{number}</row>')
    assert read_path(path) == [(2, ["Ana", "11912345678", "", "", ""])]
