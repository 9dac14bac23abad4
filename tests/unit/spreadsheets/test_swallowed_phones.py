"""A row that a stray mark swallows is found by its phone, with whatever characters a phone may be written."""

import sys
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.fields.invalid_value import InvalidValue
from libs.fields.phones import parse_phone
from libs.fields.text import trimmed
from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.swallowed_rows import holds_a_row
from tests.unit.spreadsheets.records import A_FILE_EACH, Records, refusal

IN_LAST_CELLS = 'Nome;Telefone;Cidade\nAna;{0};"SP\nBia;{0};RJ"\nCa;(11) 91234-5670;X\n'
IN_FIRST_CELLS = 'Nome;Telefone\n"Ana;{0}\nBia";{0}\n'


def read(path: Path, text: str) -> Records:
    path.write_text(text, newline="")
    return list(read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows)


def is_phone(text: str) -> bool:
    try:
        parse_phone(trimmed(text))
    except InvalidValue:
        return False
    return True


def with_separator(char: str) -> str:
    return f"11{char}91234{char}5678"


CHARS = [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] in "ZPSN"]
CHARS += [chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code)) in {"Cc", "Cf"}]
SEPARATORS = [char for char in CHARS if char not in "\r\n" and not char.isdigit() and is_phone(with_separator(char))]
ZEROS = [char for char in CHARS if unicodedata.decimal(char, None) == 0]
TRIMMED = [
    char for char in CHARS if not char.isdigit() and is_phone(f"{char}11 91234-5678{char}") and char not in "\r\n"
]
WRITTEN = [
    *("+55 (11) 91234-5678", "[11] 91234 - 5678", "(11)9 1234/5678", "'11 9 1234 5678", "-11 91234-5678"),
    *("(0xx11) 32 34 56 78", "0XX11 32 34 56 78", "p:+55 11 9 12 34 56 78", "11912345678.0"),
    *("\u202a+55 11 91234\u20115678\u202c", "\uff0b\uff15\uff15 \uff11\uff11 \uff13\uff12\uff13\uff14\uff0d5678"),
]


def test_the_characters_of_phones_are_known() -> None:
    assert {" ", "-", "/", "]", "\u2011", "\u2013", "\uff0d", "\u2212", "\u200b", "\u00a0", "\uff08"} <= {*SEPARATORS}
    assert {"0", "\uff10", "\u0660"} <= {*ZEROS}


@pytest.mark.parametrize("phone", WRITTEN)
@pytest.mark.parametrize("file", [IN_LAST_CELLS, IN_FIRST_CELLS])
def test_a_swallowed_row_is_found_however_its_phone_is_written(tmp_path: Path, file: str, phone: str) -> None:
    assert is_phone(phone)
    refused = refusal(read, tmp_path / "upload", file.format(phone))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


PHONES = st.one_of(
    st.sampled_from(SEPARATORS).map(with_separator),
    st.sampled_from(SEPARATORS).map("(11){0}9{0}1234{0}5678".format),
    st.sampled_from(ZEROS).map(lambda zero: "11 3" + " ".join([zero * 3, zero * 2, zero * 2])),
    st.sampled_from(TRIMMED).map("{0}11 9 1234 56 78{0}".format),
)


@A_FILE_EACH
@given(phone=PHONES, file=st.sampled_from([IN_LAST_CELLS, IN_FIRST_CELLS]))
def test_no_row_is_swallowed_whatever_characters_its_phone_has(tmp_path: Path, phone: str, file: str) -> None:
    assert refusal(read, tmp_path / "upload", file.format(phone)).code == "file_broken"


def test_each_separator_of_phones_is_one_of_a_swallowed_row() -> None:
    cells = {char: ["Ana", with_separator(char), f"SP\nBia;{with_separator(char)};RJ"] for char in SEPARATORS}
    assert [char for char, row in cells.items() if not holds_a_row(row, ";", 3)] == []


def test_what_only_looks_like_a_separator_makes_no_row_of_a_cell(tmp_path: Path) -> None:
    notes = "ver pedido; ok\n\uff1b\uff1b12\uff1b1/2\uff1b\u00bd\uff1b\u2026"
    records = read(tmp_path / "upload", f'Nome;Telefone;Obs\nAna;11912345678;"{notes}"\nBia;11912345679;x\n')
    assert [cells[2] for _, cells in records] == [notes, "x"]
