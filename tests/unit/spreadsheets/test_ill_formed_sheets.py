"""XML that is none is refused also where calamine would read it, with a part left out; what is no number is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import A_FILE_EACH, is_plain, read_path, refusal
from tests.unit.spreadsheets.test_one_meaning import write
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, LEAD, cell, row, write_xlsx

TORN = ["João <vip> Silva", "João </vip> Silva", "João < Silva", "João <3 Silva", "<joao@x.com>", "a <E3t> b"]
MANY = "".join(f"<si><t>Lead {at}</t></si>" for at in range(20_000))
RICH = (
    '<si><r><rPr><b/><i val="1"/><strike/><color rgb="FF0000"/><sz val="11"/><u/><vertAlign val="superscript"/>'
    '<rFont val="Arial"/><family val="2"/><charset val="1"/><scheme val="minor"/></rPr><t xml:space="preserve">Ana </t>'
    '</r><r><t>Prado</t></r><rPh sb="0" eb="1"><t>x</t></rPh><phoneticPr fontId="1"/></si>'
)


@pytest.mark.parametrize("text", TORN)
@pytest.mark.parametrize("around", [("", ""), (MANY, ""), ("", MANY)], ids=["alone", "behind many", "before many"])
def test_a_shared_text_that_is_torn_is_refused(tmp_path: Path, text: str, around: tuple[str, str]) -> None:
    before, behind = around
    at = len(HEADERS) + before.count("<si>")
    rows = f'{HEADER}<row r="2"><c r="A2" t="s"><v>{at}</v></c>{cell("B2", "11912345678")}</row>'
    path = write(tmp_path / "upload", rows, strings=f"{before}<si><t>{text}</t></si>{behind}")
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("text", TORN)
@pytest.mark.parametrize("width", [2, 26])
def test_an_inline_text_that_is_torn_is_refused(tmp_path: Path, text: str, width: int) -> None:
    path = write_xlsx(tmp_path / "upload", HEADER + row(2, text, *["11912345678"] * (width - 1)))
    assert refusal(read_path, path).code == "file_broken"


@A_FILE_EACH
@given(letters=st.from_regex(r"[A-Z][A-Za-z0-9]{0,3}", fullmatch=True), kind=st.sampled_from([0, 1]))
def test_a_cell_whose_tag_is_damaged_is_not_left_out(tmp_path: Path, letters: str, kind: int) -> None:
    written = [LEAD, '<row r="2"><c r="A2"><v>12</v></c><c r="B2"><v>11912345678</v></c></row>'][kind]
    path = write_xlsx(tmp_path / "upload", HEADER + written.replace('<c r="B2"', f'<{letters}c r="B2"'))
    assert refusal(read_path, path).code == "file_broken"


def test_rich_and_phonetic_texts_are_read_at_once(tmp_path: Path) -> None:
    rows = f'{HEADER}<row r="2"><c r="A2" t="s"><v>5</v></c>{cell("B2", "1")}</row>'
    path = write(tmp_path / "upload", rows, strings=RICH + MANY)
    assert is_plain(path, Limits())
    assert read_path(path) == [(2, ["Ana Prado", "1", "", "", ""])]


@pytest.mark.parametrize("text", ["Ana<x/> Nina", "Ana<vip> </vip>Nina"])
def test_an_element_that_no_text_has_in_xml_that_is_some_refuses_nothing(tmp_path: Path, text: str) -> None:
    rows = f'{HEADER}<row r="2"><c r="A2" t="s"><v>5</v></c>{cell("B2", text)}</row>'
    path = write(tmp_path / "upload", rows, strings=f"<si><t>{text}</t></si>")
    assert read_path(path) == [(2, ["Ana Nina", "Ana Nina", "", "", ""])]


@pytest.mark.parametrize("value", ["NaN", "nan", "-INF", "Infinity"])
def test_what_is_no_number_is_no_date(tmp_path: Path, value: str) -> None:
    """ExcelJS writes it for a date that is none, of which calamine would make the day before the first one."""
    cells = f'<c r="A2" t="s"><v>0</v></c><c r="E2" s="0"><v>{value}</v></c>'
    write(tmp_path / "upload", f'{HEADER}<row r="2">{cells}</row>', formats=["14"])
    assert not is_plain(tmp_path / "upload", Limits())
    ((_, (*_, date)),) = read_path(tmp_path / "upload")
    assert date == value
