"""The workbook that is measured is the one that is read, also where an archive has two ends."""

import struct
import zipfile
from pathlib import Path

import pytest

from tests.unit.spreadsheets.records import read_path, refusal
from tests.unit.spreadsheets.workbooks import HEADER, row, write_xlsx

END = "<4s4H2LH"
END_BYTES = struct.calcsize(END)
BEYOND = 0xFFFFFFFF


def parts_of(path: Path, name: str, *, behind: int) -> tuple[bytes, bytes, int]:
    """Return the parts of a workbook with one lead, the list of them as it is ``behind`` so many bytes, their count."""
    whole = write_xlsx(path, HEADER + row(2, name, "11912345678")).read_bytes()
    _, _, _, _, count, size, offset, _ = struct.unpack(END, whole[-END_BYTES:])
    listed = bytearray(whole[offset : offset + size])
    at = 0
    while at < size:
        lengths = struct.unpack_from("<3H", listed, at + 28)
        (place,) = struct.unpack_from("<L", listed, at + 42)
        struct.pack_into("<L", listed, at + 42, place + behind)
        at += 46 + sum(lengths)
    return whole[:offset], bytes(listed), count


def end(
    count: int, size: int, offset: int, comment: int = 0, *, disks: tuple[int, int] = (0, 0), here: int = 0
) -> bytes:
    return struct.pack(END, b"PK\5\6", *disks, count + here, count, size, offset, comment)


@pytest.mark.parametrize(
    "odd",
    [
        {"comment": 1},
        {"comment": 60_000},
        {"here": 5},
        {"disks": (1, 0)},
        {"disks": (0, 1)},
        {"disks": (7, 7)},
    ],
    ids=str,
)
def test_an_end_that_one_reader_passes_over_and_another_takes_is_refused(tmp_path: Path, odd: dict[str, int]) -> None:
    measured, list_of_measured, count = parts_of(tmp_path / "a", "Measured", behind=0)
    read, list_of_read, count_of_read = parts_of(tmp_path / "b", "Read", behind=len(measured))
    body = measured + read + list_of_read
    at = len(body) + END_BYTES
    comment = list_of_measured + end(count, len(list_of_measured), at, **odd)  # type: ignore[arg-type]
    first = end(count_of_read, len(list_of_read), len(measured + read), len(comment))
    path = tmp_path / "upload"
    path.write_bytes(body + first + comment)
    with zipfile.ZipFile(path) as archive:
        assert b"Measured" in archive.read("xl/worksheets/sheet1.xml")
    assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize("turned", [False, True])
def test_an_end_that_names_another_list_than_the_one_for_large_archives_is_refused(
    tmp_path: Path, turned: bool
) -> None:
    one, list_of_one, count = parts_of(tmp_path / "a", "One", behind=0)
    other, list_of_other, _ = parts_of(tmp_path / "b", "Other", behind=len(one))
    lists = [list_of_one, list_of_other][:: -1 if turned else 1]
    body = one + other + lists[0]
    large = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, len(lists[1]), len(body))
    where = struct.pack("<4sLQL", b"PK\6\7", 0, len(body + lists[1]), 1)
    small = end(count, len(lists[0]), len(one + other))
    path = tmp_path / "upload"
    path.write_bytes(body + lists[1] + large + where + small)
    assert refusal(read_path, path).code == "file_broken"


def test_one_end_is_enough_whatever_stands_around_the_archive(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "upload", HEADER + row(2, "Ana", "11912345678"))
    whole = path.read_bytes()
    ana = read_path(path)
    other = write_xlsx(tmp_path / "b", HEADER + row(2, "Bia", "11912345678")).read_bytes()
    for content in (whole + b"\r\n", whole + b"<br>" * 5_000, b"PK\3\4" + b"x" * 50 + whole, other + whole):
        path.write_bytes(content)
        assert read_path(path) == ana


def test_an_archive_within_an_archive_has_an_end_of_its_own(tmp_path: Path) -> None:
    inner = write_xlsx(tmp_path / "inner", HEADER).read_bytes()
    path = write_xlsx(tmp_path / "upload", HEADER + row(2, "Ana", "11912345678"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.writestr("xl/embeddings/book.xlsx", inner)
        archive.comment = b"made by a program"
    assert read_path(path)[0][1][0] == "Ana"
