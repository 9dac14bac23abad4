"""XLS: a number is read as the digits that it is, also where it is shown as a date or a duration and is none."""

import struct
from pathlib import Path

import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.xls_numbers import numbers_of
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import read_path
from tests.unit.spreadsheets.workbooks import HEADERS

INTEGER, HUNDREDTHS = 2, 1


def read_with_format(path: Path, code: str, numbers: list[float]) -> list[str]:
    """Return what the cells of a column that is shown so are read as."""
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    for row, number in enumerate(numbers, 1):
        sheet.write(row, 0, "Ana")
        sheet.write(row, 4, number, xlwt.easyxf(num_format_str=code))
    book.save(str(path))
    return [cells[-1] for _, cells in read_path(path)]


@pytest.mark.parametrize("code", ["DD/MM/YYYY", "h:mm", "[h]:mm", "[s]", "0.00"])
def test_a_number_below_zero_is_its_digits_however_it_is_shown(tmp_path: Path, code: str) -> None:
    numbers = [-250, -1.5, -0.25, -2.55, -0.123456789, -99_999_999]
    assert read_with_format(tmp_path / "upload", code, numbers) == [
        *("-250", "-1.5", "-0.25", "-2.55", "-0.123456789", "-99999999"),
    ]


def test_a_duration_is_its_digits(tmp_path: Path) -> None:
    numbers = [59.123456, 7.1, 0.0, 1e-7, 1_191_234.0]
    assert read_with_format(tmp_path / "upload", "[h]:mm", numbers) == [
        *("59.123456", "7.1", "0", "0.0000001", "1191234"),
    ]


def test_dates_and_times_of_day_are_read_beside_numbers_below_zero(tmp_path: Path) -> None:
    shown = read_with_format(tmp_path / "upload", "DD/MM/YYYY", [46_000, -250, 0.5, 46_000.25])
    assert shown == ["2025-12-09", "-250", "12:00:00", "2025-12-09 06:00:00"]


WHOLE = st.integers(-(1 << 29), (1 << 29) - 1)


@given(whole=WHOLE, is_hundredths=st.booleans(), several=st.lists(WHOLE, min_size=1, max_size=4))
def test_numbers_that_are_written_in_short(whole: int, is_hundredths: bool, several: list[int]) -> None:
    short = struct.pack("<HHHI", 3, 7, 0, whole << 2 & 0xFFFFFFFF | INTEGER | is_hundredths * HUNDREDTHS)
    many = xls.numbers(4, 2, several)[4:]
    wanted = {(3, 7): whole / 100 if is_hundredths else float(whole)}
    assert numbers_of([(0x027E, short), (0x00BD, many)]) == wanted | {
        (4, 2 + at): float(number) for at, number in enumerate(several)
    }


@given(number=st.floats(allow_nan=False), is_hundredths=st.booleans())
def test_doubles_that_are_written_in_short(number: float, is_hundredths: bool) -> None:
    """Of a double the upper thirty bits: those below count for nothing."""
    upper = struct.unpack("<II", struct.pack("<d", number))[1] & ~3
    (kept,) = struct.unpack("<d", struct.pack("<II", 0, upper))
    short = struct.pack("<HHHI", 0, 1, 0, upper | is_hundredths * HUNDREDTHS)
    assert numbers_of([(0x027E, short)]) == {(0, 1): kept / 100 if is_hundredths else kept}


def test_results_of_formulas_are_numbers_where_they_are_no_texts() -> None:
    records = [(kind, xls.formula(1, 2, value)[4:26]) for kind, value in ((6, -1.5), (0x0206, "text"), (0x0406, 2.0))]
    assert numbers_of(records[:2]) == {(1, 2): -1.5}
    assert numbers_of(records) == {(1, 2): 2.0}
