"""What a format shows before a number is part of what a person reads: of a phone, that it is another country's."""

from collections.abc import Callable
from html import escape
from pathlib import Path

import openpyxl
import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

from libs.fields.phones import parse_phone
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.number_formats import NumberFormats
from libs.spreadsheets.shown_digits import MOST_FORMATS, ShownDigits
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import is_plain, read_path
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, cell, write_xlsx
from tests.unit.spreadsheets.xlsb_files import date_styles, row, styled, write_xlsb

SPANISH = 34912345678

FORMATS = {
    "+00 000 000 000": "+34912345678",
    '"+"00 000000000': "+34912345678",
    r"\+#": "+34912345678",
    "[Blue]+0;[Red]-0": "+34912345678",
    "0.00E+00": "34912345678",
    "##0.0E+0": "34912345678",
    '0" +"': "34912345678",
    "0;+0": "34912345678",
    "[>=100000000000]+00 (00) 00000-0000;(00) 00000-0000": "34912345678",
    "+55 (00) 00000-0000": "+5534912345678",
    '"+55 "00 00000-0000': "+5534912345678",
    r"[Blue]\+5\5 00000000000": "+5534912345678",
    '"55"00000000000': "5534912345678",
    "+#,##0": "34912345678",
    '"Valor 7: "0': "34912345678",
    "[<=9999999]###-####;+00 000 000 000": "+34912345678",
    "[>9999999999]+00 000 000 000;+1 (###) ###-####": "+34912345678",
    "[<9999999];[=34912345678]+#;0": "+34912345678",
    '_+0;-"+"0': "34912345678",
    '"Fone+" 00': "+34912345678",
}

SHOWN = {
    ('"+509 "0000-0000', 34101234): "+50934101234",
    (r"\+\5\0\9\ 0000\-0000", 34101234): "+50934101234",
    ('"+90 "0', 2121842289): "+902121842289",
    ('"+1 (809) "000-0000', 5551234): "+18095551234",
    ("[<=9999999]###-####;+1 (###) ###-####", 2125551234): "+12125551234",
    ("[<=9999999]###-####;(###) ###-####", 2125551234): "2125551234",
    ("(00) 9 0000-0000", 1181234567): "11981234567",
    ("(00) \\90000-0000", 1181234567): "11981234567",
    ('"0"(00) 0000-0000', 1134567890): "01134567890",
    ("+## (##) #####-####", 51912345678): "51912345678",
    ("+## (##) #####-####", 5551912345678): "+5551912345678",
    ("+## (##) #####-####", 4733456789): "4733456789",
    ("+## ## #####-####", 6233456789): "6233456789",
    ("+## (##) # ####-####", 5141234567): "5141234567",
    ("+############", 34912345678): "+34912345678",
    ('"+54 "## (##) ####-####', 1123456789): "+541123456789",
    ("00 (00) 00000-0000", 51912345678): "51912345678",
    ("000.000.000-00", 52998224725): "52998224725",
    ("#,##0.00", 52998224725): "52998224725",
    ('_-"R$"\\ * #,##0.00_-', 52998224725): "52998224725",
    ("[$R$-416] #,##0.00", 52998224725): "52998224725",
    ('0 "anos 2"', 12345678): "12345678",
}
"""By a format of Excel and a number: what a person reads, without blanks and marks."""


def by_openpyxl(path: Path, value: float | str, code: str) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.append(HEADERS)
    sheet.append(["Ana", value])
    sheet["B2"].number_format = code
    book.save(path)


def by_xlwt(path: Path, value: float | str, code: str) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    sheet.write(1, 0, "Ana")
    sheet.write(1, 1, value, xlwt.easyxf(num_format_str=code))
    book.save(str(path))


def as_xlsb(path: Path, number: float, code: str) -> None:
    write_xlsb(path, row(2, styled(0, 5, 0), styled(1, number, 1)), styles=date_styles(["0", code]))


WRITERS = [by_openpyxl, by_xlwt, as_xlsb]


@pytest.mark.parametrize("code", FORMATS)
@pytest.mark.parametrize("write", WRITERS)
def test_a_plus_that_is_shown_before_a_phone_is_read(
    tmp_path: Path, write: Callable[[Path, float, str], None], code: str
) -> None:
    write(tmp_path / "upload", SPANISH, code)
    ((_, (_, phone, *_)),) = read_path(tmp_path / "upload")
    assert phone == FORMATS[code]


@pytest.mark.parametrize("write", WRITERS)
def test_a_plus_before_what_is_no_phone_says_that_it_grew(
    tmp_path: Path, write: Callable[[Path, float, str], None]
) -> None:
    write(tmp_path / "upload", 12, "+0")
    assert read_path(tmp_path / "upload")[0][1][1] == "12"


@pytest.mark.parametrize(("code", "number"), SHOWN)
@pytest.mark.parametrize("write", WRITERS)
def test_the_digits_that_a_format_shows_are_part_of_a_phone(
    tmp_path: Path, write: Callable[[Path, float, str], None], code: str, number: int
) -> None:
    write(tmp_path / "upload", number, code)
    assert read_path(tmp_path / "upload")[0][1][1] == SHOWN[code, number]


@given(
    st.sampled_from(sorted(COUNTRY_CODE_TO_REGION_CODE)),
    st.integers(10_000_000, 9_999_999_999),
    st.sampled_from(['"+{}"0', '"+{} "#', '"Tel. +{} "(##) 0000-0000', "\\+{escaped} 0", "[Blue]+{literal}General"]),
)
def test_a_countrys_code_that_a_format_shows_is_never_another_ones(dial_code: int, number: int, form: str) -> None:
    escaped = "".join(f"\\{digit}" for digit in str(dial_code))
    literal = "".join(digit if digit != "0" else '"0"' for digit in str(dial_code))
    code = form.format(dial_code, escaped=escaped, literal=literal)
    formats = NumberFormats.of({"164": code}, ["164"], begins_1904=False)
    assert formats.text(float(number), "0") == f"+{dial_code}{number}"


@pytest.mark.parametrize(
    "code", [code for (code, number), shown in SHOWN.items() if shown == str(number) and "+" not in code]
)
def test_a_format_that_shows_no_more_is_read_at_once(tmp_path: Path, code: str) -> None:
    by_openpyxl(tmp_path / "upload", 52998224725, code)
    assert is_plain(tmp_path / "upload", Limits())


def test_more_formats_than_any_program_writes_are_refused_before_each_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []
    monkeypatch.setattr(ShownDigits, "shows_more", lambda self: looked_at.append(self.code))
    formats = {str(number): f'"+{number} "0' for number in range(MOST_FORMATS + 1)}
    with pytest.raises(Unreadable) as caught:
        NumberFormats.of(formats, ["7"], begins_1904=False)
    assert caught.value.code == "file_too_large"
    assert not looked_at


@pytest.mark.parametrize("write", WRITERS)
def test_a_format_longer_than_any_is_not_gone_through_for_each_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, float, str], None]
) -> None:
    looked_at: list[int] = []
    monkeypatch.setattr(ShownDigits, "text", lambda self, _number: looked_at.append(len(self.code)))
    for code, count in (("+0" + '""' * 126, [254]), ("+0" + '""' * 127, [])):
        write(tmp_path / "upload", SPANISH, code)
        assert read_path(tmp_path / "upload")[0][1][1] == str(SPANISH)
        assert looked_at == count
        looked_at.clear()


@pytest.mark.parametrize("write", WRITERS)
def test_a_format_of_more_sections_than_any_has_is_not_gone_through_for_each_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, float, str], None]
) -> None:
    looked_at: list[int] = []
    monkeypatch.setattr(ShownDigits, "text", lambda self, _number: looked_at.append(len(self._sections)))
    for sections, count in ((4, [4]), (5, []), (28, [])):
        write(tmp_path / "upload", SPANISH, ";".join(['[<0]"+"0'] * sections))
        assert read_path(tmp_path / "upload")[0][1][1] == str(SPANISH)
        assert looked_at == count
        looked_at.clear()


def test_a_spanish_phone_is_not_one_of_porto_alegre(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "upload", SPANISH, "+00 000 000 000")
    phone = parse_phone(read_path(tmp_path / "upload")[0][1][1])
    assert (phone.dial_code, phone.country_code) == ("34", "ES")


def test_a_format_of_scientific_numbers_is_read_at_once(tmp_path: Path) -> None:
    by_openpyxl(tmp_path / "upload", SPANISH, "0.000E+00")
    assert is_plain(tmp_path / "upload", Limits())


def test_a_format_that_is_longer_than_any_shows_digits() -> None:
    """A megabyte of it packs into a kilobyte, and was looked through."""
    codes = {"164": "[]" * 128 + "dd/mm/yyyy", "165": '"+"' + "0" * 256, "166": "dd/mm/yyyy"}
    formats = NumberFormats.of(codes, list(codes), begins_1904=False)
    assert formats.dates == {"2"}
    assert not formats.phones


AN_ERROR = '<row r="9"><c r="A9" t="e"><v>#N/A</v></c></row>'
"""A sheet that has one is not read by calamine."""


def first_style(code: str) -> str:
    spelt = f'<numFmts><numFmt numFmtId="164" formatCode="{escape(code)}"/></numFmts>' if not code.isdigit() else ""
    return f'{spelt}<cellXfs count="2"><xf numFmtId="{code if code.isdigit() else 164}"/><xf numFmtId="0"/></cellXfs>'


@pytest.mark.parametrize("rest", ["", AN_ERROR])
@pytest.mark.parametrize("kind", ["", ' t="n"', ' s="0"'])
@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ('"+54 "0', 1123456789, "+541123456789"),
        ("14", 45000, "2023-03-15"),
        ("dd/mm/yyyy", 45000, "2023-03-15"),
        ("hh:mm", 0.5, "12:00:00"),
        ("0", 1123456789, "1123456789"),
        ("General", 45000, "45000"),
    ],
)
def test_a_cell_that_names_no_style_has_the_first(
    tmp_path: Path, code: str, number: float, shown: str, kind: str, rest: str
) -> None:
    lead = f'<row r="2">{cell("A2", "Ana")}<c r="B2"{kind}><v>{number}</v></c><c r="C2" s="1"><v>45000</v></c></row>'
    path = write_xlsx(tmp_path / "upload", HEADER + lead + rest, styles=first_style(code))
    assert read_path(path)[0] == (2, ["Ana", shown, "45000", "", ""])


@pytest.mark.parametrize(
    "styles",
    [
        '<cellXfs count="1"><!-- the first --><xf numFmtId="14"/></cellXfs>',
        "<cellXfs count='1'><xf numFmtId='14'/></cellXfs>",
        '<cellXfs count="1">\n <xf\n numFmtId="14"></xf></cellXfs>',
    ],
)
def test_the_first_style_is_seen_however_it_is_written(tmp_path: Path, styles: str) -> None:
    lead = f'<row r="2">{cell("A2", "Ana")}<c r="B2"><v>45000</v></c></row>'
    assert read_path(write_xlsx(tmp_path / "upload", HEADER + lead, styles=styles))[0][1][1] == "2023-03-15"


def test_cells_that_name_their_styles_are_read_at_once_whatever_the_first_is(tmp_path: Path) -> None:
    lead = f'<row r="2">{cell("A2", "Ana")}<c r="B2" s="0"><v>45000</v></c><c r="C2"/></row>'
    path = write_xlsx(tmp_path / "upload", HEADER + lead, styles=first_style("14"))
    assert is_plain(path, Limits())
    path = write_xlsx(tmp_path / "upload", HEADER + lead.replace(' s="0"', ""), styles=first_style("0.00"))
    assert is_plain(path, Limits())


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ('"2026-"000000', 1234, "1234"),
        ('"2026-"0000000', 1234, "1234"),
        ('"2026-"0000', 1234, "1234"),
        ('"1-"0', 20261234, "20261234"),
        ('"55 "0000-0000', 34101234, "5534101234"),
    ],
)
def test_without_a_plus_what_is_shown_is_a_phone_where_it_has_an_area(code: str, number: int, shown: str) -> None:
    """Contracts and orders have such formats, too, and this is asked of numbers in whatever column they stand."""
    assert NumberFormats.of({"164": code}, ["164"], begins_1904=False).text(float(number), "0") == shown
