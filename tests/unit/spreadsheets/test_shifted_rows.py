"""A row of a CSV whose cells may stand under other titles than those that they were typed under is told, not read."""

from functools import partial
from pathlib import Path

import pytest

from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.test_padded_lines import rows_of

read = partial(rows_of, columns="mapped")

TITLES = "tags,nome,telefone,celular,obs"
USUAL = ",Bia,1133334445,11912345671,ligar"


def is_told(row: list[str], line: str) -> bool:
    """As one cell: the row lacks all others."""
    return row[0] == line and not any(row[1:])


@pytest.mark.parametrize(
    "line",
    ["VIP,Novo,Ana,1133334444,11912345670,", "VIP, Novo,Ana,1133334444,11912345670,", 'VIP, "Novo",Ana,1,11912345670,'],
)
def test_a_comma_in_the_first_cell_whose_marks_another_excel_dropped(tmp_path: Path, line: str) -> None:
    shifted, usual = read(tmp_path, f"{TITLES}\n{line}\n{USUAL}\n")
    assert is_told(shifted, line)
    assert usual == USUAL.split(",")


def test_a_comma_before_a_mark_in_the_first_cell_of_a_file_of_whole_lines(tmp_path: Path) -> None:
    titles = '"nome,""telefone"",""celular"",""obs"",""cidade"""'
    (told,) = read(tmp_path, titles + '\n"Silva, ""Zé"",""1133334444"",""11912345600"",""site"","""""')
    assert told[0].startswith('"Silva, ""Zé""')
    assert not any(told[1:])


def test_rows_that_all_have_a_separator_more_than_the_titles_are_padded(tmp_path: Path) -> None:
    rows = read(tmp_path, f"{TITLES}\nVIP,Ana,1133334444,11912345670,,\n{USUAL},\n")
    assert rows == [["VIP", "Ana", "1133334444", "11912345670", ""], USUAL.split(",")]


def test_a_comma_in_the_first_title_whose_marks_another_excel_dropped(tmp_path: Path) -> None:
    whole = "Souza, Ana,11912345671,1133334445"
    torn = "Bia Lima,11912345670,1133334444"
    told, read_well = read(tmp_path, f"Nome, sobrenome,Celular,Telefone\n{torn}\n{whole}\n")
    assert is_told(told, torn)
    assert read_well == ["Souza", " Ana", "11912345671", "1133334445"]


@pytest.mark.parametrize("titles", ["nome, celular, tags", "nome, celular"])
def test_titles_with_a_blank_behind_each_separator_are_none_that_was_torn(tmp_path: Path, titles: str) -> None:
    rows = read(tmp_path, f"{titles}\nAna,11912345670\nBia, 11912345671\n")
    assert [row[1].strip() for row in rows] == ["11912345670", "11912345671"]


@pytest.mark.parametrize(
    "row",
    [
        ['"', "Santos", '"', "Bia", "11912345671", "Lia", "11987654321", "", ""],
        ['"', '"', "SP", "Bia", "11912345671", "Lia", "11987654321", "", ""],
    ],
)
def test_dittos_in_a_sheet_that_is_wider_than_its_titles(tmp_path: Path, row: list[str]) -> None:
    """Who writes a CSV of tabs puts no marks around a mark."""
    titles = ["vendedor", "cidade", "uf", "nome", "celular", "contato", "telefone 2", "", ""]
    line = "\t".join(row)
    (told,) = read(tmp_path, "\t".join(titles) + f"\n{line}\n")
    assert is_told(told, line)


def test_dittos_in_two_rows_do_not_make_one_of_them(tmp_path: Path) -> None:
    titles = "nome\tuf\torigem\tcidade\tvendedor\tcelular\tgrupo"
    above, below = 'Ana\tSP\t"\tItu\t"\t11912345601\t"', 'José\tRJ\tx\tSantos\t"\t11912345602\tnovo'
    with pytest.raises(Unreadable) as refused:
        read(tmp_path, f"{titles}\n{above}\n{below}\n")
    assert (refused.value.code, "Row 2" in refused.value.detail) == ("file_broken", True)


def test_a_note_of_two_lines_with_a_tab_in_it_is_told_and_the_next_row_read(tmp_path: Path) -> None:
    told, usual = read(tmp_path, 'nome\tcelular\tobs\nAna\t11912345670\t"liga\tde\nmanhã"\nBia\t11912345671\tok\n')
    assert is_told(told, 'Ana\t11912345670\t"liga\tde\nmanhã"')
    assert usual == ["Bia", "11912345671", "ok"]
