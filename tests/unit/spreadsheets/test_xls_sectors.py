"""XLS: nobody follows more sectors than a file of its size can have."""

import struct
from pathlib import Path

import olefile
import pytest

from libs.spreadsheets.xls_sectors import refuse_false_head
from libs.spreadsheets.xls_stream import xls_stream
from tests.support.stack import ROOT
from tests.unit.spreadsheets.ole_files import (
    FILE,
    FIRST_LIST,
    FOLDERS,
    INTACT,
    LISTS,
    MILLIONS_OF_LISTS,
    MOST,
    SHIFT,
    SMALL_SHIFT,
    SMALL_TABLES,
    TABLES,
    Entry,
    changed,
    ole_file,
)
from tests.unit.spreadsheets.records import read_path, refusal

FILES = sorted((ROOT / "tests/fixtures/files").rglob("*.xls"))


def shown_to_olefile(*_: object) -> None:
    pytest.fail("olefile is given the file")


@pytest.mark.parametrize("at", [FOLDERS, TABLES, SMALL_TABLES, LISTS])
@pytest.mark.parametrize("count", [len(INTACT) // 512 + 1, 1 << 20, MOST])
def test_a_file_that_says_it_has_more_sectors_than_fit_into_it_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int, count: int
) -> None:
    monkeypatch.setattr(olefile, "OleFileIO", shown_to_olefile)
    path = changed(tmp_path / "upload", {at: max(count, 110) if at == TABLES else count})
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("at", [SHIFT, SMALL_SHIFT])
@pytest.mark.parametrize("shift", [0, 5, 7, 8, 63, 64, 255, 256, 262, 65_535])
def test_sectors_of_a_size_that_none_has_are_refused(tmp_path: Path, at: int, shift: int) -> None:
    assert refusal(read_path, changed(tmp_path / "upload", {at: shift}, "H")).code == "file_broken"


def test_lists_of_sectors_that_are_counted_by_the_million_are_refused_before_they_are_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(olefile, "OleFileIO", shown_to_olefile)
    assert refusal(read_path, changed(tmp_path / "upload", MILLIONS_OF_LISTS)).code == "file_broken"


def test_a_file_that_counts_no_list_of_sectors_and_names_one_is_refused(tmp_path: Path) -> None:
    """It is followed by itself, and whoever goes by its name alone would follow it until the memory is full."""
    path = changed(tmp_path / "upload", {FIRST_LIST: 0, 1_020: 0})
    assert refusal(read_path, path).code == "file_broken"


def test_a_table_of_as_many_sectors_as_the_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it has of the table olefile copies for each further sector of it: that grows with its square."""
    monkeypatch.setattr(olefile, "OleFileIO", shown_to_olefile)
    content = INTACT + b"\xff" * (512 * 1_000)
    path = changed(tmp_path / "upload", {TABLES: 109 + 127 * 7, FIRST_LIST: 20, LISTS: 7}, content=content)
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("count", [10, 1_200, 5_000])
def test_entries_that_follow_each_other_for_long_are_read_or_refused(tmp_path: Path, count: int) -> None:
    workbook = xls_stream(FILE)
    others = [Entry(f"MBD{at:05}", next_one=3 + at) for at in range(count)]
    entries = [Entry("Root Entry", child=1), Entry("Workbook", workbook, next_one=2), *others, Entry("last")]
    path = tmp_path / "upload"
    path.write_bytes(ole_file(entries))
    if count == 10:
        changed(tmp_path / "intact", {})
        assert read_path(path) == read_path(tmp_path / "intact")
    else:
        assert refusal(read_path, path).code == "file_broken"


def test_what_stands_behind_the_end_of_the_table_is_not_read(tmp_path: Path) -> None:
    """The table of sectors ends at the first place without one."""
    changed(tmp_path / "intact", {})
    path = changed(tmp_path / "upload", {76 + 4 * 7: 0x00FFFFFF})
    assert read_path(path) == read_path(tmp_path / "intact")


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_program_writes_a_head_that_is_refused(path: Path) -> None:
    if path.read_bytes()[:4] == b"\xd0\xcf\x11\xe0":
        refuse_false_head(path)


def test_a_file_larger_than_its_head_can_list_is_read(tmp_path: Path) -> None:
    """More than 109 sectors of 128 places each: seven megabytes."""
    workbook = xls_stream(FILE)
    path = tmp_path / "upload"
    path.write_bytes(with_lists(workbook + b"\0" * 7_500_000))
    (tmp_path / "intact").write_bytes(INTACT)
    assert read_path(path) == read_path(tmp_path / "intact")


def with_lists(workbook: bytes) -> bytes:
    """Return a file of this stream whose table of sectors is longer than a head can list."""
    sectors = [workbook[at : at + 512].ljust(512, b"\0") for at in range(0, len(workbook), 512)]
    name = "Workbook".encode("utf-16-le") + b"\0\0"
    root = "Root Entry".encode("utf-16-le") + b"\0\0"
    unlinked = b"\xff" * 8
    entries = root.ljust(64, b"\0") + struct.pack("<HBB8sI36xIQ", len(root), 5, 1, unlinked, 1, 0xFFFFFFFE, 0)
    entries += name.ljust(64, b"\0") + struct.pack("<HBB8sI36xIQ", len(name), 2, 1, unlinked, MOST, 0, len(workbook))
    folder = len(sectors)
    tables = -(-(folder + 200) // 128)
    first = folder + 1
    further = list(range(first, first + tables))[109:]
    table = [*range(1, folder), 0xFFFFFFFE, 0xFFFFFFFE, *[0xFFFFFFFD] * tables, 0xFFFFFFFC]
    table += [MOST] * (tables * 128 - len(table))
    lists = struct.pack("<128I", *further, *[MOST] * (127 - len(further)), 0xFFFFFFFE)
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + struct.pack("<16xHHHHH6x", 0x3E, 3, 0xFFFE, 9, 6)
    head += struct.pack("<9I", 0, tables, folder, 0, 4_096, 0xFFFFFFFE, 0, first + tables, 1)
    head += struct.pack("<109I", *range(first, first + 109))
    return head + b"".join(sectors) + entries.ljust(512, b"\0") + struct.pack(f"<{tables * 128}I", *table) + lists
