"""A file of commas in an Excel whose separator is the semicolon, and the other way round: each line is one cell to it,
and what somebody has written beside some of them makes it end the others with separators of its own.
"""

from pathlib import Path
from typing import Literal

import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable

STRICT = "name,phone,cpf,email,tags"


def rows_of(tmp_path: Path, text: str, *, columns: Literal["strict", "mapped"] = "strict") -> list[list[str]]:
    path = tmp_path / "leads.csv"
    path.write_text(text)
    options = FileOptions(columns=columns)
    return [cells for _, cells in read_spreadsheet(path, Limits(), options).rows]


@pytest.mark.parametrize("padding", ["", ";", ";;", ";;;;;"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("marked", [False, True], ids=["as it was", "in quotation marks"])
@pytest.mark.parametrize("of_header", [False, True], ids=["titles without", "titles with"])
def test_separators_behind_a_whole_line_are_no_part_of_its_last_value(
    tmp_path: Path, padding: str, end: str, marked: bool, of_header: bool
) -> None:
    """Excel pads sixteen rows by sixteen: the titles may have none of what rows below have."""
    lines = [STRICT, "Ana,11912345678,,,VIP", "Bia,11912345679,,,", '"Lima, Rui",11912345670,,,"a;b;"']
    if marked:
        lines = ['"' + line.replace('"', '""') + '"' for line in lines]
    padded = [line if place == 0 and not of_header else line + padding for place, line in enumerate(lines)]
    if padding and not marked:
        padded[3] = lines[3]  # a value in marks ends with its mark
    rows = rows_of(tmp_path, end.join(padded) + end)
    assert [row[0] for row in rows] == ["Ana", "Bia", "Lima, Rui"]
    assert [row[4] for row in rows] == ["VIP", "", "a;b;"]


@pytest.mark.parametrize("padding", ["", ";", ";;"])
def test_a_line_that_is_in_marks_as_a_whole_where_others_are_not_is_told(tmp_path: Path, padding: str) -> None:
    """Taken apart, it might be half a row: where a cell of two lines was saved so, each of its lines is one."""
    lines = [STRICT, "Ana,11912345678,,,VIP", '"Bia,11912345679,,,""VIP"', '"novo"""']
    rows = rows_of(tmp_path, "".join(f"{line}{padding}\n" for line in lines))
    assert [row[1] if len(row) > 1 else "" for row in rows] == ["11912345678", "", ""]


def test_a_text_as_a_formula_is_its_text_before_padding(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, 'nome,celular\nAna,="11912345678";;\n', columns="mapped")
    assert row == ["Ana", "11912345678"]


def test_columns_that_are_kept_have_their_own_titles_and_values(tmp_path: Path) -> None:
    text = "nome,celular,cidade;;\nAna,11912345678,Santos;;\n"
    assert rows_of(tmp_path, text, columns="mapped") == [["Ana", "11912345678", "Santos"]]
    text = "celular;nome,,\n11912345678;Ana,,\n"
    assert rows_of(tmp_path, text, columns="mapped") == [["11912345678", "Ana"]]


def test_a_comma_at_the_end_of_what_somebody_wrote_stays(tmp_path: Path) -> None:
    (row,) = rows_of(tmp_path, "name;phone;cpf;email;tags\nAna;11912345678;;;VIP,\n")
    assert row[4] == "VIP,"


def test_more_separators_than_a_sheet_has_columns_are_no_padding(tmp_path: Path) -> None:
    """Or a line that is too long, and begins with nothing else, would be a blank one."""
    line = f"{';' * 33_000}Ana,11912345678,,,{';' * 33_000}"
    (row,) = rows_of(tmp_path, f"{STRICT}\n{line}\n")
    assert len(row[0]) == Limits().max_cell_chars + 1


def test_many_separators_cost_what_others_cost(tmp_path: Path) -> None:
    """However they stand within a line: they are looked at from its end, once."""
    line = f"Ana,11912345678,,,{';' * 5_000}x;"
    (row,) = rows_of(tmp_path, f"{STRICT}\n{line}\n")
    assert row[4] == ";" * 5_000 + "x"


@pytest.mark.parametrize("header", [STRICT, f'"{STRICT}"'])
def test_half_a_row_is_no_row(tmp_path: Path, header: str) -> None:
    """The other Excel ends a record where a cell has a line break: its marks do not begin a cell there."""
    lines = [header, '"Ana,11912345678,,,""VIP,"', '"novo"""', "Bia,11912345679,,,"]
    try:
        rows = rows_of(tmp_path, "\n".join(lines) + "\n")
    except Unreadable as refused:
        assert refused.code == "file_broken"
        return
    assert [row[1] for row in rows if row[1:2] != [""]] == ["11912345679"]


def test_what_is_written_beside_a_line_makes_no_other_lead_of_it(tmp_path: Path) -> None:
    lines = ["nome,celular", '"Ana,""11912345678""";esposa, 11987654321', "Bia,11912345679"]
    rows = rows_of(tmp_path, "\n".join(lines) + "\n", columns="mapped")
    assert rows == [['"Ana,""11912345678""";esposa, 11987654321', ""], ["Bia", "11912345679"]]
