"""A hostile file costs time in proportion to its size: counted in calls and lines of Python, not in seconds.

Each kind of file is made in two sizes, one four times the other. What is linear takes four times the work; what was
quadratic took sixteen times.
"""

import gc
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from itertools import count, islice
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from libs.fields.phones import Phone
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from services.api.reading.domain.seen_phones import SeenPhones
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import is_plain, refusal
from tests.unit.spreadsheets.workbooks import HEADER, write_xlsb, write_xlsx

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
HEAD = b"name,phone,cpf,email,tags\n"


def counted(work: Callable[[], object]) -> int:
    """Return how many calls, of Python and of C, and lines the work takes."""
    lines = count()

    def line(frame: FrameType, event: str, argument: Any) -> Any:
        next(lines)
        return line

    before = sys.gettrace()
    sys.settrace(line)
    try:
        calls = counted_calls(work)
    finally:
        sys.settrace(before)
    return calls + next(lines)


def counted_calls(work: Callable[[], object]) -> int:
    """Return how many calls the work takes; quicker."""
    calls = count()
    before = sys.getprofile()
    # What others left behind may be cleared away meanwhile, and that calls what they have for it.
    gc.disable()
    sys.setprofile(lambda *_: next(calls))
    try:
        work()
    finally:
        sys.setprofile(before)
        gc.enable()
    return next(calls)


def read_all(path: Path) -> None:
    try:
        for _ in read_spreadsheet(path, Limits()).rows:
            pass
    except Unreadable:
        return


TEXTS: dict[str, Callable[[int], bytes]] = {
    "one long word and a byte that is no UTF-8": lambda size: HEAD + b"a" * (8_000 * size) + b"\n\xff\n",
    "a header of many names": lambda size: b"name," * (4_000 * size) + b"\n",
    "a header of many lines": lambda size: b'"\n' + b"," * (2_000 * size) + b'";' + b'"\n";;;;;' * (500 * size) + b"\n",
    "a header of many phones": lambda size: b'"\n"' + b",001488888888" * (1_000 * size) + b"\n",
    "line ends alone": lambda size: HEAD + b"\n" * (10_000 * size),
    "words with accents alone": lambda size: HEAD + b"\xe9 " * (10_000 * size) + b"\n",
    "bytes that are no ASCII alone": lambda size: HEAD + b"\xe9" * (20_000 * size) + b"\n",
    "quotation marks alone": lambda size: HEAD + b'"' * (10_001 * size) + b"\n",
    "marks and separators": lambda size: HEAD + b'",' * (5_000 * size) + b"\n",
    "many lines in one cell": lambda size: HEAD + b'"' + b"x\n" * (5_000 * size) + b'",1,,,\n',
}


@pytest.mark.parametrize("kind", TEXTS)
def test_a_text_costs_in_proportion_to_its_size(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "upload"

    def cost(size: int) -> int:
        path.write_bytes(TEXTS[kind](size))
        return counted(lambda: read_all(path))

    cost(1)  # imports and caches
    assert cost(4) < 5 * cost(1) + 2_000


@pytest.mark.parametrize("line", [b'"" \n', b'"" ,"" ,"" ,""\n', b'"\n"\n'])
def test_blank_lines_with_marks_are_refused_before_all_are_read(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "upload"

    def cost(lines: int) -> int:
        path.write_bytes(HEAD + line * lines + b"Ana,1,,,\n")
        calls = counted_calls(lambda: read_all(path))
        assert "most of them blank" in (refusal(lambda: list(read_spreadsheet(path, Limits()).rows)).detail or "")
        return calls

    assert cost(240_000) < 1.1 * cost(120_000), "however many more there are, they are not read"


def test_as_many_blank_lines_with_marks_as_programs_write_are_skipped(tmp_path: Path) -> None:
    (tmp_path / "upload").write_bytes(HEAD + b'"","","","",""\n' * 60_000 + b"Ana,1,,,\n")
    assert [row for row, _ in read_spreadsheet(tmp_path / "upload", Limits()).rows] == [60_002]


def test_texts_that_a_workbook_only_says_it_has_take_no_memory(tmp_path: Path) -> None:
    cells = "".join(f'<c r="{column}1" t="s"><v>{at}</v></c>' for at, column in enumerate("ABCDE"))
    for count_of_texts, plain in (("7", True), ("2000001", False), ("4294967295", False), ("9" * 20, False)):
        items = "".join(f"<si><t>{name}</t></si>" for name in ("name", "phone", "cpf", "email", "tags", "Ana", "1"))
        part = f'<sst xmlns="{MAIN}" count="7" uniqueCount="{count_of_texts}">{items}</sst>'
        rows = f'<row r="1">{cells}</row><row r="2"><c r="A2" t="s"><v>5</v></c><c r="B2" t="s"><v>6</v></c></row>'
        path = write_xlsx(tmp_path / "upload", rows, shared_strings=items, parts={"xl/sharedStrings.xml": part})
        assert is_plain(path, Limits()) is plain
        assert list(read_spreadsheet(path, Limits()).rows) == [(2, ["Ana", "1", "", "", ""])]


ROWS: dict[str, Callable[[int], str]] = {
    "cells without a reference": lambda size: '<row r="2">' + "<c/>" * (4_000 * size) + "</row>",
    "errors": lambda size: "".join(
        f'<row r="{n}"><c r="A{n}" t="e"><v>#N/A</v></c></row>' for n in range(2, 1_000 * size)
    ),
    "formulas that never end": lambda size: '<row r="2"><c r="A2">' + "<f " * (4_000 * size) + "</c></row>",
    "formulas without a value": lambda size: '<row r="2"><c r="A2">' + "<f>A</f>" * (4_000 * size) + "</c></row>",
    "elements that nobody knows": lambda size: '<row r="2">' + "<x/>" * (4_000 * size) + "</row>",
}


@pytest.mark.parametrize("kind", ROWS)
def test_a_workbook_costs_in_proportion_to_its_size(tmp_path: Path, kind: str) -> None:
    def cost(size: int) -> int:
        path = write_xlsx(tmp_path / "upload", HEADER + ROWS[kind](size))
        return counted(lambda: read_all(path))

    cost(1)
    assert cost(4) < 5 * cost(1) + 2_000


@pytest.mark.parametrize("cells", ["<c/>", "<c><v>1</v></c>", '<c t="e"><v>#N/A</v></c>', "<x/>"])
def test_a_small_archive_of_very_many_cells_is_refused_before_they_are_read(tmp_path: Path, cells: str) -> None:
    count_of_cells = 18_000_000 // len(cells)
    path = write_xlsx(tmp_path / "upload", f'{HEADER}<row r="2">{cells * count_of_cells}</row>')
    assert path.stat().st_size < 200_000
    assert counted_calls(lambda: read_all(path)) < 36_000_000
    assert refusal(lambda: list(read_spreadsheet(path, Limits()).rows)).code == "file_too_large"


@pytest.mark.parametrize(
    ("part", "xml", "element"),
    [
        ("xl/workbook.xml", '<workbook xmlns:r="r"><sheets>{}</sheets></workbook>', "<sheet/>"),
        ("xl/_rels/workbook.xml.rels", "<Relationships>{}</Relationships>", "<Relationship/>"),
    ],
)
def test_a_small_archive_that_lists_very_many_parts_is_refused_before_they_are_read(
    tmp_path: Path, part: str, xml: str, element: str
) -> None:
    def cost(elements: int) -> int:
        path = write_xlsx(tmp_path / "upload", parts={part: xml.format(element * elements)})
        calls = counted_calls(lambda: read_all(path))
        assert refusal(lambda: list(read_spreadsheet(path, Limits()).rows)).code == "file_too_large"
        return calls

    assert cost(440_000) < 1.1 * cost(220_000), "however many more there are, they are not read"


EMPTY = struct.pack("<HB", 0, 0)
REFERENCES = b"\x23\1\0\0\0" + b"\x23\1\0\0\0\3" * 200
BLANKS = b"\x19\x40\x00\xff"
CELLS_OF_XLS: dict[str, Callable[[int], tuple[bytes, bytes]]] = {
    "shared texts that go on in very many records": lambda size: (
        xls.shared_texts(struct.pack("<HB", 1_000 * size, 0), *[b"\0a"] * (1_000 * size)),
        xls.shared(1, 0, 0),
    ),
    "texts that each go on in another record": lambda size: (
        xls.shared_texts(b"\1\0\0", *[b"\0a\1\0\0"] * (1_000 * size), b"\0a"),
        b"",
    ),
    "a shared text that says it is long": lambda size: (
        xls.shared_texts(struct.pack("<HBI", 1, 4, 0xFFFFFFFF), *[b"a"] * (1_000 * size)),
        b"",
    ),
    "empty texts": lambda size: (xls.shared_texts(*[EMPTY * 1_000] * size), b""),
    "a text of a formula that goes on": lambda size: (
        b"",
        xls.formula(1, 0, "").removesuffix(xls.text_of_formula(""))
        + xls.going_on(0x0207, struct.pack("<HB", 1_000 * size, 0), *[b"\0a"] * (1_000 * size)),
    ),
    "long formulas": lambda size: (
        b"",
        b"".join(xls.formula(at, 0, 1.0, expression=REFERENCES + BLANKS * 100 * size) for at in range(1, 50 * size)),
    ),
    "cells from below": lambda size: (
        b"",
        b"".join(xls.number(row, column, 1.5) for row in range(200 * size, 0, -1) for column in (4, 3, 2)),
    ),
    "records that nobody knows": lambda size: (b"", xls.record(0x7777) * (2_000 * size)),
}


@pytest.mark.parametrize("kind", CELLS_OF_XLS)
def test_an_xls_costs_in_proportion_to_its_size(tmp_path: Path, kind: str) -> None:
    def cost(size: int) -> int:
        texts, cells = CELLS_OF_XLS[kind](size)
        path = xls.write(tmp_path / "upload", xls.HEADER + cells, texts=texts)
        return counted(lambda: read_all(path))

    cost(1)
    assert cost(4) < 5 * cost(1) + 2_000


def test_formulas_of_an_xls_are_not_looked_at(tmp_path: Path) -> None:
    """Their values are read: what they are made of costs nothing, whoever it was made by."""

    def cost(expression: bytes) -> int:
        path = xls.write(tmp_path / "upload", xls.HEADER + xls.formula(1, 0, 1.0, expression=expression))
        return counted(lambda: read_all(path))

    expression = REFERENCES + BLANKS * 1_500
    cost(expression)
    assert cost(expression) == cost(b"\0" * len(expression))


def test_a_text_that_very_many_cells_name_is_held_once(tmp_path: Path) -> None:
    """As copies it would take gigabytes."""
    texts = xls.shared_texts(struct.pack("<HB", 8_000, 0) + b"a" * 8_000)
    cells = b"".join(xls.shared(row, column, 0) for row in range(1, 4_000) for column in range(5))
    path = xls.write(tmp_path / "upload", xls.HEADER + cells, texts=texts)
    tracemalloc.start()
    rows = list(read_spreadsheet(path, Limits(max_bytes=200_000_000)).rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(rows) == 3_999
    assert peak < 10_000_000


def test_very_many_texts_of_an_xls_are_refused(tmp_path: Path) -> None:
    """A byte each would be some of the file's size; as texts they are many times as much."""
    path = xls.write(tmp_path / "upload", xls.HEADER, texts=xls.shared_texts(*[EMPTY * 2_700] * 900))
    assert refusal(lambda: read_spreadsheet(path, Limits())).code == "file_too_large"


def test_a_small_xlsb_of_very_many_records_is_refused_before_they_are_read(tmp_path: Path) -> None:
    path = write_xlsb(tmp_path / "upload", {(1, 0): "Ana"})
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts["xl/worksheets/sheet1.bin"] += b"\x14\x00" * 9_000_000
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    assert path.stat().st_size < 50_000
    assert counted_calls(lambda: read_all(path)) < 16_000_000
    assert refusal(lambda: list(read_spreadsheet(path, Limits()).rows)).code == "file_too_large"


def test_blank_rows_have_an_end(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(HEAD + b"\n" * 1_100_000)
    assert refusal(lambda: list(read_spreadsheet(path, Limits()).rows)).code == "file_too_large"


def test_two_parts_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write_xlsx(tmp_path / "upload")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("/xl/worksheets/sheet1.xml", "<worksheet/>")
    refused = refusal(lambda: read_spreadsheet(path, Limits()))
    assert (refused.code, "twice" in refused.detail) == ("file_broken", True)


def test_phones_that_somebody_chose_do_not_queue_for_one_place_of_the_table() -> None:
    """For a hash that is known phones can be chosen that all want the same place; Python's has a key of its own."""
    rows = 500
    places = 1 << (2 * rows).bit_length()

    def known(text: str) -> int:
        return int(text) * 0x9E3779B97F4A7C15 >> 40

    numbers = (number for number in range(11_900_000_000, 12_000_000_000) if known(f"55{number}") % places == 7)
    phones = [Phone("55", "BR", str(number)) for number in islice(numbers, 200)]
    chosen, other = SeenPhones(rows, hashed=known), SeenPhones(rows)
    # Of each probe a line; of the call of ``known`` another one for each phone.
    assert counted(lambda: chosen.repeats(phones)) > 5 * counted(lambda: other.repeats(phones))
    assert SeenPhones(rows, hashed=known).repeats(phones) == [False] * 200
