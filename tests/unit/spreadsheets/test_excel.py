"""Excel's formats as programs write them, and as an attacker would."""

import datetime as dt
import struct
import tracemalloc
import zipfile
from pathlib import Path

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import (
    A_FILE_EACH,
    ANA,
    gives_records_or_a_refusal,
    read_path,
    refusal,
)
from tests.unit.spreadsheets.workbooks import (
    HEADER,
    HEADERS,
    LEAD,
    ErrorCode,
    cell,
    rename_ole_stream,
    row,
    write_xls,
    write_xlsb,
    write_xlsx,
)


def test_numbers_and_other_values_are_read_as_text(tmp_path: Path) -> None:
    values = {
        "5511912345678": "5511912345678",
        "5.511912345678E+12": "5511912345678",
        "1234567890": "1234567890",
        "0.1": "0.1",
        "0.10000000000000001": "0.1",
        "-1.5": "-1.5",
        "1E-7": "0.0000001",
        "1E+20": "100000000000000000000",
        "12.0": "12",
    }
    cells = "".join(
        f'<row r="{at}">{cell(f"A{at}", "Ana")}<c r="B{at}"><v>{written}</v></c></row>'
        for at, written in enumerate(values, 2)
    )
    records = read_path(write_xlsx(tmp_path / "upload", HEADER + cells))
    assert [cells[1] for _, cells in records] == list(values.values())


def test_dates_times_and_booleans_are_read_as_text(tmp_path: Path) -> None:
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    sheet.append(HEADERS)
    sheet.append([dt.date(2026, 1, 5), dt.datetime(2026, 1, 5, 13, 45), dt.time(13, 45), True, False])  # noqa: DTZ001
    book.save(tmp_path / "upload")
    assert read_path(tmp_path / "upload") == [
        (2, ["2026-01-05", "2026-01-05 13:45:00", "13:45:00", "TRUE", "FALSE"]),
    ]


def test_a_cell_that_shows_an_error_is_not_blank(tmp_path: Path) -> None:
    with_errors = (
        f'<row r="2">{cell("A2", "Ana")}<c r="B2"><v>1</v></c><c r="C2" t="e"><v>#N/A</v></c>'
        '<c r="D2" t="e"><f>1/0</f><v>#DIV/0!</v></c></row>'
    )
    assert read_path(write_xlsx(tmp_path / "upload", HEADER + with_errors)) == [
        (2, ["Ana", "1", "#N/A", "#DIV/0!", ""]),
    ]


def test_row_numbers_are_those_that_the_spreadsheet_shows(tmp_path: Path) -> None:
    rows = row(3, *HEADERS) + row(7, "Ana", "11912345678") + row(9, " ") + row(20, "Bia", "2")
    assert read_path(write_xlsx(tmp_path / "upload", rows)) == [(7, ANA), (20, ["Bia", "2", "", "", ""])]


def test_an_empty_first_column_is_a_wrong_header(tmp_path: Path) -> None:
    shifted = "".join(cell(f"{column}1", name) for column, name in zip("BCDEF", HEADERS, strict=True))
    refused = refusal(read_path, write_xlsx(tmp_path / "upload", f'<row r="1">{shifted}</row>'))
    assert (refused.code, refused.detail) == ("file_headers", "Column 1 has no name.")


def test_the_first_visible_sheet_is_read(tmp_path: Path) -> None:
    sheets = {"Lists": "hidden", "Secret": "veryHidden", "Leads": "visible"}
    assert read_path(write_xlsx(tmp_path / "upload", sheets=sheets)) == [(2, ANA)]
    refused = refusal(read_path, write_xlsx(tmp_path / "upload", sheets={"Leads": "hidden"}))
    assert refused.code == "file_broken"


@pytest.mark.parametrize(
    "lead",
    [
        LEAD.replace('"', "'"),
        LEAD.replace(' r="A2"', "").replace(' r="B2"', "").replace(' r="2"', ""),
        LEAD.replace('r="A2" t="inlineStr"', 't="inlineStr" r="A2"'),
        LEAD + '<row r="1048576"><c r="XFD1048576" s="1"/></row>',
        LEAD.replace("<c r", "<c\n r"),
        f"<!-- {cell('XFD1048576', 'x')} -->{LEAD}",
    ],
    ids=[
        "single quotes",
        "without references",
        "other order",
        "formatted blank cells far away",
        "line breaks",
        "comment",
    ],
)
def test_other_ways_to_write_the_same_sheet(tmp_path: Path, lead: str) -> None:
    assert read_path(write_xlsx(tmp_path / "upload", HEADER + lead)) == [(2, ANA)]


def test_a_namespace_prefix_changes_nothing(tmp_path: Path) -> None:
    """As the OpenXML SDK of .NET writes."""
    content = (HEADER + LEAD).replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:")
    path = write_xlsx(tmp_path / "plain")
    with zipfile.ZipFile(path) as plain, zipfile.ZipFile(tmp_path / "upload", "w") as archive:
        for name in plain.namelist():
            text = plain.read(name).decode()
            if name.endswith("sheet1.xml"):
                main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
                text = f'<x:worksheet xmlns:x="{main}"><x:sheetData>{content}</x:sheetData></x:worksheet>'
            archive.writestr(name, text)
    assert read_path(tmp_path / "upload") == [(2, ANA)]


def test_xls_and_its_numbers(tmp_path: Path) -> None:
    path = write_xls(tmp_path / "upload", {(2, 0): "Ana", (2, 1): 5511912345678.0, (2, 2): 1234567890})
    assert read_path(path) == [(3, ["Ana", "5511912345678", "1234567890", "", ""])]


@pytest.mark.parametrize("code_page", [1252, 10_000, 850, 65_001])
def test_texts_of_an_xls_are_utf16_whatever_code_page_it_names(tmp_path: Path, code_page: int) -> None:
    """JExcelApi (Java) and Spreadsheet::WriteExcel (Perl) name Windows-1252."""
    names = ["João Conceição", "日本", "Ana"] * 700
    path = write_xls(tmp_path / "upload", {(at, 0): name for at, name in enumerate(names, 1)})
    content = path.read_bytes()
    named = struct.pack("<HHH", 0x42, 2, 1_200)
    assert content.count(named) == 1
    path.write_bytes(content.replace(named, struct.pack("<HHH", 0x42, 2, code_page)))
    before = path.read_bytes()
    assert [cells[0] for _, cells in read_path(path)] == names
    assert path.read_bytes() == before


@pytest.mark.parametrize("at", [7, 5_000, 0xFFFFFFFF])
@pytest.mark.parametrize("count", [7, 3])
def test_a_text_by_a_number_that_is_none_refuses_an_xls(tmp_path: Path, at: int, count: int) -> None:
    """It would be read as blank. That the file counts too few texts alone does no harm."""
    path = write_xls(tmp_path / "upload", {(1, 0): "Ana", (1, 4): "vip"})
    content = path.read_bytes()
    assert content.count(struct.pack("<II", 7, 7)) == 1
    counted = content.replace(struct.pack("<II", 7, 7), struct.pack("<II", 7, count))
    named = struct.pack("<HHH", 0xFD, 10, 1) + struct.pack("<H", 4)
    assert counted.count(named) == 1
    path.write_bytes(counted)
    assert read_path(path) == [(2, ["Ana", "", "", "", "vip"])]
    place = counted.index(named) + 10
    path.write_bytes(counted[:place] + struct.pack("<I", at) + counted[place + 4 :])
    refused = refusal(read_path, path)
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


def test_encrypted_and_other_ole_files_are_told_apart(tmp_path: Path) -> None:
    encrypted = rename_ole_stream(write_xls(tmp_path / "a", {}), "Workbook", "EncryptedPackage")
    assert refusal(read_path, encrypted).code == "file_encrypted"
    word = rename_ole_stream(write_xls(tmp_path / "b", {}), "Workbook", "WordDocument")
    assert refusal(read_path, word).code == "file_not_spreadsheet"


# Hostile workbooks


@pytest.mark.parametrize(
    "rows",
    [
        '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        '<row r="2"><c r="xfd1048576"><v>1</v></c></row>',
        "<row r='2'><c r='XFD1048576'><v>1</v></c></row>",
        '<row r="1048576">' + "<c/>" * 100_000 + "<c><v>1</v></c></row>",
    ],
    ids=["far away", "lower case", "single quotes", "by position"],
)
def test_two_cells_far_apart_do_not_make_a_rectangle(tmp_path: Path, rows: str) -> None:
    path = write_xlsx(tmp_path / "upload", HEADER + rows)
    tracemalloc.start()
    assert gives_records_or_a_refusal(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30_000_000


@pytest.mark.parametrize("row", [300, 1_048_575, 2**32 - 1])
@pytest.mark.parametrize("value", ["x", 1.0, ErrorCode(0x2A)])
def test_two_cells_far_apart_in_an_xlsb_are_refused_before_they_are_held(
    tmp_path: Path, row: int, value: str | float
) -> None:
    path = write_xlsb(tmp_path / "upload", {(1, 0): "Ana", (row, 16_383): value})
    refused = refusal(read_path, path)
    assert (refused.code, "spread" in refused.detail) == ("file_too_large", True)


@pytest.mark.parametrize("value", ["x", 1.0], ids=["text", "number"])
def test_two_cells_far_apart_in_an_xls_are_two_rows(tmp_path: Path, value: object) -> None:
    rows = read_path(write_xls(tmp_path / "upload", {(1, 0): "Ana", (65_535, 255): value}))
    assert [(number, len(cells)) for number, cells in rows] == [(2, 5), (65_536, 256)]


@pytest.mark.parametrize("what", ["the directory", "the workbook"])
@pytest.mark.parametrize("sheet", [None, "Leads"])
def test_sectors_of_an_xls_that_refer_to_each_other_in_a_circle_are_refused(
    tmp_path: Path, what: str, sheet: str | None
) -> None:
    path = write_xls(tmp_path / "upload", {(1, 0): "Ana"})
    content = bytearray(path.read_bytes())
    (table,) = struct.unpack_from("<I", content, 76)
    (directory,) = struct.unpack_from("<I", content, 48)
    place = 512 * (directory + 1)
    while content[place : place + 16] != "Workbook".encode("utf-16-le"):
        place += 128
    (workbook,) = struct.unpack_from("<I", content, place + 116)
    sector = directory if what == "the directory" else workbook
    struct.pack_into("<I", content, 512 * (table + 1) + 4 * sector, sector)
    path.write_bytes(content)
    with pytest.raises(Unreadable) as refused:
        read_spreadsheet(path, Limits(), FileOptions(sheet=sheet))
    assert refused.value.code == "file_broken"


SIZE_OF_A_SHEET = struct.pack("<HH", 0x0200, 14)


@pytest.mark.parametrize("size", [(0, 2**31, 0, 5), (0, 2, 0, 65_535), (2**32 - 1, 2, 0, 5), (3, 2, 0, 5)])
@pytest.mark.parametrize("sheet", [None, "Leads"])
def test_how_large_a_sheet_of_an_xls_says_that_it_is_is_not_asked(
    tmp_path: Path, size: tuple[int, ...], sheet: str | None
) -> None:
    path = write_xls(tmp_path / "upload", {(1, 0): "Ana"})
    content = bytearray(path.read_bytes())
    struct.pack_into("<IIHH", content, content.index(SIZE_OF_A_SHEET) + 4, *size)
    path.write_bytes(content)
    rows = read_spreadsheet(path, Limits(), FileOptions(sheet=sheet)).rows
    assert [(number, cells[0]) for number, cells in rows] == [(2, "Ana")]


def test_an_xlsb_and_its_numbers(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "upload", {(2, 0): "Ana", (2, 1): 5511912345678.0, (2, 2): 7158230600.0, (4, 0): "x"})
    assert read_path(path) == [(3, ["Ana", "5511912345678", "7158230600", "", ""]), (5, ["x", "", "", "", ""])]


def test_a_cell_far_away_is_a_row_with_too_many_cells(tmp_path: Path) -> None:
    rows = f'{HEADER}{LEAD}<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'
    records = read_path(write_xlsx(tmp_path / "upload", rows))
    assert [(number, len(cells)) for number, cells in records] == [(2, 5), (1_048_576, 16_384)]


def test_rows_may_have_cells_far_to_the_right(tmp_path: Path) -> None:
    records = read_path(
        write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2">{cell("A2", "Ana")}{cell("ZZ2", "x")}</row>')
    )
    assert [(number, len(cells), cells[-1]) for number, cells in records] == [(2, 702, "x")]


def test_a_bomb_is_refused_before_it_is_held_in_memory(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "upload", HEADER + LEAD + " " * 30_000_000)
    assert path.stat().st_size < 100_000
    tracemalloc.start()
    refused = refusal(read_path, path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (refused.code, "unpacks" in refused.detail) == ("file_too_large", True)
    assert peak < 8_000_000


def test_the_directory_of_an_archive_is_not_believed(tmp_path: Path) -> None:
    """The declared size of a part is made small: what is inflated counts, and the part then ends too early."""
    path = write_xlsx(tmp_path / "upload", HEADER + LEAD + " " * 30_000_000)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    path.write_bytes(content.replace(struct.pack("<I", size), struct.pack("<I", 1_000)))
    assert refusal(read_path, path).code == "file_broken"


LOL = '<!DOCTYPE x [<!ENTITY a "lol"><!ENTITY b "' + "&a;" * 100 + '"><!ENTITY c "' + "&b;" * 100 + '">]>'
FILE = '<!DOCTYPE x [<!ENTITY c SYSTEM "file:///etc/hostname">]>'


@pytest.mark.parametrize("prolog", [LOL, FILE], ids=["bomb", "file"])
def test_entities_are_never_expanded(tmp_path: Path, prolog: str) -> None:
    path = write_xlsx(tmp_path / "upload", HEADER + row(2, "&c;", "11912345678"), prolog=prolog)
    assert refusal(read_path, path).code == "file_broken"


def test_entities_in_other_parts_are_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "upload", parts={"xl/workbook.xml": f"{LOL}<workbook>&c;</workbook>"})
    assert refusal(read_path, path).code == "file_broken"


def test_an_encoding_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    strange = '<?xml version="1.0" encoding="UTF-99"?><workbook/>'
    path = write_xlsx(tmp_path / "upload", parts={"xl/workbook.xml": strange})
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize(
    "rows",
    ['<row r="2"><c r="A2" ' + "x" * 6_000_000, "<!--" + "x" * 6_000_000 + "-->"],
    ids=["attribute", "comment"],
)
def test_a_tag_without_end_is_refused(tmp_path: Path, rows: str) -> None:
    assert refusal(read_path, write_xlsx(tmp_path / "upload", HEADER + rows)).code == "file_broken"


def test_deep_nesting_is_read_over(tmp_path: Path) -> None:
    nested = "<a>" * 500_000 + "</a>" * 500_000
    assert read_path(write_xlsx(tmp_path / "upload", HEADER + LEAD + nested)) == [(2, ANA)]


def test_a_part_that_is_packed_unusually_or_with_a_password_is_refused(tmp_path: Path) -> None:
    assert refusal(read_path, write_xlsx(tmp_path / "a", compression=zipfile.ZIP_LZMA)).code == "file_broken"
    path = write_xlsx(tmp_path / "b", compression=zipfile.ZIP_STORED)
    content = path.read_bytes()
    for signature, flags_at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = (
            content.rindex(signature, 0, content.index(b"xl/worksheets/sheet1.xml", content.index(signature)))
            + flags_at
        )
        content = content[:at] + b"\x01" + content[at + 1 :]
    path.write_bytes(content)
    assert refusal(read_path, path).code in {"file_encrypted", "file_broken"}


@settings(A_FILE_EACH, max_examples=60)
@given(data=st.data())
def test_any_damage_to_an_xlsx_gives_records_or_a_refusal(tmp_path: Path, data: st.DataObject) -> None:
    compression = data.draw(st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
    path = write_xlsx(tmp_path / "upload", shared_strings="<si><t>x</t></si>", compression=compression)
    content = bytearray(path.read_bytes())
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=8)):
        content[at] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    assert gives_records_or_a_refusal(path)
