"""XLS: the workbook that is measured is the one that is read, whatever else stands in the file."""

from pathlib import Path

import olefile
import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.seen_otherwise import seen_otherwise
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.ole_files import Entry, ole_file
from tests.unit.spreadsheets.records import read_path, refusal


def workbook(folder: Path, name: str, *records: bytes) -> bytes:
    lead = xls.HEADER + xls.text(1, 0, name) + xls.text(1, 1, "11981230671")
    with olefile.OleFileIO(str(xls.write(folder / "source", lead + b"".join(records)))) as ole:
        content: bytes = ole.openstream("Workbook").read()
        return content


def names(path: Path) -> list[str]:
    return [cells[0] for _, cells in read_path(path)]


ROOT, FOLDER = "Root Entry", "MBD0003A7F1"


@pytest.mark.parametrize("own", ["Workbook", "Book", "WORKBOOK", "BOOK"])
@pytest.mark.parametrize("inner", ["Workbook", "Book", "WORKBOOK", "workbook"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_workbook_within_the_workbook_is_not_read_in_its_place(
    tmp_path: Path, own: str, inner: str, is_first: bool
) -> None:
    """Who puts a sheet of Excel into a sheet of Excel has two workbooks in one file, in whichever order."""
    outer, embedded = workbook(tmp_path, "Outer"), workbook(tmp_path, "Inner")
    if is_first:
        entries = [Entry(ROOT, child=3), Entry(inner, embedded), Entry(FOLDER, child=1), Entry(own, outer, next_one=2)]
    else:
        entries = [Entry(ROOT, child=1), Entry(own, outer, next_one=2), Entry(FOLDER, child=3), Entry(inner, embedded)]
    path = tmp_path / "upload"
    path.write_bytes(ole_file(entries))
    assert names(path) == ["Outer"]
    for sheet in (None, "S0"):
        spreadsheet = read_spreadsheet(path, Limits(), FileOptions(sheet=sheet))
        assert [cells[0] for _, cells in spreadsheet.rows] == ["Outer"]
        assert not seen_otherwise(path, spreadsheet.source, Limits())


def test_a_workbook_that_no_folder_names_is_not_read(tmp_path: Path) -> None:
    """It was deleted, or is there to be read by one of two readers."""
    far = xls.size(65_536, 256) + xls.text(65_535, 255, "x")
    entries = [Entry(ROOT, child=2), Entry("Workbook", workbook(tmp_path, "Far", far))]
    entries.append(Entry("Workbook", workbook(tmp_path, "Ana")))
    path = tmp_path / "upload"
    path.write_bytes(ole_file(entries))
    assert names(path) == ["Ana"]


@pytest.mark.parametrize("name", ["WORKBOOK", "BOOK"])
def test_a_workbook_whose_stream_is_named_in_capitals_is_read(tmp_path: Path, name: str) -> None:
    """Crystal Reports writes it so."""
    path = tmp_path / "upload"
    path.write_bytes(ole_file([Entry(ROOT, child=1), Entry(name, workbook(tmp_path, "Ana"))]))
    assert names(path) == ["Ana"]


def test_a_sheet_without_its_beginning_is_refused(tmp_path: Path) -> None:
    """Where it is said to begin, another record may look like that of a cell."""
    far = xls.size(65_536, 256) + xls.error(2, 0, 0x2A) + xls.text(65_535, 255, "x")
    content = workbook(tmp_path, "Ana", far)
    begin = content.index(xls.record(0x0809, content[4:20])[:6] + b"\x10\x00")
    length = 4 + content[begin + 2]
    moved = content.replace(begin.to_bytes(4, "little"), (begin + length).to_bytes(4, "little"))
    assert moved != content
    path = tmp_path / "upload"
    path.write_bytes(ole_file([Entry(ROOT, child=1), Entry("Workbook", moved)]))
    assert refusal(read_path, path).code == "file_broken"
