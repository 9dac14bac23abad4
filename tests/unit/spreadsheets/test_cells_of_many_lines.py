"""Cells of several lines, as programs quote them: notes and addresses are one cell, whatever stands in them."""

from pathlib import Path

import pytest

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import Records, refusal

MAPPED = FileOptions(columns="mapped")
TITLES = "Nome,Celular,Observações,Cidade,UF,Status,Origem,Dono"
NOTES = (
    "Pediu orçamento, ligar amanhã\nno 11 91234-5678, falar com Ana",
    "Rua das Flores, 12, apto 4, Centro\nSão Paulo, SP, 01310100",
    "visita em 20240510,,\nretorno",
    "Proposta: R$ 1.200,00\n\nVence 10/12, 10/01, 10/02, 10/03, 10/04\nok",
)


def read(path: Path, lines: list[str], options: FileOptions = MAPPED) -> Records:
    path.write_text("\r\n".join(lines) + "\r\n", newline="")
    return list(read_spreadsheet(path, Limits(), options).rows)


def line(name: str, phone: str, notes: str) -> str:
    return f'{name},{phone},"{notes}",Santos,SP,novo,site,Rui'


@pytest.mark.parametrize("notes", NOTES)
def test_notes_may_hold_phones_and_separators_where_all_rows_are_whole(tmp_path: Path, notes: str) -> None:
    lines = [TITLES, line("Ana", "11981230671", notes), line("Bia", "11981230672", "x"), line("Cid", "11981230673", "")]
    records = read(tmp_path / "upload", lines)
    assert [(number, cells[0]) for number, cells in records] == [(2, "Ana"), (3, "Bia"), (4, "Cid")]
    assert records[0][1][2] == notes


@pytest.mark.parametrize("notes", NOTES)
@pytest.mark.parametrize("place", ["first", "last"])
def test_notes_may_stand_in_any_column(tmp_path: Path, notes: str, place: str) -> None:
    def placed(notes: str, *others: str) -> str:
        return ",".join([notes, *others] if place == "first" else [*others, notes])

    lines = [placed("Obs", "Nome", "Celular", "Cidade", "UF", "Status", "Origem", "Dono")]
    lines += [placed(f'"{notes}"', "Ana", "11981230671", "Santos", "SP", "novo", "site", "Rui")]
    lines += [placed("", "Bia", "11981230672", "Santos", "SP", "novo", "site", "Rui")]
    assert [number for number, _ in read(tmp_path / "upload", lines)] == [2, 3]


BY_BACKSLASHES = [r"TV 42\" LED", r"TV 42\"", 'disse:\n\\"oi\\"\nfim']


@pytest.mark.parametrize("other", BY_BACKSLASHES)
@pytest.mark.parametrize("notes", NOTES)
def test_notes_may_hold_them_beside_rows_whose_marks_have_backslashes(tmp_path: Path, notes: str, other: str) -> None:
    """As MySQL and Spark write rows: they are no CSV, and whole all the same."""
    lines = [
        TITLES,
        line("Ana", "11981230671", notes),
        line("Bia", "11981230672", other),
        line("Cid", "11981230673", ""),
    ]
    whole = [(cells[0], cells[2]) for _, cells in read(tmp_path / "upload", lines)]
    other = other.replace('\\"', '"')
    assert whole == [("Ana", notes), ("Bia", other), ("Cid", "")]
    lines[1:3] = reversed(lines[1:3])
    assert [(cells[0], cells[2]) for _, cells in read(tmp_path / "upload", lines)] == [whole[1], whole[0], whole[2]]


@pytest.mark.parametrize("notes", NOTES)
def test_a_file_that_has_a_short_row_is_refused_for_them(tmp_path: Path, notes: str) -> None:
    """It was typed, and the row with the marks may be short, too: another one may be in its cell."""
    lines = [TITLES, line("Ana", "11981230671", notes), "Bia,11981230672"]
    refused = refusal(read, tmp_path / "upload", lines)
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize(
    "rows",
    [
        ['"Ana,11981230671,x,Santos,SP,novo,site,Rui', 'Bia",11981230672,x,Santos,SP,novo,site,Rui'],
        ['Ana,1,x,Santos,SP,novo,site,"Rui', "Bia,2,x,Santos,SP,novo,site,Rui", 'Cid,3,x,Santos,SP,novo,site,"'],
        ['Ana,1,x,"Santos,SP,novo', 'Bia",2,x,Santos,"SP,novo,site,Rui', 'Cid,3,x,Santos,SP,n",site,Rui'],
        ['Ana,1,"x,Santos,SP,novo,site,Rui', 'Bia,2",x,"Santos,SP,novo', 'Cid,3,x,Santos",SP,novo'],
        ['"Ana,11981230671', 'Bia",11981230672,x,Santos,SP,novo,site,Rui'],
    ],
)
def test_a_row_that_a_mark_swallows_is_found_in_a_file_of_whole_rows(tmp_path: Path, rows: list[str]) -> None:
    lines = [TITLES, *rows, *(f"Dani,1198123067{digit},x,Santos,SP,novo,site,Rui" for digit in range(9))]
    assert refusal(read, tmp_path / "upload", lines).code == "file_broken"


HEADINGS = (
    ["Lista de clientes"],
    ["Lista de clientes, maio"],
    ["Lista de clientes,,,,,,,"],
    ['"Clientes',
     'de 2026"'],
    ["Lista de clientes", "Gerado em 10/05/2026"],
)  # fmt: skip


@pytest.mark.parametrize("heading", HEADINGS)
@pytest.mark.parametrize("notes", ["uma linha\noutra", NOTES[0]])
def test_a_heading_above_the_titles_is_told_as_such_also_where_a_cell_has_two_lines(
    tmp_path: Path, heading: list[str], notes: str
) -> None:
    """Nothing of the file is damaged: its first row is taken for the titles, and names none."""
    path = tmp_path / "upload"
    lines = [*heading, TITLES, line("Ana", "11981230671", notes), line("Bia", "11981230672", "x")]
    found = len(read(path, lines)) + 1
    assert found == len(lines) - (heading[0] == '"Clientes')
    spreadsheet = read_spreadsheet(path, Limits(), MAPPED)
    assert (spreadsheet.separator, spreadsheet.columns.missing) == (",", ["name", "phone"])
    with pytest.raises(Unreadable) as refused:
        read(path, lines, FileOptions())
    assert refused.value.code == "file_headers"


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_lines_that_are_one_quoted_cell_are_read_by_any_names(tmp_path: Path, separator: str) -> None:
    lines = [["Nome completo", "Celular", "Cidade"], ["Ana", "11981230671", "Santos"], ["Bia", "11981230672", "Itu"]]
    records = read(tmp_path / "upload", [f'"{separator.join(cells)}"' for cells in lines])
    assert records == [(2, lines[1]), (3, lines[2])]


PADDED = ["Nome;Celular;CPF;E-mail;Tags", *(f"Ana {at};119812306{at:02d};;;" for at in range(40))]
SIXTEEN = slice(17, 33)
"""Rows that Excel ends alike where somebody has written beside one of them."""


@pytest.mark.parametrize("cell", ['"Bia\nSouza"', '"Rua das Flores; 12\nfundos"'])
@pytest.mark.parametrize("place", [17, 25, 32])
def test_rows_that_excel_has_padded_may_hold_cells_of_many_lines(tmp_path: Path, cell: str, place: int) -> None:
    lines = PADDED.copy()
    lines[SIXTEEN] = [f"{line};" for line in lines[SIXTEEN]]
    lines[place] = f"{cell};11981230699;;;;"
    records = read(tmp_path / "upload", lines)
    assert (len(records), records[place - 1][1][0]) == (40, cell.strip('"'))


@pytest.mark.parametrize("beside", ["", "x"])
def test_a_row_that_marks_swallow_among_padded_ones_is_found(tmp_path: Path, beside: str) -> None:
    lines = PADDED.copy()
    lines[SIXTEEN] = [f"{line};{beside}" for line in lines[SIXTEEN]]
    lines[20] = f'Bia;11981230697;;;"VIP;{beside}'
    lines[21] = f'Cida";11981230698;;;;{beside}'
    assert refusal(read, tmp_path / "upload", lines).code == "file_broken"


def test_rows_all_of_which_end_with_a_separator_may_hold_cells_of_many_lines(tmp_path: Path) -> None:
    lines = ["name;phone;cpf;email;tags", 'Ana;11981230671;;;"VIP\nnovo";', "Bia;11981230672;;;;"]
    assert [cells[4] for _, cells in read(tmp_path / "upload", lines)] == ["VIP\nnovo", ""]


BACKSLASHED = {
    "the last cell": ('Ana,11981230671,,,"TV 42\\""', "Bia,11981230672,,,"),
    "the first one": ('"TV 15\\"",11981230671,,,""', "Bia,11981230672,,,"),
    "below it marks": ('Ana,11981230671,,,"TV 42\\""', '"Bia",11981230672,,,"TV 43\\""'),
    "below it a cell that is CSV": ('Ana,11981230671,,,"TV 42\\""', 'Bia,11981230672,,,""'),
    "below it blank ones": ('"Ana","11981230671","","","TV 42\\""', '"Bia","11981230672","","",""'),
    "nothing below it": ('Ana,11981230671,,,""', 'Bia,11981230672,,,"TV 42\\""'),
}


@pytest.mark.parametrize("rows", BACKSLASHED.values(), ids=BACKSLASHED)
def test_a_cell_that_ends_with_a_mark_behind_a_backslash_swallows_no_row(tmp_path: Path, rows: tuple[str, str]) -> None:
    lines = ["name,phone,cpf,email,tags", *rows, *rows]
    records = read(tmp_path / "upload", lines)
    assert [number for number, _ in records] == [2, 3, 4, 5]
    assert [cells[1] for _, cells in records] == [f"1198123067{last}" for last in "1212"]
    assert {cells[4] for _, cells in records} <= {"", 'TV 42"', 'TV 43"'}
    assert records[0][1][0] == ('TV 15"' if "TV 15" in rows[0] else "Ana")


def test_a_file_whose_lines_are_read_again_and_again_is_refused(tmp_path: Path) -> None:
    """Each line opens a cell anew in each one below, as a CSV, and by backslashes is a row: 60 kB took four seconds."""
    lines = ["name;phone;cpf;email;tags", *(['a";"x\\"";1;2;3'] * 4_000)]
    assert refusal(read, tmp_path / "upload", lines).code == "file_broken"


@pytest.mark.parametrize("plain", [0, 1, 30, 2_000])
def test_any_number_of_rows_may_have_such_a_cell(tmp_path: Path, plain: int) -> None:
    rows = ['Ana,11981230671,"","","TV 42\\""', *(['Bia,11981230672,"","",""'] * plain)]
    lines = ["name,phone,cpf,email,tags", *(rows * (4_000 // len(rows)))]
    assert len(read(tmp_path / "upload", lines)) == len(lines) - 1


NOTES_OF_MANY_LINES = {
    "a mark on the last line": ('"ele disse:\n\\"oi\\""', 'ele disse:\n"oi"'),
    "on the first one": ('"\\"oi\\"\nele disse"', '"oi"\nele disse'),
    "the end of the first one": ('"disse \\"oi\\"\nfim"', 'disse "oi"\nfim'),
    "a line between": ('"ele disse:\n\n\\"oi\\", e foi\nfim"', 'ele disse:\n\n"oi", e foi\nfim'),
}


@pytest.mark.parametrize(("note", "read_as"), NOTES_OF_MANY_LINES.values(), ids=NOTES_OF_MANY_LINES)
@pytest.mark.parametrize("below", ["Bia,11981230672,x", 'Bia,11981230672,"TV 42\\""', 'Bia,11981230672,""'])
def test_marks_behind_backslashes_in_notes_of_many_lines(tmp_path: Path, note: str, read_as: str, below: str) -> None:
    """As Spark and MySQL write them."""
    lines = ["nome,celular,obs", f"Ana,11981230671,{note}", below, f"Cida,11981230673,{note}"]
    records = read(tmp_path / "upload", lines)
    assert [(number, cells[0]) for number, cells in records] == [(2, "Ana"), (3, "Bia"), (4, "Cida")]
    assert [cells[2] for _, cells in records[::2]] == [read_as] * 2


@pytest.mark.parametrize("surplus", [0, 1, 2])
def test_backslashes_before_marks_that_a_csv_has_doubled_are_values(tmp_path: Path, surplus: int) -> None:
    row = ["Ana", "11981230671", "C:\\x\\", '\\"', ""]
    line = f'Ana,11981230671,C:\\x\\,"\\""",{"," * surplus}'
    ((_, cells),) = read(tmp_path / "upload", ["nome,celular,pasta,obs,cidade", line])
    assert cells == row
