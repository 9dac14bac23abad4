"""XLS: a number is read as the digits that it is, also where it is shown as a date or a duration and is none."""

import struct
from pathlib import Path

import pytest
import xlwt
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.numbers import number_text, short_number
from tests.unit.spreadsheets import xls_files as xls
from tests.unit.spreadsheets.records import A_FILE_EACH, read_path
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
    assert shown == ["2025-12-09", "-250", "12:00:00", "2025-12-09"]
    shown = read_with_format(tmp_path / "upload", "DD/MM/YYYY hh:mm", [46_000, -250, 0.5, 46_000.25])
    assert shown == ["2025-12-09", "-250", "12:00:00", "2025-12-09 06:00:00"]


@pytest.mark.parametrize("begins_1904", [False, True])
def test_dates_that_are_counted_from_1904(tmp_path: Path, begins_1904: bool) -> None:
    book = xlwt.Workbook()
    book.dates_1904 = begins_1904
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    sheet.write(1, 3, 0.5, xlwt.easyxf(num_format_str="hh:mm"))
    sheet.write(1, 4, 43_951, xlwt.easyxf(num_format_str="DD/MM/YYYY"))
    book.save(str(tmp_path / "upload"))
    day = "2024-05-01" if begins_1904 else "2020-04-30"
    assert [cells[3:] for _, cells in read_path(tmp_path / "upload")] == [["12:00:00", day]]


WHOLE = st.integers(-(1 << 29), (1 << 29) - 1)


@A_FILE_EACH
@given(several=st.lists(WHOLE, min_size=1, max_size=5))
def test_numbers_that_are_written_in_short(tmp_path: Path, several: list[int]) -> None:
    alone = b"".join(xls.short_number(2, column, number) for column, number in enumerate(several))
    path = xls.write(tmp_path / "upload", xls.HEADER + xls.numbers(1, 0, several) + alone)
    shown = [*map(str, several), *[""] * (5 - len(several))]
    assert read_path(path) == [(2, shown), (3, shown)]


@given(whole=WHOLE, is_hundredths=st.booleans())
def test_integers_that_are_written_in_short(whole: int, is_hundredths: bool) -> None:
    written = struct.pack("<I", whole << 2 & 0xFFFFFFFF | INTEGER | is_hundredths * HUNDREDTHS)
    assert short_number(written) == (whole / 100 if is_hundredths else float(whole))


@given(number=st.floats(allow_nan=False), is_hundredths=st.booleans())
def test_doubles_that_are_written_in_short(number: float, is_hundredths: bool) -> None:
    """Of a double the upper thirty bits: those below count for nothing."""
    upper = struct.unpack("<II", struct.pack("<d", number))[1] & ~3
    (kept,) = struct.unpack("<d", struct.pack("<II", 0, upper))
    written = struct.pack("<I", upper | is_hundredths * HUNDREDTHS)
    assert short_number(written) == (kept / 100 if is_hundredths else kept)


@pytest.mark.parametrize("kind", [0x0006, 0x0206, 0x0406])
@pytest.mark.parametrize("value", [-1.5, 11_912_345_678.0, "text"])
def test_results_of_formulas_are_read_by_whichever_record(tmp_path: Path, kind: int, value: float | str) -> None:
    """Older ones were read as blank in a newer file."""
    written = xls.text(1, 0, "Ana") + xls.formula(1, 4, value, kind)
    shown = value if isinstance(value, str) else number_text(value)
    assert read_path(xls.write(tmp_path / "upload", xls.HEADER + written)) == [(2, ["Ana", "", "", "", shown])]
