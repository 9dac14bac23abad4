"""XLS: texts are read whole, in however many records they stand, in whichever code page; or the file is refused."""

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.limits import Limits
from libs.spreadsheets.nulls import without_nulls
from libs.spreadsheets.reader import read_spreadsheet
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import A_FILE_EACH, ANA, read_path, refusal

LEAD = xls.HEADER + xls.text(1, 0, "Ana")
PHONE = "11912345678"
OF_FORMULA = xls.formula(1, 1, "").removesuffix(xls.text_of_formula(""))
FACE = "Ana \U0001f600 Lima"


def begin(value: str, *, is_wide: bool = True) -> bytes:
    """Return what stands before the characters of a text."""
    return struct.pack("<HB", len(value.encode("utf-16-le")) // 2, is_wide)


def phone(path: Path) -> str:
    ((_, cells),) = read_path(path)
    return cells[1]


# Texts that go on in another record


@pytest.mark.parametrize("cut", range(len(PHONE)))
@pytest.mark.parametrize(("first", "second"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_a_text_of_a_formula_that_goes_on_in_another_record_is_read_whole(
    tmp_path: Path, cut: int, first: int, second: int
) -> None:
    codecs = "latin-1", "utf-16-le"
    pieces = begin(PHONE, is_wide=bool(first)) + PHONE[:cut].encode(codecs[first])
    rest = bytes([second]) + PHONE[cut:].encode(codecs[second])
    written = OF_FORMULA + xls.going_on(0x0207, pieces, rest)
    assert phone(xls.write(tmp_path / "upload", LEAD + written)) == PHONE


def test_a_long_text_of_a_formula_is_read_whole(tmp_path: Path) -> None:
    """Excel divides texts of more than 8,224 bytes."""
    value = "ã漢" * 8_000
    written = value.encode("utf-16-le")
    pieces = [written[at : at + 8_000] for at in range(0, len(written), 8_000)]
    record = xls.going_on(0x0207, begin(value) + pieces[0], *[b"\1" + piece for piece in pieces[1:]])
    assert phone(xls.write(tmp_path / "upload", LEAD + OF_FORMULA + record)) == value


def test_a_formula_that_goes_on_in_another_record_has_its_text(tmp_path: Path) -> None:
    written = OF_FORMULA + xls.record(0x003C, b"x" * 9) + xls.record(0x04BC, b"x" * 9) + xls.text_of_formula(PHONE)
    assert phone(xls.write(tmp_path / "upload", LEAD + written)) == PHONE


@pytest.mark.parametrize("where", ["own", "formula", "shared"])
@pytest.mark.parametrize("cut", range(1, 22))
def test_a_text_is_read_whole_wherever_it_is_cut(tmp_path: Path, where: str, cut: int) -> None:
    """Also within a pair of surrogates, of which neither half is a character. Half of one is none either way."""
    characters = FACE.encode("utf-16-le")
    pieces = begin(FACE) + characters[:cut], b"\1" + characters[cut:]
    path = tmp_path / "upload"
    if where == "own":
        xls.write(path, LEAD + xls.going_on(0x0204, struct.pack("<HHH", 1, 1, 0) + pieces[0], pieces[1]))
    elif where == "formula":
        xls.write(path, LEAD + OF_FORMULA + xls.going_on(0x0207, *pieces))
    else:
        xls.write(path, LEAD + xls.shared(1, 1, 0), texts=xls.shared_texts(*pieces))
    if cut % 2:
        assert refusal(read_path, path).code == "file_broken"
    else:
        assert phone(path) == FACE


WORD = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'"), max_size=12)


@A_FILE_EACH
@given(words=st.lists(WORD, min_size=1, max_size=5), data=st.data())
def test_shared_texts_are_read_wherever_their_records_are_cut(
    tmp_path: Path, words: list[str], data: st.DataObject
) -> None:
    """Between characters, after which flags follow; between texts, and amid what is bold or how it is spoken."""
    pieces = [b""]

    def may_go_on(behind: bytes = b"") -> None:
        if data.draw(st.booleans()):
            pieces.append(behind)

    for word in words:
        runs, spoken = data.draw(st.integers(0, 2)), data.draw(st.integers(0, 5))
        units = [word.encode("utf-16-le")[at : at + 2] for at in range(0, len(word.encode("utf-16-le")), 2)]
        flags = 1 | bool(runs) * 8 | bool(spoken) * 4
        pieces[-1] += struct.pack("<HB", len(units), flags)
        pieces[-1] += struct.pack("<H", runs) if runs else b""
        pieces[-1] += struct.pack("<I", spoken) if spoken else b""
        for unit in units:
            may_go_on(b"\1")
            pieces[-1] += unit
        for byte in b"r" * 4 * runs + b"s" * spoken:
            may_go_on()
            pieces[-1] += bytes([byte])
        may_go_on()
    cells = b"".join(xls.text(at, 0, "x") + xls.shared(at, 1, at - 1) for at in range(1, len(words) + 1))
    count = data.draw(st.sampled_from([0, len(words), 1 << 31]))
    path = xls.write(tmp_path / "upload", xls.HEADER + cells, texts=xls.shared_texts(*pieces, count=count))
    assert [read for _, (_, read, *_) in read_path(path)] == without_nulls(words)


# Texts that are shorter than they say


@pytest.mark.parametrize("is_wide", [False, True])
def test_a_text_that_is_cut_short_refuses_the_file(tmp_path: Path, is_wide: bool) -> None:
    """A phone would lose its last digit, and be another one."""
    written = begin(PHONE, is_wide=is_wide) + PHONE.encode("utf-16-le" if is_wide else "latin-1")[: -1 - is_wide]
    path = tmp_path / "upload"
    place = struct.pack("<HHH", 1, 1, 0)
    for records in (xls.record(0x0204, place + written), xls.record(0x00D6, place + written)):
        assert refusal(read_path, xls.write(path, LEAD + records + xls.blank(1, 2))).code == "file_broken"
    assert refusal(read_path, xls.write(path, LEAD + OF_FORMULA + xls.record(0x0207, written))).code == "file_broken"
    shared = xls.shared_texts(written)
    assert refusal(read_path, xls.write(path, LEAD + xls.shared(1, 1, 0), texts=shared)).code == "file_broken"


def test_a_text_that_is_partly_bold_is_read(tmp_path: Path) -> None:
    written = struct.pack("<HHH", 1, 1, 0) + begin(PHONE) + PHONE.encode("utf-16-le") + struct.pack("<HHH", 1, 0, 5)
    assert phone(xls.write(tmp_path / "upload", LEAD + xls.record(0x00D6, written))) == PHONE


@pytest.mark.parametrize("written", [b"\0\0", b"\0\0\0", b"\0\0\1"])
def test_an_empty_text_is_blank(tmp_path: Path, written: bytes) -> None:
    """Some writers leave out its flags."""
    path = xls.write(tmp_path / "upload", LEAD + OF_FORMULA + xls.record(0x0207, written) + xls.blank(1, 2))
    spreadsheet = read_spreadsheet(path, Limits())
    assert (list(spreadsheet.rows), spreadsheet.faults) == ([(2, ["Ana", "", "", "", ""])], {})


@pytest.mark.parametrize("letter", ["a", "漢", "\U0001f600"])
@pytest.mark.parametrize("length", [9, 10, 11, 30])
def test_a_text_that_is_too_long_is_seen_to_be(tmp_path: Path, letter: str, length: int) -> None:
    value = letter * length
    for written, texts in ((xls.text(1, 1, value), ()), (xls.shared(1, 1, 0), [value])):
        path = xls.write(tmp_path / "upload", LEAD + written, texts=texts)
        assert phone_within(path, Limits(max_cell_chars=10)) == value[:11]


def phone_within(path: Path, limits: Limits) -> str:
    ((_, cells),) = read_path(path, limits)
    return cells[1]


def test_two_lists_of_texts_refuse_the_file(tmp_path: Path) -> None:
    """One reader goes by the first, another one by the last."""
    lists = xls.shared_texts(begin("a") + b"a\0") + xls.shared_texts(begin("b") + b"b\0")
    assert refusal(read_path, xls.write(tmp_path / "upload", LEAD + xls.shared(1, 1, 0), texts=lists)).code == (
        "file_broken"
    )


@pytest.mark.parametrize("behind", [b"\0", b"\0\0", b"\0" * 4, b"\xff\xff\x01"])
def test_bytes_behind_all_texts_are_no_text(tmp_path: Path, behind: bytes) -> None:
    path = xls.write(
        tmp_path / "upload", LEAD + xls.shared(1, 1, 0), texts=xls.shared_texts(begin("1") + b"1\0" + behind)
    )
    assert phone(path) == "1"


def test_a_text_of_its_own_that_is_partly_bold_is_read_without_what_is_bold(tmp_path: Path) -> None:
    written = struct.pack("<HBH", 3, 8, 1) + b"vip" + struct.pack("<HH", 0, 1)
    path = xls.write(tmp_path / "upload", LEAD + xls.record(0x0204, struct.pack("<HHH", 1, 1, 0) + written))
    assert phone(path) == "vip"


# Excel 5 and 95


CODE_PAGES = {
    **{page: f"cp{page}" for page in (437, 850, 860, 863, 865, 874, 932, 936, 949, 950, *range(1250, 1259))},
    367: "ascii",
    10_000: "mac_roman",
    32_768: "mac_roman",
    32_769: "cp1252",
    1_200: "cp1252",
    65_001: "utf-8",
    10_006: "mac_greek",
    10_007: "mac_cyrillic",
    10_029: "mac_latin2",
    10_081: "mac_turkish",
    28_591: "latin-1",
    None: "cp1252",
}


@pytest.mark.parametrize("code_page", CODE_PAGES)
def test_texts_of_excel_5_are_read_in_the_code_page_that_they_name(tmp_path: Path, code_page: int | None) -> None:
    codec = CODE_PAGES[code_page]
    name = "João Žé Łódź Ωμ Иван 漢字 ภาษา 한국".encode(codec, "ignore")
    cells = xls.short_text(1, 0, name) + xls.number(1, 1, 11912345678.0)
    path = xls.write_biff_5(tmp_path / "upload", cells, code_page)
    assert read_path(path) == [(2, [name.decode(codec), PHONE, "", "", ""])]


def test_a_text_of_a_formula_of_excel_5_goes_on_without_flags(tmp_path: Path) -> None:
    cells = xls.short_text(1, 0, b"Ana") + OF_FORMULA + xls.going_on(0x0207, b"\x0b\x0011912", b"345678")
    assert read_path(xls.write_biff_5(tmp_path / "upload", cells, 1_252)) == [(2, ANA)]


@pytest.mark.parametrize("code_page", [9_999, 1, 65_535, 708])
def test_an_unknown_code_page_is_refused_with_what_to_do(tmp_path: Path, code_page: int) -> None:
    refused = refusal(read_path, xls.write_biff_5(tmp_path / "upload", xls.short_text(1, 0, b"Ana"), code_page))
    assert refused.code == "file_encoding"
    assert str(code_page) in refused.detail
    assert "Open it in Excel" in refused.detail


def test_a_text_that_is_not_in_the_code_page_is_refused(tmp_path: Path) -> None:
    """As a CSV is that is not in the encoding that it is said to be in: any sign in its place could be wrong."""
    refused = refusal(read_path, xls.write_biff_5(tmp_path / "upload", xls.short_text(1, 0, b"Jo\x81o"), 1_252))
    assert (refused.code, "cp1252" in refused.detail) == ("file_encoding", True)


def test_a_text_of_excel_5_that_is_cut_short_refuses_the_file(tmp_path: Path) -> None:
    cut = xls.record(0x0204, struct.pack("<HHHH", 1, 1, 0, 11) + b"1191234567") + xls.blank(1, 2)
    assert refusal(read_path, xls.write_biff_5(tmp_path / "upload", cut, 1_252)).code == "file_broken"


@pytest.mark.parametrize(("code", "shown"), [(b"dd/mm/yyyy", "2024-05-01"), (b"[h]:mm", "45413"), (b"0", "45413")])
def test_dates_of_excel_5(tmp_path: Path, code: bytes, shown: str) -> None:
    formats = xls.record(0x041E, struct.pack("<HB", 164, len(code)) + code)
    styles = xls.record(0x00E0, struct.pack("<HH12x", 0, 0)) + xls.record(0x00E0, struct.pack("<HH12x", 0, 164))
    cells = xls.short_text(1, 0, b"Ana") + xls.record(0x0203, struct.pack("<HHHd", 1, 4, 1, 45_413.0))
    path = xls.write_biff_5(tmp_path / "upload", cells, 1_252, formats + styles)
    assert read_path(path) == [(2, ["Ana", "", "", "", shown])]
