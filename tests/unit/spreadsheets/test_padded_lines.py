"""A file of commas in an Excel whose separator is the semicolon, and the other way round: each line is one cell to it,
and what somebody has written beside some of them makes it end the others with separators of its own.
"""

import csv
import io
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
def test_half_a_row_whose_cell_goes_on_below_is_refused(tmp_path: Path, padding: str) -> None:
    """Where a cell of two lines was saved so, each of its lines is one."""
    lines = [STRICT, "Ana,11912345678,,,VIP", '"Bia,11912345679,,,""VIP"', '"novo"""']
    assert refused_of(tmp_path, [f"{line}{padding}" for line in lines], columns="strict") == ("file_broken", 3)


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


@pytest.mark.parametrize("separator", [",", ";"])
def test_a_line_within_a_cell_that_another_excel_took_apart_is_no_row(tmp_path: Path, separator: str) -> None:
    """To that Excel the marks stand amid a cell, and each of its lines is a row of one cell."""
    other = ";" if separator == "," else ","
    lines = csv_lines(
        [["nome", "celular", "obs"], ["Ana", "11912345678", "recado:\nRui{0} 11912349999\nfim"]], separator
    )
    saved = csv_lines([[line.format(separator)] for line in lines], other)
    assert refused_of(tmp_path, saved, columns="mapped") == ("file_broken", 2)


def test_what_is_written_beside_a_line_makes_no_other_lead_of_it(tmp_path: Path) -> None:
    lines = ["nome,celular", '"Ana,""11912345678""";esposa, 11987654321', "Bia,11912345679"]
    rows = rows_of(tmp_path, "\n".join(lines) + "\n", columns="mapped")
    assert rows == [['"Ana,""11912345678""";esposa, 11987654321', ""], ["Bia", "11912345679"]]


WHOLE = [
    '"nome,""celular""";',
    '"Ana,""11912345678""";',
    '"Bia Lima,""11912345670""";Rui, 11912349999',
    '"Cid,""11912345679""";',
]
NO_MARKS = ["nome,celular;", "Ana,11912345678;", "Bia Lima,11912345670;Rui, 11912349999", "Cid,11912345679;"]


@pytest.mark.parametrize("lines", [WHOLE, NO_MARKS], ids=["lines in marks", "lines without marks"])
def test_a_phone_that_is_written_beside_a_line_is_nobody_s(tmp_path: Path, lines: list[str]) -> None:
    rows = rows_of(tmp_path, "\n".join(lines) + "\n", columns="mapped")
    assert [row for row in rows if row[1:2] == ["11912349999"]] == []
    assert [row[:2] for row in rows[::2]] == [["Ana", "11912345678"], ["Cid", "11912345679"]]


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("name", ["Ana", '"Ana ""Nina"""'])
def test_several_lines_that_are_written_beside_one_are_no_rows(tmp_path: Path, separator: str, name: str) -> None:
    """To the other Excel they are one cell, and in this file each of them is a line."""
    other = ";" if separator == "," else ","
    beside = saved_beside(f"{name}{separator}11912345670", "esposa:\n11912349999, Rui\n11912349998; Eva", other)
    lines = [f"nome{separator}celular{other * 2}", beside, f"Cid{separator}11912345679{other * 2}"]
    assert refused_of(tmp_path, lines, columns="mapped") == ("file_broken", 2)


def test_what_is_written_beside_a_line_with_the_file_s_own_separator_is_told(tmp_path: Path) -> None:
    lines = [f'"{STRICT}"', '"Ana,11912345670,,,VIP",11987654321', '"Bia,11912345671,,,"']
    rows = rows_of(tmp_path, "\n".join(lines) + "\n")
    assert [(row[0], row[1:2]) for row in rows] == [(lines[1], [""]), ("Bia", ["11912345671"])]
    lines[1] = '"Ana,11912345670,,,VIP",11987654321,"a\nb"'
    told, read = rows_of(tmp_path, "\n".join(lines) + "\n")
    assert (told[1], read[0]) == ("", "Bia")


@pytest.mark.parametrize(
    "row",
    [
        ["Lima, Ana", "11912345673", 'disse "oi"'],
        ["Lima, Ana, filha", "11912345673", 'disse "oi, tudo"'],
        ['Ana "Nina", a filha', "11912345673", ""],
        ["Ana", "11912345673", '"oi", e foi'],
    ],
)
@pytest.mark.parametrize("marked", [False, True], ids=["marks as they are", "marks as in a CSV"])
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_line_that_had_several_cells_to_another_excel_is_put_together_again(
    tmp_path: Path, separator: str, row: list[str], marked: bool
) -> None:
    other = ";" if separator == "," else ","
    row = [cell.replace(",", other) for cell in row]
    (line,) = csv_lines([row], separator)
    if not marked:
        line = separator.join(row)
    saved = csv_lines([next(csv.reader([line], delimiter=other))], other)
    lines = [separator.join(("nome", "celular", "obs")), *saved, f"Cid{separator}11912345679{separator}"]
    try:
        (read, last) = rows_of(tmp_path, "\n".join(lines) + "\n", columns="mapped")
    except Unreadable as refused:
        assert refused.code == "file_broken"
        return
    assert last == ["Cid", "11912345679", ""]
    # Where its marks are strewn, it is told.
    assert read == row or read[1] == ""


@pytest.mark.parametrize("separator", [",", ";"])
@pytest.mark.parametrize("whole", [False, True], ids=["titles without marks", "titles with marks"])
def test_two_cells_of_which_another_excel_made_one_are_told(tmp_path: Path, separator: str, whole: bool) -> None:
    """Where a cell in marks ends with its separator, that Excel takes the mark behind it for one that opens a cell."""
    other = ";" if separator == "," else ","
    titles, row = ["celular", "grupo", "nome", "cidade"], ["11912345670", f"VIP{other}", "Ana", "Santos"]
    marked = [separator.join(f'"{cell}"' for cell in cells) for cells in (titles, row)]
    read = [next(csv.reader([line], delimiter=other)) for line in marked]
    lines = csv_lines(read if whole else [[separator.join(titles)], *read[1:]], other)
    ((_, *others),) = rows_of(tmp_path, "\n".join(lines) + "\n", columns="mapped")
    assert others == ["", "", ""]


def csv_lines(rows: list[list[str]], separator: str) -> list[str]:
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue().rstrip("\n").split("\n")


def saved_beside(line: str, beside: str, separator: str) -> str:
    """Return what an Excel of this separator saves of a line that is one cell to it, and of a cell beside that."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, lineterminator="").writerow([line, beside])
    return out.getvalue()


def refused_of(tmp_path: Path, lines: list[str], *, columns: Literal["strict", "mapped"]) -> tuple[str, int]:
    """Return the code of a refusal and the row that it names."""
    with pytest.raises(Unreadable) as refused:
        rows_of(tmp_path, "\n".join(lines) + "\n", columns=columns)
    return refused.value.code, int(refused.value.detail.split("Row ")[1].split(":")[0])
