"""A number that very many cells repeat costs about the same in whatever format: counted in calls and lines."""

import tracemalloc
from collections.abc import Callable
from itertools import chain, repeat
from pathlib import Path

import pytest
import xlwt

from libs.spreadsheets.number_formats import NumberFormats, dates_and_days
from libs.spreadsheets.numbers import number_text
from libs.spreadsheets.shown_digits import ShownDigits
from tests.unit.spreadsheets.test_costs import counted, read_all
from tests.unit.spreadsheets.test_number_formats import first_style
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, write_xlsx
from tests.unit.spreadsheets.xlsb_files import date_styles, number_in_short, row, write_xlsb

ROWS = 400
OF_PHONES = '[<1]"1"0;[<2]"1"0;[<3]"1"0;"+"' + '#" "' * 19 + "0"
"""As long as it may be: 62 kB of an XLSB took ten seconds."""
FORMATS = [(OF_PHONES, 11234567), ("dd/mm/yyyy hh:mm", 45000)]


def by_xlwt(path: Path, number: int, code: str) -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Leads")
    for column, name in enumerate(HEADERS):
        sheet.write(0, column, name)
    style = xlwt.easyxf(num_format_str=code)
    for at in range(ROWS):
        for column in range(5):
            sheet.write(at + 1, column, number, style)
    book.save(str(path))


def as_xlsb(path: Path, number: int, code: str) -> None:
    rows = [row(at + 2, *(number_in_short(column, number, style=1) for column in range(5))) for at in range(ROWS)]
    write_xlsb(path, *rows, styles=date_styles(["0", code]))


def as_xlsx(path: Path, number: int, code: str) -> None:
    """Without references, which calamine is not asked to read."""
    rows = f"<row>{f'<c><v>{number}</v></c>' * 5}</row>" * ROWS
    write_xlsx(path, HEADER + rows, styles=first_style("0" if code == "General" else code))


@pytest.mark.parametrize("write", [by_xlwt, as_xlsb, as_xlsx])
@pytest.mark.parametrize(("code", "number"), FORMATS)
def test_a_number_that_is_repeated_costs_about_what_it_does_without_a_format(
    tmp_path: Path, write: Callable[[Path, int, str], None], code: str, number: int
) -> None:
    def cost(code: str) -> int:
        write(tmp_path / "upload", number, code)
        return counted(lambda: read_all(tmp_path / "upload"))

    cost("General")  # imports and caches
    assert cost(code) < 1.1 * cost("General") + 2_000


@pytest.mark.parametrize("write", [by_xlwt, as_xlsb, as_xlsx])
@pytest.mark.parametrize(("code", "number"), FORMATS)
def test_what_a_format_shows_of_a_number_is_put_together_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path, int, str], None], code: str, number: int
) -> None:
    """Of dates most is done where nothing counts calls."""
    made: list[float] = []

    def make(_: object, number: float, **_is_day: bool) -> str:
        made.append(number)
        return "x"

    for owner, name in ((ShownDigits, "text"), (NumberFormats, "_date")):
        monkeypatch.setattr(owner, name, make)
    write(tmp_path / "upload", number, code)
    read_all(tmp_path / "upload")
    assert made == [number]


def test_what_was_put_together_takes_little_memory_however_many_numbers_there_are() -> None:
    formats = NumberFormats.of({"164": OF_PHONES, "165": "dd/mm/yyyy"}, ["164", "165"], begins_1904=False)
    shown = chain(zip(range(11_000_000, 11_030_000), repeat("0")), zip(range(30_000), repeat("1")))
    tracemalloc.start()
    for number, style in shown:
        formats.text(float(number), style)
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert kept < 2_000_000


def test_equal_numbers_of_two_styles_are_shown_by_each() -> None:
    formats = NumberFormats.of({"164": '"+54 "0', "165": "dd/mm/yyyy"}, ["164", "165", "0"], begins_1904=False)
    shown = [formats.text(45_000_000.0 if style == "0" else 45_000.0, style) for style in "0120"]
    assert shown == ["+5445000000", "2023-03-15", "45000", "+5445000000"]
    assert [formats.text(number, "1") for number in (0.0, 1.0, 0.5)] == ["00:00:00", "1900-01-01", "12:00:00"]


def test_a_fraction_that_is_repeated_is_put_together_once() -> None:
    def cost(number: float) -> int:
        return counted(lambda: [number_text(number) for _ in range(ROWS)])

    cost(0.01)
    assert cost(0.01) < 1.1 * cost(1.0)


@pytest.mark.parametrize("between", ["-" * 250, "- " * 20])
def test_what_is_longer_than_a_phone_is_put_before_no_text(between: str) -> None:
    assert ShownDigits(f'"+54{between}"@').before_texts == ""


def test_signs_that_stand_for_a_sentence_are_not_unfolded_in_each_text(tmp_path: Path) -> None:
    """More texts than are remembered, of 64 letters that are 18 each: 123 kB took 14 seconds."""
    formats = NumberFormats.of({"164": '"+54123456789"@'}, ["0", "164"], begins_1904=False)

    def cost(letter: str) -> int:
        return counted(lambda: [formats.of_text(letter * 60 + f"{at:04x}", "1") for at in range(5_000)])

    cost("\ufdfa")
    assert cost("\ufdfa") < 3 * cost("x") + 2_000


@pytest.mark.parametrize("letters", ["d", "dmy", "[d]", "\\d", '"d"d'])
def test_a_date_s_format_costs_the_same_however_many_letters_it_has(letters: str) -> None:
    """A file of 270 kB may have 65,000 of them."""
    short, long = ({str(number): letters * times for number in range(ROWS)} for times in (1, 255 // len(letters)))
    assert counted(lambda: dates_and_days(long)) == counted(lambda: dates_and_days(short))
