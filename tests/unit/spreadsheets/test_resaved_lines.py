"""A CSV that an Excel of the other separator has opened and saved: what it takes apart is put together, or told.

It takes each line for its first cell, up to its own separator, and drops the marks that a cell begins with and ends by.
"""

import csv
import io
from functools import partial
from pathlib import Path

import pytest

from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.test_padded_lines import rows_of

PHONE, OTHERS_PHONE = "11912345670", "1133334444"
read = partial(rows_of, columns="mapped")


def refused(tmp_path: Path, text: str) -> str:
    with pytest.raises(Unreadable) as refusal:
        read(tmp_path, text)
    return refusal.value.code


def resaved(text: str, separator: str) -> str:
    out = io.StringIO()
    csv.writer(out, delimiter=separator).writerows(csv.reader(io.StringIO(text, newline=""), delimiter=separator))
    return out.getvalue()


def written(rows: list[list[str]], separator: str, *, all_in_marks: bool = True) -> str:
    out = io.StringIO()
    dialect = csv.unix_dialect if all_in_marks else csv.excel
    csv.writer(out, dialect, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


TWO_CELLS_ARE_ONE = {
    "a title with a semicolon": (["celular", "obs", "nome", "rua; nº"], [PHONE, "VIP;", "Ana", "Rua B"]),
    "a blank cell, and a comma": (["celular", "tags", "cidade", "nome"], [PHONE, "VIP;", "", "Lima, Ana"]),
    "a comma in the first cell": (["nome", "grupo", "obs", "celular"], ["Lima, Ana", "VIP;", "ligar", PHONE]),
    "two phones in the first cell": (
        ["telefone", "celular", "tags", "obs", "nome"],
        [f"{OTHERS_PHONE}, 1133335555", PHONE, "VIP;", "ligar", "Ana"],
    ),
}


@pytest.mark.parametrize(("titles", "row"), TWO_CELLS_ARE_ONE.values(), ids=TWO_CELLS_ARE_ONE)
@pytest.mark.parametrize("separator", [",", ";"])
def test_cells_that_have_become_others_are_told(
    tmp_path: Path, titles: list[str], row: list[str], separator: str
) -> None:
    other = ";" if separator == "," else ","
    if separator == ";":
        titles, row = ([cell.translate(str.maketrans(",;", ";,")) for cell in cells] for cells in (titles, row))
    (told,) = read(tmp_path, resaved(written([titles, row], separator), other))
    assert [cell for cell in told if cell not in {"", *row}] == [cell for cell in told if cell]
    assert len([cell for cell in told if cell]) == 1


def test_a_comma_in_the_first_cell_moves_no_phone_to_another_column(tmp_path: Path) -> None:
    rows = [["nome", "telefone", "celular", "obs"], ["Souza, Maria", OTHERS_PHONE, PHONE, ""]]
    saved = resaved(written(rows, ",", all_in_marks=False), ";")
    assert saved.splitlines()[1] == f"Souza, Maria,{OTHERS_PHONE},{PHONE},"
    assert read(tmp_path, saved) == [[saved.splitlines()[1], "", "", ""]]


@pytest.mark.parametrize("first", ["Bia", " Bia"])
def test_a_separator_behind_each_row_moves_nothing(tmp_path: Path, first: str) -> None:
    rows = read(tmp_path, f"nome,celular\n{first},{PHONE},\nAna,{OTHERS_PHONE},\n")
    assert [[cell.strip() for cell in row] for row in rows] == [["Bia", PHONE], ["Ana", OTHERS_PHONE]]
    assert read(tmp_path, f"nome, celular\nBia, {PHONE},\n") == [["Bia", f" {PHONE}"]]


def test_a_line_that_is_one_cell_to_another_excel_is_read_under_titles_without_marks(tmp_path: Path) -> None:
    rows = [["nome", "celular", "obs"], ["Ana", PHONE, "x, y"], ["Bia", OTHERS_PHONE, 'disse "oi"']]
    saved = resaved(written(rows, ",", all_in_marks=False), ";")
    assert saved.splitlines()[1] == f'"Ana,{PHONE},""x, y"""'
    assert read(tmp_path, saved) == rows[1:]


def test_a_name_that_begins_with_a_mark_takes_no_other_cells(tmp_path: Path) -> None:
    rows = [["nome", "celular", "telefone", "interesses"], ['"Casa Nova" Ltda', PHONE, OTHERS_PHONE, '["a","b"]']]
    ((name, *others),) = read(tmp_path, resaved(written(rows, ","), ";"))
    assert (name.replace('"', ""), others) == ("Casa Nova Ltda", rows[1][1:])


HALVES = {
    "backslashes, where needed": f'nome,celular,obs\nAna,{PHONE},"disse \\"oi\\"\nRui, 11912349999\nfim"\n',
    "backslashes": f'"nome","celular","obs"\n"Ana","{PHONE}","disse \\"oi\\"\nRui, 11912349999\nfim"\n',
    "marks as they are": f'"nome","celular","obs"\n"Ana","{PHONE}","disse "oi"\nRui, 11912349999\nfim"\n',
    "a mark that is dropped": f'"nome","celular","tags","cidade","obs"\n"Ana","{PHONE}","VIP;","","a:\n'
    'Rui, 11912349999\nfim"\n"Bia","11912345671","x","Itu","y"\n',
}


@pytest.mark.parametrize("text", HALVES.values(), ids=HALVES)
def test_a_line_of_a_note_is_no_row(tmp_path: Path, text: str) -> None:
    assert refused(tmp_path, resaved(text, ";")) == "file_broken"


DITTO = {
    "tabs": (
        "vendedor\tcidade\tuf\tnome\tcelular\tcontato\trecado\n",
        f'"\tSantos\t"\tBia\t{PHONE}\tLia\t{OTHERS_PHONE}\n',
    ),
    "tabs and inches": ("nome\tcelular\torigem\tcidade\tproduto\n", f'Bia\t{PHONE}\t"\tSantos\tTV 15"\n'),
    "semicolons": ("nome;celular;origem;cidade;vendedor\n", f'Bia;{PHONE};";Itu;"\n'),
}


@pytest.mark.parametrize(("titles", "line"), DITTO.values(), ids=DITTO)
def test_marks_that_stand_for_the_same_as_above_make_one_cell_of_none(tmp_path: Path, titles: str, line: str) -> None:
    ((told, *others),) = read(tmp_path, titles + line)
    assert (told, set(others)) == (line.rstrip("\n"), {""})
