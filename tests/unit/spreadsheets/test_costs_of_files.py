"""What small files made to be slow cost: what is looked at once, and of how much."""

import time
import zipfile
from html import unescape
from pathlib import Path

import pytest

from libs.fields.phones import parse_phone
from libs.spreadsheets import swallowed_rows, xlsx_parts, xlsx_styles
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.xls_stream import _Ole
from tests.unit.spreadsheets.ole_files import Entry, ole_file
from tests.unit.spreadsheets.records import is_plain, read_path, refusal
from tests.unit.spreadsheets.test_one_meaning import write
from tests.unit.spreadsheets.workbooks import HEADER, write_xlsx


def with_parts(path: Path, count: int, extra: bytes = b"") -> Path:
    write_xlsx(path)
    with zipfile.ZipFile(path, "a") as archive:
        for at in range(count):
            part = zipfile.ZipInfo(f"xl/media/image{at}.png")
            part.extra = extra
            archive.writestr(part, b"")
    return path


def test_an_archive_of_very_many_parts_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each look at an archive reads the list of its parts: 400,000 of them took 13 seconds."""
    monkeypatch.setattr(xlsx_parts, "_MOST_PARTS", 100)
    assert len(read_path(with_parts(tmp_path / "upload", 80))) == 1
    assert refusal(read_path, with_parts(tmp_path / "upload", 100)).code == "file_too_large"


def test_a_list_of_parts_that_says_very_much_of_each_is_refused(tmp_path: Path) -> None:
    path = with_parts(tmp_path / "upload", 20, b"\xfe\xca\x00\x00" * 15_000)
    assert refusal(read_path, path).code == "file_too_large"


def test_streams_of_an_xls_are_not_compared_with_each_other(tmp_path: Path) -> None:
    """Olefile keeps them in a list, and looks through it for each: 60,000 of them took 20 seconds."""
    path = tmp_path / "upload"
    path.write_bytes(ole_file([Entry("Root Entry", child=1), Entry("Workbook", b"a"), Entry("Other", b"b")]))
    with _Ole(str(path)) as ole:
        assert ole.exists("Workbook")
        assert vars(ole)["_used_streams_fat"] == []


def test_a_format_as_no_program_writes_it_is_not_spelled_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A megabyte of ``&a`` in each of 18 formats took 11 seconds."""
    spelled: list[int] = []

    def spell(text: str) -> str:
        spelled.append(len(text))
        return unescape(text)

    monkeypatch.setattr(xlsx_styles, "unescape", spell)
    row = '<row r="2"><c r="A2" s="1"><v>11912345678</v></c></row>'
    write(tmp_path / "upload", HEADER + row, formats=["0", "&quot;+1 &quot;0" + "&amp;" * 255])
    assert is_plain(tmp_path / "upload", Limits())
    write(tmp_path / "upload", HEADER + row, formats=["0", "&quot;+1 &quot;0" + "&amp;" * 1_000])
    assert not is_plain(tmp_path / "upload", Limits())
    assert max(spelled) < 2_000
    assert read_path(tmp_path / "upload") == [(2, ["11912345678", "", "", "", ""])]


def test_a_text_in_very_many_pieces_costs_about_what_they_do_without_it(tmp_path: Path) -> None:
    """Each piece that was added copied all of it: 22 kB took 13 seconds."""

    def seconds(text: str) -> float:
        rows = f'{HEADER}<row><c t="inlineStr"><is><t>{text}</t>{"<t> </t>" * 60_000}</is></c></row>'
        write_xlsx(tmp_path / "upload", rows)
        took = []
        for _ in range(3):
            began = time.process_time()
            ((_, (read, *_)),) = read_path(tmp_path / "upload")
            took.append(time.process_time() - began)
            assert read == text
        return min(took)

    assert seconds("\U0001f600" + "a" * 30_000) < 2 * seconds("\U0001f600")


def test_lines_of_titles_are_compared_with_phones_a_few_thousand_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def parsed(text: str) -> object:
        asked.append(text)
        return parse_phone(text)

    monkeypatch.setattr(swallowed_rows, "parse_phone", parsed)
    path = tmp_path / "upload"
    titles = b',"fone\n' + b"0000 0000000\n" * 1_000 + b'"'
    path.write_bytes(b"nome,celular" + titles * 20 + b"\nAna,11912345678,x\n")
    assert refusal(read_mapped, path).code == "file_broken"
    assert len(asked) <= 2_000


def test_a_header_of_several_lines_has_no_more_titles_than_a_sheet_has_columns(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(b'nome,celular,"a\nb"' + b",a" * 17_000 + b"\nAna,11912345678,x\n")
    assert refusal(read_mapped, path).code == "file_broken"


def read_mapped(path: Path) -> None:
    for _ in read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows:
        pass
