"""A fraction has the digits that Excel shows, fifteen at most; a whole number has all of its own."""

from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.numbers import number_text
from tests.unit.spreadsheets.records import read_path
from tests.unit.spreadsheets.test_number_formats import AN_ERROR, WRITERS
from tests.unit.spreadsheets.workbooks import HEADER, cell, write_xlsx

CALCULATED = {
    3 * 19.9: "59.7",
    0.1 + 0.2: "0.3",
    1.1 + 2.2: "3.3",
    -(0.1 + 0.2): "-0.3",
    2.9999999999999996: "3",
    0.1 * 3 * 1e-7: "0.00000003",
    1 / 3: "0.333333333333333",
    2 / 3: "0.666666666666667",
    11912345678.000002: "11912345678",
}
TYPED = {
    59.7: "59.7",
    11.912345678: "11.912345678",
    123456789.012345: "123456789.012345",
    0.123456789012345: "0.123456789012345",
    999999999999999.0: "999999999999999",
    5511912345678.0: "5511912345678",
    1234567890123456.0: "1234567890123456",
    9007199254740993.0: "9007199254740992",
}


@pytest.mark.parametrize(("number", "shown"), [*CALCULATED.items(), *TYPED.items()])
@pytest.mark.parametrize("write", WRITERS)
def test_a_number_has_the_digits_that_excel_shows(
    tmp_path: Path, write: Callable[[Path, float, str], None], number: float, shown: str
) -> None:
    write(tmp_path / "upload", number, "General")
    assert read_path(tmp_path / "upload")[0][1][1] == shown


@pytest.mark.parametrize("number", CALCULATED)
@pytest.mark.parametrize("rest", ["", AN_ERROR])
def test_a_number_of_an_xlsx_has_them_however_that_is_read(tmp_path: Path, number: float, rest: str) -> None:
    rows = f'{HEADER}<row r="2">{cell("A2", "Ana")}<c r="B2"><v>{number!r}</v></c></row>{rest}'
    assert read_path(write_xlsx(tmp_path / "upload", rows))[0][1][1] == CALCULATED[number]


@given(whole=st.integers(-(10**15) + 1, 10**15 - 1))
def test_whole_numbers_that_excel_holds_keep_all_their_digits(whole: int) -> None:
    assert number_text(float(whole)) == str(whole)


@given(digits=st.integers(1, 10**15 - 1), places=st.integers(0, 20))
def test_fractions_that_somebody_typed_keep_all_their_digits(digits: int, places: int) -> None:
    typed = Decimal(digits).scaleb(-places)
    assert Decimal(number_text(float(typed))) == typed


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("0.000000000", 11.91234567, "11.912345670"),
        ("0.000000000", 5511.91234, "5511.912340000"),
        ("0.000000000_ ;[Red]\\-0.000000000\\ ", 11.91234567, "11.912345670"),
        ("0.00000000", 11.912345678, "11.912345678"),
        ("0.000000000", -11.91234567, "-11.91234567"),
        ("0.000000000", 11.0, "11"),
        ("0.00", 59.5, "59.5"),
        ("General", 11.91234567, "11.91234567"),
    ],
)
@pytest.mark.parametrize("write", WRITERS)
def test_zeros_that_a_format_shows_at_the_end_of_a_fraction_are_part_of_a_phone(
    tmp_path: Path, write: Callable[[Path, float, str], None], code: str, number: float, shown: str
) -> None:
    """A number has none there, so that a phone would lack its last digit."""
    write(tmp_path / "upload", number, code)
    assert read_path(tmp_path / "upload")[0][1][1] == shown
