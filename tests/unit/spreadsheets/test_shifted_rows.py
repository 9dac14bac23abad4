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


@pytest.mark.parametrize("cells", ["VIP, Novo,Ana", 'VIP "A", Novo,Ana'])
def test_a_comma_in_the_first_cell_whose_marks_another_excel_dropped(tmp_path: Path, cells: str) -> None:
    line = f"{cells},1133334444,11912345670,"
    shifted, usual = read(tmp_path, f"{TITLES}\n{line}\n{USUAL}\n")
    assert is_told(shifted, line)
    assert usual == USUAL.split(",")


@pytest.mark.parametrize("first", ['Silva, ""Zé""', 'Cia ""Sol"", Ltda', '""Zé"", Silva'])
def test_the_same_in_a_file_of_whole_lines(tmp_path: Path, first: str) -> None:
    line = f'"{first},""1133334444"",""11912345600"",""site"","""""'
    (told,) = read(tmp_path, f'"nome,""telefone"",""celular"",""obs"",""cidade"""\n{line}\n')
    assert is_told(told, line)


@pytest.mark.parametrize("first", ["VIP", '"TV 15"""', '"""Sol"""', '""""'])
def test_rows_with_a_separator_more_than_the_titles_are_padded(tmp_path: Path, first: str) -> None:
    """Excel pads sixteen rows as the widest of them is, others not."""
    cells = ["Lia", "1133334444", "11912345670", ""]
    padded, usual = read(tmp_path, f"{TITLES}\n{first},{','.join(cells)},\n{USUAL}\n")
    assert padded[1:] == cells
    assert usual == USUAL.split(",")


def test_a_blank_row_that_is_wider_than_the_titles_is_blank(tmp_path: Path) -> None:
    assert read(tmp_path, f"{TITLES}\n,,,,,\n, ,,,,\n{USUAL}\n") == [USUAL.split(",")]


def test_blanks_before_marks_in_rows_that_are_padded(tmp_path: Path) -> None:
    rows = read(tmp_path, 'id, nome, celular\n1, "Ana Lima", "11912345670",\n2, "Bia", "11912345671",\n')
    assert rows == [["1", "Ana Lima", "11912345670"], ["2", "Bia", "11912345671"]]


def test_a_blank_that_a_cell_in_marks_begins_with_is_its_own(tmp_path: Path) -> None:
    rows = read(tmp_path, 'id,nome,celular\n"1","  Ana ","11912345670",""\n"2"," Bia","11912345671",""\n')
    assert rows == [["1", "  Ana ", "11912345670"], ["2", " Bia", "11912345671"]]


def test_a_separator_at_a_value_s_end_where_the_titles_are_padded(tmp_path: Path) -> None:
    assert read(tmp_path, 'nome;celular;tags;\nBia;11912345671;"VIP;"\n') == [["Bia", "11912345671", "VIP;"]]


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


@pytest.mark.parametrize("note", ["liga\tde\nmanhã", "liga\tde manhã", "\tliga\nde manhã", "liga\t de manhã\n"])
def test_a_note_with_a_tab_in_it_is_read_where_a_program_put_marks_around_it(tmp_path: Path, note: str) -> None:
    rows = read(tmp_path, f'nome\tcelular\tobs\nAna\t11912345670\t"{note}"\nBia\t11912345671\tok\n')
    assert rows == [["Ana", "11912345670", note], ["Bia", "11912345671", "ok"]]
