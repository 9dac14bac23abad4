"""Files as programs and people write them become records, judged by their bytes; all others are refused truthfully."""

import csv
import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from libs.spreadsheets.formulas import restored
from libs.spreadsheets.limits import EXCEL_CELL_LIMIT, Limits
from libs.spreadsheets.nulls import without_nulls
from tests.unit.spreadsheets.records import (
    A_FILE_EACH,
    ANA,
    Reader,
    Records,
    gives_records_or_a_refusal,
    read_path,
    refusal,
)
from tests.unit.spreadsheets.workbooks import HEADERS

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures" / "files"
HEAD = "name,phone,cpf,email,tags\n"


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Read the records of a file with this content."""

    def read_content(content: bytes | str, limits: Limits | None = None) -> Records:
        path = tmp_path / "upload"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_path(path, limits)

    return read_content


CalledOtherwise = Callable[[str], Iterator[Path]]


@pytest.fixture
def called(tmp_path: Path) -> CalledOtherwise:
    """Give a fixture other names, one after the other: without an ending, and with each that spreadsheets have."""

    def give(name: str) -> Iterator[Path]:
        for other in ("upload", "leads.csv", "leads.xls", "leads.xlsx", "leads.xlsb"):
            path = tmp_path / other
            path.symlink_to(FIXTURES / name)
            yield path

    return give


# Files of real programs: tests/fixtures/files/README.md


def refused_fixtures() -> dict[str, str]:
    refused: dict[str, str] = json.loads((FIXTURES / "expected.json").read_bytes())["refused"]
    return refused


@pytest.mark.parametrize(("name", "code"), refused_fixtures().items())
def test_files_of_other_programs_are_refused(name: str, code: str) -> None:
    assert refusal(read_path, FIXTURES / name).code == code


@pytest.mark.parametrize("head", ["09000400", "09020600", "09040600", "09080800", "09081000"])
def test_a_workbook_of_before_1997_is_named_and_not_taken_for_a_text(read: Reader, head: str) -> None:
    refused = refusal(read, bytes.fromhex(head) + "Jos\xe9 \xe9 ".encode("latin-1") * 9 + b"\x0a\0\0\0")
    assert refused.code == "file_not_spreadsheet"
    assert refused.detail == "This is a workbook of Excel 95 or before; open it and save it as XLSX."


def known_fixtures() -> list[str]:
    return list(json.loads((FIXTURES / "expected.json").read_bytes())["files"])


@pytest.mark.parametrize("name", known_fixtures())
def test_a_file_is_judged_by_its_bytes_whatever_it_is_called(called: CalledOtherwise, name: str) -> None:
    records = read_path(FIXTURES / name)
    assert records
    for path in called(name):
        assert read_path(path) == records, path.name


@pytest.mark.parametrize(("name", "code"), refused_fixtures().items())
def test_a_file_is_refused_by_its_bytes_whatever_it_is_called(called: CalledOtherwise, name: str, code: str) -> None:
    for path in called(name):
        assert refusal(read_path, path).code == code, path.name


# Encodings of text


TEXT = "name;phone;cpf;email;tags\r\nJoão Gonçalves;11912345678;;;Ação\r\n"
JOAO = [(2, ["João Gonçalves", "11912345678", "", "", "Ação"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_encodings(read: Reader, encoding: str) -> None:
    assert read(TEXT.encode(encoding)) == JOAO


def test_utf16_with_byte_order_mark_in_both_orders(read: Reader) -> None:
    assert read(b"\xff\xfe" + TEXT.encode("utf-16-le")) == JOAO
    assert read(b"\xfe\xff" + TEXT.encode("utf-16-be")) == JOAO


@pytest.mark.parametrize("before", [1_000, 70_000, 1_100_000])
def test_one_windows_1252_byte_far_into_the_file(read: Reader, before: int) -> None:
    content = HEAD.encode() + b"Ana,11912345678,,,\n" * (before // 19) + "João,11912345678,,,\n".encode("cp1252")
    limits = Limits(max_rows=100_000)
    assert read(content, limits)[-1][1][0] == "João"


def test_one_accent_in_utf8_across_the_border_of_two_blocks(read: Reader) -> None:
    head = HEAD.encode() + b"x" * ((1 << 20) - len(HEAD) - 1)
    records = read(head + "é,11912345678,,,\n".encode(), Limits(max_rows=10_000, max_cell_chars=2_000_000))
    assert records[0][1][0].endswith("xé")


@pytest.mark.parametrize(
    "content",
    [
        HEAD.encode() + "João,1,,,\nConceição,2,,,\n".encode() + "José,3,,,\n".encode("cp1252"),
        b"\xef\xbb\xbf" + HEAD.encode() + "João,1,,,\n".encode("cp1252"),
        HEAD.encode("utf-16") + b"\x00",
        b"\xff\xfe" + HEAD.encode("utf-16-le") + b"\x00\xd8,\x00",
    ],
    ids=["two encodings", "not what the mark says", "half a character", "a lone surrogate"],
)
def test_text_that_no_encoding_explains_is_refused(read: Reader, content: bytes) -> None:
    assert refusal(read, content).code == "file_encoding"


# Records of text


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separators_and_line_ends(read: Reader, separator: str, end: str) -> None:
    lines = [separator.join(HEADERS), separator.join(ANA), separator.join(["Bia", "2", "", "", '"a, b; c"'])]
    assert read(end.join(lines)) == [(2, ANA), (3, ["Bia", "2", "", "", "a, b; c"])]


@pytest.mark.parametrize("declared", ["sep=;", '"sep=;"', "SEP=;", "\ufeffsep=;", "sep=;;;;;", "sep=; "])
def test_excels_separator_line_is_honoured_and_not_counted(read: Reader, declared: str) -> None:
    assert read(f"{declared}\r\nname;phone;cpf;email;tags\r\nAna;11912345678;;;\r\n") == [(2, ANA)]


def test_a_quoted_cell_may_hold_separators_quotes_and_line_breaks(read: Reader) -> None:
    records = read(HEAD + '"Ana ""B"", C\nD\r\nE",11912345678,,,"x, y"\nBia,2,,,\n')
    assert records == [
        (2, ['Ana "B", C\nD\r\nE', "11912345678", "", "", "x, y"]),
        (3, ["Bia", "2", "", "", ""]),
    ]


def test_blank_records_are_skipped_and_counted(read: Reader) -> None:
    assert read(f"\n,,,,\n{HEAD}\n , ,\u00a0,,\u200b\nAna,11912345678,,,\n\n\nBia,2\n\n") == [
        (6, ANA),
        (9, ["Bia", "2", "", "", ""]),
    ]


def test_missing_cells_are_empty_and_blank_cells_too_many_are_dropped(read: Reader) -> None:
    assert read(HEAD + "Ana,11912345678\nAna,11912345678,,,,,\u00a0,\nAna\n") == [
        (2, ANA),
        (3, ANA),
        (4, ["Ana", "", "", "", ""]),
    ]


def test_cells_too_many_are_kept_to_be_refused(read: Reader) -> None:
    assert read(HEAD + "Ana,11912345678,,,a,b\n") == [(2, ["Ana", "11912345678", "", "", "a", "b"])]


def test_cells_are_not_trimmed_but_lose_the_apostrophe_before_a_formula(read: Reader) -> None:
    assert read(HEAD + " Ana ,'+5511912345678,'1,'=x,''@y\n") == [
        (2, [" Ana ", "+5511912345678", "'1", "=x", "'@y"]),
    ]


@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_a_quotation_mark_that_never_closes_loses_no_rows_silently(read: Reader, end: str) -> None:
    refused = refusal(read, HEAD + 'Ana,1,,,\n"Bia,2,,,\n' + "Caio,3,,,\n" * 100 + end.strip("\n") + end)
    assert refused.code == "file_broken"
    assert "Row 3" in refused.detail


def test_a_quoted_cell_longer_than_any_cell_is_a_missing_quotation_mark(read: Reader) -> None:
    refused = refusal(read, HEAD + '"Bia,2,,,\n' + "Caio,3,,,\n" * 10_000 + '"Davi",4,,,\n')
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize("size", [40_000, 400_000, 3_000_000])
def test_a_huge_cell_spoils_its_own_row_only(read: Reader, size: int) -> None:
    limits = Limits()
    records = read(HEAD + "Ana,11912345678,,,\n" + "x" * size + ",1,,,\nBia,2,,,\n", limits)
    assert [number for number, _ in records] == [2, 3, 4]
    assert records[0][1] == ANA
    assert limits.max_cell_chars < len(records[1][1][0]) <= limits.max_cell_chars + 1
    assert records[2][1][0] == "Bia"


@pytest.mark.parametrize(
    "longest", [2 * len(HEADERS) * EXCEL_CELL_LIMIT, 2 * len(HEADERS) * EXCEL_CELL_LIMIT + (1 << 20)]
)
@pytest.mark.parametrize("less", range(-1, 4))
@pytest.mark.parametrize("end", ["\r\n", "\r", "\n"])
def test_rows_below_a_line_that_is_cut_amid_its_end_keep_their_numbers(
    read: Reader, longest: int, less: int, end: str
) -> None:
    header = HEAD.replace("\n", end)
    records = read(header + "x" * (longest - less) + end + "Bia,2,,," + end)
    assert [number for number, _ in records] == [2, 3]


def test_nul_in_a_cell_is_text(read: Reader) -> None:
    assert read(HEAD + "A\x00na,1,,,\n") == [(2, ["A\x00na", "1", "", "", ""])]


# The header


@pytest.mark.parametrize(
    "header",
    [
        "NAME,Phone,cPf,EMAIL,Tags",
        " name ,\u00a0phone, cpf,email\u200b,tags",
        "name,phone,cpf,email,tags,,, ",
        '"name","phone","cpf","email","tags"',
        "\ufeffname,phone,cpf,email,tags",
    ],
)
def test_headers_are_compared_trimmed_and_case_folded(read: Reader, header: str) -> None:
    assert read(f"{header}\nAna,11912345678,,,\n") == [(2, ANA)]


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("name,phone,cpf,email", "Missing: tags."),
        ("name,phone", "Missing: cpf, email, tags."),
        ("name,phone,cpf,email,tags,extra", "Column 6 is not one of the five."),
        ("phone,name,cpf,email,tags", "The columns are out of order."),
        ("name,fone,cpf,email,tags", "Column 2 is 'fone' and should be 'phone'."),
        ("nome,telefone,cpf,e-mail,etiquetas", "Column 1 is 'nome' and should be 'name'."),
        ("name,phnoe,cpf,email,tags", "Column 2 is 'phnoe' and should be 'phone'."),
        (" Nome ,TELEFONE,cpf,E-mail,tags", "Column 1 is 'Nome' and should be 'name'."),
        (" Nome ,TELEFONE,cpf,E-mail,tags", "Column 2 is 'TELEFONE' and should be 'phone'."),
        ("Name,Phone,PHONE,Email,Tags", "Column 3 repeats 'PHONE'. Missing: cpf."),
        (",name,phone,cpf,email,tags", "Column 1 has no name."),
        ("name,phone,phone,email,tags", "Column 3 repeats 'phone'. Missing: cpf."),
        ("name|phone|cpf|email|tags", "The first row does not hold the names of the columns."),
        ("just some text", "The first row does not hold the names of the columns."),
    ],
)
def test_a_wrong_header_is_explained(read: Reader, header: str, detail: str) -> None:
    refused = refusal(read, f"{header}\nAna,11912345678,,,\n")
    assert refused.code == "file_headers"
    assert detail in refused.detail


def test_a_first_line_of_one_huge_cell_is_no_header_whatever_was_read_before(read: Reader) -> None:
    """Csv's limit of a field is the process', and a worker reads many files."""
    assert read(HEAD + "Ana,11912345678,,,")
    assert refusal(read, "A" * 60_000).code == "file_headers"


def test_a_header_that_is_data_is_not_quoted(read: Reader) -> None:
    refused = refusal(read, "Ana Segredo,11912345678,52998224725,segredo@padaria.com.br,segredo\n")
    assert refused.code == "file_headers"
    assert "segredo" not in refused.detail.lower()
    assert "119" not in refused.detail


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\n\n\n", b" \t\r\n", b"\xff\xfe", b",,,,\n,,,,\n"])
def test_an_empty_file_is_said_to_be_empty(read: Reader, content: bytes) -> None:
    assert refusal(read, content).code == "file_empty"


def test_a_header_alone_has_no_records(read: Reader) -> None:
    assert read(HEAD) == []
    assert read(HEAD + "\n,,\n") == []


# Neither CSV nor Excel


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR",
        b"\xff\xd8\xff\xe0\x00\x10JFIF",
        b"\x7fELF\x02\x01\x01",
        b"MZ\x90\x00\x03",
        b"\x1f\x8b\x08\x00",
        b"<!DOCTYPE html><table><tr><td>name</td></tr></table>",
        b"\xef\xbb\xbf \r\n<html>",
        b'<?xml version="1.0"?><Workbook/>',
        b'{"name": "Ana"}',
        b"{\\rtf1 name,phone}",
        bytes(range(256)) * 64,
        b"\x00" * 4_000,
    ],
)
def test_other_kinds_of_files_are_refused(read: Reader, content: bytes) -> None:
    assert refusal(read, content).code in {"file_not_spreadsheet", "file_encoding"}


@pytest.mark.parametrize("part", ["word/document.xml", "ppt/presentation.xml", "content.xml", "anything.txt"])
def test_other_archives_are_refused(tmp_path: Path, part: str) -> None:
    with zipfile.ZipFile(tmp_path / "upload", "w") as archive:
        archive.writestr(part, "name,phone,cpf,email,tags")
    assert refusal(read_path, tmp_path / "upload").code == "file_not_spreadsheet"


def test_a_file_over_the_limit_is_refused(read: Reader) -> None:
    limits = Limits(max_bytes=1_000)
    assert len(read(HEAD + "Ana,1\n" * 100, limits)) == 100
    assert refusal(read, HEAD + "Ana,1\n" * 200, limits).code == "file_too_large"


# Properties


names = st.text(alphabet=st.characters(blacklist_categories=["Cs"]), max_size=12)
tables = st.lists(st.lists(names, min_size=5, max_size=5).map(lambda cells: ["Ana" + cells[0], *cells[1:]]), max_size=5)


@settings(A_FILE_EACH, max_examples=80)
@example(table=[["Ana", ' "', "", "\n", ""]], encoding="utf-8", separator=",", style=("\r\n", csv.QUOTE_MINIMAL))
@given(
    table=tables,
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    separator=st.sampled_from([",", ";", "\t"]),
    style=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]),
)
def test_what_csv_writes_is_read_back(
    tmp_path: Path, table: list[list[str]], encoding: str, separator: str, style: tuple[str, Literal[0, 1]]
) -> None:
    text = io.StringIO()
    end, quoting = style
    # What an Excel of the other separator adds to the ends of lines is left out, and looks like this.
    added = {",": ";", ";": ",,"}.get(separator, "\0")
    assume(quoting == csv.QUOTE_ALL or not any(cells[-1].endswith(added) for cells in table))
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows([HEADERS, *table])
    (tmp_path / "upload").write_bytes(text.getvalue().encode(encoding))
    expected = [list(map(restored, without_nulls(cells))) for cells in table]
    assert read_path(tmp_path / "upload") == list(enumerate(expected, 2))


@settings(A_FILE_EACH, max_examples=150)
@given(
    content=st.one_of(
        st.binary(max_size=400),
        st.builds(bytes.__add__, st.just(HEAD.encode()), st.binary(max_size=200)),
        st.builds(
            bytes.__add__,
            st.sampled_from([b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"]),
            st.binary(max_size=600),
        ),
        st.text(alphabet='name,phone;cpf\t"\r\n\x00é', max_size=200).map(str.encode),
    )
)
def test_any_bytes_give_records_or_a_refusal(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "upload").write_bytes(content)
    assert gives_records_or_a_refusal(tmp_path / "upload")
