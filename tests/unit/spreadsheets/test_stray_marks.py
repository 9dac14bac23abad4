"""Quotation marks that are missing or stray swallow no row."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from libs.spreadsheets.file_options import FileOptions
from libs.spreadsheets.limits import Limits
from libs.spreadsheets.reader import read_spreadsheet
from libs.spreadsheets.unreadable import Unreadable
from tests.unit.spreadsheets.records import A_FILE_EACH, read_path, refusal

PEOPLE = [("Ana", "11981230671"), ("Bia", "11981230672"), ("Cida", "11981230673"), ("Dani", "11981230674")]


def written(folder: Path, lines: list[str]) -> Path:
    path = folder / "upload"
    path.write_text("\n".join(["name;phone;cpf;email;tags", *lines]) + "\n")
    return path


def row(name: str, phone: str) -> str:
    return f"{name};{phone};;;"


def test_a_mark_that_opens_a_name_and_another_row_s_that_closes_it(tmp_path: Path) -> None:
    lines = ['"Ana;11981230671;;;', "Bia;11981230672;;;", '"Cida";11981230673;;;', "Dani;11981230674;;;"]
    refused = refusal(read_path, written(tmp_path, lines))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


def test_a_mark_that_opens_a_name_and_one_that_closes_another_row_s(tmp_path: Path) -> None:
    lines = ['"Ana;11981230671;;;', 'Bia";11981230672;;;', "Cida;11981230673;;;"]
    refused = refusal(read_path, written(tmp_path, lines))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


def test_marks_within_a_line_are_part_of_its_values(tmp_path: Path) -> None:
    lines = ['João "Juca" Silva;11981230671;;;', '"Ana" Prado;11981230672;;;', 'Monitor 5";11981230673;;;']
    names = [cells[0] for _, cells in read_path(written(tmp_path, lines))]
    assert names == ['João "Juca" Silva', "Ana Prado", 'Monitor 5"']


def test_a_quoted_name_may_have_two_lines(tmp_path: Path) -> None:
    records = read_path(written(tmp_path, ['"Ana\nPrado";11981230671;;;', row(*PEOPLE[1])]))
    assert [(number, cells[0]) for number, cells in records] == [(2, "Ana\nPrado"), (3, "Bia")]


FAR_ABOVE = [row(*PEOPLE[0])] * 5_000


@pytest.mark.parametrize("before", [[], FAR_ABOVE], ids=["at the top", "far below"])
@pytest.mark.parametrize(
    ("line", "name"),
    [
        ('Bia; "11981230672";;;', "Bia"),
        (' "Bia";11981230672;;;', "Bia"),
        ('"Bia ; ""Bibi""";11981230672;;;', 'Bia ; "Bibi"'),
        ('" ""Bibi""";11981230672;;;', ' "Bibi"'),
        ('" ""Bibi""";11981230672;;;"vip\nnovo"', ' "Bibi"'),
        ('" ""Bibi""\nPrado";11981230672;;;', ' "Bibi"\nPrado'),
        ('Bia; "11981230672";;;"vip\nnovo"', "Bia"),
    ],
)
def test_a_blank_before_a_mark_means_the_same_wherever_it_first_stands(
    tmp_path: Path, before: list[str], line: str, name: str
) -> None:
    number, cells = read_path(written(tmp_path, [*before, line]), Limits(max_rows=10_000))[-1]
    assert (number, cells[:2]) == (len(before) + 2, [name, "11981230672"])


@pytest.mark.parametrize(
    "phone", ["+351 912 345 678", "11 98 12 30 671", "(11) 9.8123.0671", "1 1 9 8 1 2 3 0 6 7 1", "123", "ligar depois"]
)
@pytest.mark.parametrize("first", ['"Ana;{0};;;', 'Ana;"{0};;;', 'Ana;{0};;;"vip'])
def test_no_row_is_swallowed_however_its_phone_is_written(tmp_path: Path, first: str, phone: str) -> None:
    lines = [first.format(phone), f'Bia";{phone};;;', row(*PEOPLE[2])]
    if first.endswith("vip"):
        lines[1:] = [f'Bia;{phone};;;"', row(*PEOPLE[2])]
    refused = refusal(read_path, written(tmp_path, lines))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize(
    ("line", "cell"),
    [
        ('"Ana; irmã\nde Bia";11981230672;;;', "Ana; irmã\nde Bia"),
        ('Ana;11981230672;;;"vip; novo\nsul; norte; leste"', "vip; novo\nsul; norte; leste"),
        ('Ana;11981230672;;;"a;b;c;d;e\n"', "a;b;c;d;e\n"),
        ('"Ana\n2024";11981230672;;;', "Ana\n2024"),
    ],
)
def test_a_cell_of_two_lines_may_hold_separators(tmp_path: Path, line: str, cell: str) -> None:
    assert cell in read_path(written(tmp_path, [line]))[0][1]


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (r'"Ana \"Nina\" Prado";"11981230672"', 'Ana "Nina" Prado'),
        (r'"Prado; Ana \"Nina; irmã\"";"11981230672"', 'Prado; Ana "Nina; irmã"'),
        (r'"Ana \"";"11981230672"', 'Ana "'),
        (r'"C:\";"11981230672"', "C:" + chr(92)),
    ],
)
def test_marks_with_a_backslash_are_read_as_their_writers_mean_them(tmp_path: Path, line: str, name: str) -> None:
    """MySQL's INTO OUTFILE and PHP's fputcsv write so."""
    assert read_path(written(tmp_path, [line])) == [(2, [name, "11981230672", "", "", ""])]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        (r'"Ana";"11981230672";"";"TV 15\"; LED";""', ["Ana", "11981230672", "", 'TV 15"; LED', ""]),
        (r'Ana;11981230672;;"TV 15\"; LED";""', ["Ana", "11981230672", "", 'TV 15"; LED', ""]),
        (r'"Ana \"; Bia";"11981230672";"";"";""', ['Ana "; Bia', "11981230672", "", "", ""]),
        ('"Ana";"11981230672";"";"C:\\";"vip"', ["Ana", "11981230672", "", "C:\\", "vip"]),
        ('"Ana";"11981230672";"";"C:\\";"vip";"mais"', ["Ana", "11981230672", "", "C:\\", "vip", "mais"]),
    ],
)
def test_a_separator_behind_a_mark_with_a_backslash_makes_no_cell_more(
    tmp_path: Path, line: str, cells: list[str]
) -> None:
    """As CSV such a line is well-formed, and has a cell more than its writer means (MySQL, Spark, R)."""
    assert read_path(written(tmp_path, [line])) == [(2, cells)]


def test_a_separator_behind_a_mark_that_nobody_doubled_moves_no_cell(tmp_path: Path) -> None:
    line = '"Ana";"11981230672";"TV 15"; LED";"ana@x.com";""'
    assert read_path(written(tmp_path, [line])) == [(2, [line, "", "", "", ""])]


@pytest.mark.parametrize("end", ["", ";"])
def test_an_inch_in_a_row_that_is_padded_as_its_header_is_part_of_its_cell(tmp_path: Path, end: str) -> None:
    path = tmp_path / "upload"
    path.write_text(f'name;phone;cpf;email;tags{end}\nAna;11981230672;;;TV 15"{end}\n')
    assert read_path(path) == [(2, ["Ana", "11981230672", "", "", 'TV 15"'])]


@pytest.mark.parametrize(
    "lines",
    [
        ['"Ana "Nana" Lima";11981230671;;;"indicou:', 'Bia Prado;11981230672;irmã"'],
        ['"Ana "Nana" Lima";11981230671;"liga de manhã', 'prefere WhatsApp";ana@x.com;vip'],
        ['"Ana "Nana"', 'de Souza";11981230671;;;'],
        ['"Ana "Nana" de', 'Souza";11981230671;;;'],
        ['"Sala 5" da', 'Ana";11981230671;;;'],
        ['"Ana "Nana" Lima";11981230671;;;"disse ""oi""', 'Bia Prado;11981230672;irmã"'],
        ['"Ana "Nana" Lima";11981230671;;;"vip;"novo"', 'Bia Prado;11981230672;irmã"'],
        ['"Ana "Nana" Lima";11981230671;;;' + '"' + "x" * 33_000, 'Bia Prado;11981230672;irmã"'],
        ['Monitor 5";"Ana "Nana" Lima";;;"' + "x" * 33_000, 'Bia Prado;11981230672;irmã"'],
        ['"Ana "Nana" Lima"; 11981230671;; ; "indicou:', 'Bia Prado;11981230672;irmã"'],
        ['"Ana";"11981230671";"";"";"TV de 42" nova', 'Bia Prado;11981230672;irmã"'],
        ['"Ana";"11981230671";"";"";"disse "oi"', 'Bia Prado;11981230672;irmã"'],
        ['"Ana";"11981230671";"";"";"TV de 42" nova', "", "Bia Prado;11981230672", 'irmã"'],
        [r'"Ana \"Nana\" Lima";11981230671;;;"indicou: "Bia"', 'Bia Prado;11981230672;irmã"'],
    ],
)
def test_a_line_with_stray_marks_whose_last_cell_may_go_on_is_not_torn_from_the_next(
    tmp_path: Path, lines: list[str]
) -> None:
    refused = refusal(read_path, written(tmp_path, [row(*PEOPLE[2]), *lines]))
    assert (refused.code, "Row 3" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"Ana" Nina";11981230671;;;', ['Ana Nina"', "11981230671", "", "", ""]),
        ('"Ana" Prado;11981230671;;;"novo" cliente', ["Ana Prado", "11981230671", "", "", "novo cliente"]),
        ('"Ana" Prado;11981230671;;;TV de 15"', ["Ana Prado", "11981230671", "", "", 'TV de 15"']),
        ('"Ana "Nina" Prado";"11981230671";"";"";"vip"', ['Ana "Nina" Prado', "11981230671", "", "", "vip"]),
        ('"Ana" Prado;11981230671;;;"vip;novo"', ["Ana Prado", "11981230671", "", "", "vip;novo"]),
        ('"Ana";"11981230671";"";"";"TV de "42""', ["Ana", "11981230671", "", "", 'TV de "42"']),
        ('"Ana";"11981230671";"";"";"TV de 42" nova"', ["Ana", "11981230671", "", "", 'TV de 42" nova']),
        ('"Ana" Prado;"11981230671"', ["Ana Prado", "11981230671", "", "", ""]),
    ],
)
def test_a_line_with_stray_marks_whose_last_cell_is_whole_is_a_row(tmp_path: Path, line: str, cells: list[str]) -> None:
    assert read_path(written(tmp_path, [line, row(*PEOPLE[1])])) == [
        (2, cells),
        (3, ["Bia", "11981230672", "", "", ""]),
    ]


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"11981230671";"TV 15"";"Lima; Ana"', ["11981230671", 'TV 15"', "Lima; Ana"]),
        ('"11981230671";"TV 15"";"Ana"', ["11981230671", 'TV 15"', "Ana"]),
        ('"11981230671";"";"Cia "A; B" Ltda"', ["11981230671", "", 'Cia "A; B" Ltda']),
        ('"11981230671";"TV 15" LED";"Ana ""Nina"" Lima"', ["11981230671", 'TV 15" LED', 'Ana "Nina" Lima']),
        ('"11981230671";"Cia "A; B" Ltda"', None),
        ('"11981230671";"["vip";"novo"]";"Ana";""', None),
        ('"11981230671";"Cia "A";"B" Ltda";"";""', None),
        ('11981230671;"TV 15"";"Lima; Ana"', None),
        ('11981230671;"TV 15" LED; sala";;', None),
        ('11981230671;"Cia "A; B" Ltda";', None),
        ('"11981230671";"";";"Ana"', None),
    ],
)
def test_cells_whose_marks_nobody_doubled_are_read_as_they_are_or_told(
    tmp_path: Path, line: str, cells: list[str] | None
) -> None:
    """Nothing moves into another column: a line that is told has one cell."""
    path = tmp_path / "upload"
    path.write_text(f'"celular";"produto";"nome"\n"11981230672";"";"Bia"\n{line}\n')
    _, (_, read) = read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows
    assert read == (cells or [line, "", ""])


def test_nor_do_those_of_a_line_that_is_one_quoted_cell(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    line = '"11981230671,""Cia ""A, B"" Ltda"","""""'
    path.write_text(f'"celular,""nome"",""obs"""\n{line}\n"11981230672,""Bia"",""x"""\n')
    (_, told), (_, read) = read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows
    assert (told[1:], read) == (["", ""], ["11981230672", "Bia", "x"])


def test_marks_that_stand_for_the_same_as_above_do_not_become_one_cell(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_text('celular\tnome\tcidade\tuf\tobs\n11981230671\tBia\t"\t"\tliga de manhã\n')
    ((_, told),) = read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows
    assert told[1:] == ["", "", "", ""]


@pytest.mark.parametrize(
    ("lines", "cells"),
    [
        ([r'"Ana \"Nana\"', r'Lima";"11981230671";"";"";"vip"'], ['Ana "Nana"\nLima', "11981230671", "", "", "vip"]),
        (
            [r'"Ana \"Nana\" Lima";"11981230671";"";"";"liga', "", r'de \"manhã\""'],
            ['Ana "Nana" Lima', "11981230671", "", "", 'liga\n\nde "manhã"'],
        ),
    ],
)
def test_marks_with_a_backslash_may_stand_in_a_record_of_several_lines(
    tmp_path: Path, lines: list[str], cells: list[str]
) -> None:
    assert read_path(written(tmp_path, [*lines, row(*PEOPLE[1])])) == [
        (2, cells),
        (3, ["Bia", "11981230672", "", "", ""]),
    ]


def test_a_row_within_a_record_with_backslashes_is_not_swallowed(tmp_path: Path) -> None:
    lines = [r'"Ana \"Nana\" Lima;11981230671;;;', r'Bia";11981230672;;;', row(*PEOPLE[2])]
    refused = refusal(read_path, written(tmp_path, lines))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


def test_a_row_that_may_go_on_has_ended_where_a_whole_row_is_below(tmp_path: Path) -> None:
    lines = ['"Ana" Prado;11981230671;;;"novo" cliente', row(*PEOPLE[1]), 'Cida;11981230673;;;TV de 15"']
    assert [cells[4] for _, cells in read_path(written(tmp_path, lines))] == ["novo cliente", "", 'TV de 15"']


def test_of_rows_that_may_go_on_the_one_above_the_end_is_named(tmp_path: Path) -> None:
    lines = [f'"{name}";"{phone}";"";"";"5" vip{end}' for (name, phone), end in zip(PEOPLE[:2], ('"', ""), strict=True)]
    refused = refusal(read_path, written(tmp_path, [*lines, 'novo"']))
    assert (refused.code, "Row 3" in refused.detail) == ("file_broken", True)


WHOLE = '"name;phone;cpf;email;tags"'


@pytest.mark.parametrize("blank", ['""', '"  "', '";;;;"'])
def test_a_line_that_is_one_quoted_cell_may_be_blank(tmp_path: Path, blank: str) -> None:
    path = tmp_path / "upload"
    path.write_text(f'""\n{WHOLE}\n"Ana;11981230671;;;"\n{blank}\n"Bia;11981230672;;;"\n{blank}')
    people = [(3, ["Ana", "11981230671", "", "", ""]), (5, ["Bia", "11981230672", "", "", ""])]
    assert read_path(path) == people


def test_a_line_that_is_one_quoted_cell_holds_no_second_row(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    for second in ("Bia;22;;;", "Bia;11981230672;;;"):
        path.write_text(f'{WHOLE}\n"Ana;1191;;;\n{second}"\n')
        assert refusal(read_path, path).code == "file_broken"


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ('"""Ana\nPrado"";11981230671;;;"', ["Ana\nPrado", "11981230671", "", "", ""]),
        ('"Ana ""Nina"" Prado;11981230671;;;"', ['Ana "Nina" Prado', "11981230671", "", "", ""]),
        ('"""Ana"" Prado;11981230671;;;"', ["Ana Prado", "11981230671", "", "", ""]),
        ('"Ana "Nina" Prado;11981230671;;;"', ['Ana Nina" Prado', "11981230671", "", "", ""]),
        ('"=""Ana"";11981230671;;;"', ["Ana", "11981230671", "", "", ""]),
        (r'"Ana;11981230672;;""TV 15\""; LED"";"""""', ["Ana", "11981230672", "", 'TV 15"; LED', ""]),
    ],
)
def test_marks_within_a_line_that_is_one_quoted_cell(tmp_path: Path, line: str, cells: list[str]) -> None:
    path = tmp_path / "upload"
    path.write_text(f"{WHOLE}\n{line}\n")
    assert read_path(path) == [(2, cells)]


def test_a_text_as_a_formula_is_its_text_also_in_a_record_of_many_lines(tmp_path: Path) -> None:
    lines = ['"=""Ana""";"=""11981230671""";;;"zona\nsul"']
    assert read_path(written(tmp_path, lines)) == [(2, ["Ana", "11981230671", "", "", "zona\nsul"])]


@A_FILE_EACH
@given(marks=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20)), min_size=1, max_size=4))
def test_no_row_is_lost_whatever_marks_are_strewn_into_a_file(tmp_path: Path, marks: list[tuple[int, int]]) -> None:
    lines = [row(*each) for each in PEOPLE]
    for at, place in marks:
        lines[at] = lines[at][:place] + '"' + lines[at][place:]
    try:
        records = read_path(written(tmp_path, lines))
    except Unreadable as refused:
        assert refused.code == "file_broken"
        return
    assert [number for number, _ in records] == [2, 3, 4, 5]
    for (_, cells), (name, _) in zip(records, PEOPLE, strict=True):
        assert name in "".join(cells).replace('"', "")


@pytest.mark.parametrize(
    "phone", ["11981230671", "(11) 98123-0671", "+55 11 98123 0671", "1131230671", "p:+5511981230671"]
)
@pytest.mark.parametrize(
    "text",
    [
        'nome;celular;"obs\nGil";{};x\nAna;11981230672;y\n',
        '"nome";"celular";"obs""\n""Gil";"{}";"x"\n"Ana";"11981230672";"y"\n',
        'celular;nome;"obs\n{}";Gil;x\n11981230672;Ana;y\n',
        '"celular";"nome";"uf""\n""{}";"Ana";"SP"\n"11981230672";"Bia";"RJ"\n',
    ],
)
def test_two_stray_marks_make_no_title_of_the_first_row(tmp_path: Path, text: str, phone: str) -> None:
    path = tmp_path / "upload"
    path.write_text(text.format(phone))
    refused = refusal(lambda: list(read_spreadsheet(path, Limits(), FileOptions(columns="mapped")).rows))
    assert (refused.code, "Row 1" in refused.detail) == ("file_broken", True)


def test_a_title_may_have_two_lines(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    for title in (
        "celular\n(com DDD)",
        "celular\n(ex.: 11 98765-4321)",
        "celular\n2023-2024",
        "Celular:\n(11) 98765-4321",
        "CPF\n000.000.000-00",
    ):
        path.write_text(f'nome;"{title}";2023-2024\nAna;11981230671;Santos\n')
        spreadsheet = read_spreadsheet(path, Limits(), FileOptions(columns="mapped"))
        assert list(spreadsheet.rows) == [(2, ["Ana", "11981230671", "Santos"])]


@pytest.mark.parametrize("blank", [" ", "\t"])
@pytest.mark.parametrize("long", [33_000, 330_000])
def test_a_line_that_begins_with_very_many_blanks_is_no_blank_one(tmp_path: Path, blank: str, long: int) -> None:
    lines = [blank * long + row("Ana", "11981230671"), blank * 33_000, row("Bia", "11981230672")]
    first, *others = read_path(written(tmp_path, lines))
    assert (first[0], len(first[1][0])) == (2, Limits().max_cell_chars + 1)
    assert others == [(4, ["Bia", "11981230672", "", "", ""])]


@pytest.mark.parametrize("long", [33_000, 330_000, 2_000_000])
@pytest.mark.parametrize("begin", ['"', 'Ana;11981230671;;;"', '"Ana;11981230671;;;'])
def test_a_cell_of_many_lines_whose_first_one_is_too_long_makes_no_rows_of_the_others(
    tmp_path: Path, begin: str, long: int
) -> None:
    lines = [begin + "x" * long, row("Bia", "11981230672"), f'{"y" * 40_000}";11981230673;;;']
    refused = refusal(read_path, written(tmp_path, lines))
    assert (refused.code, "Row 2" in refused.detail) == ("file_broken", True)


@pytest.mark.parametrize("long", [33_000, 330_000])
@pytest.mark.parametrize("name", ['"Ana {}"', 'Ana "Ninha" {}', 'Ana {} ""'])
def test_a_line_that_is_too_long_and_closes_its_marks_is_a_row_of_its_own(tmp_path: Path, name: str, long: int) -> None:
    lines = [row(name.format("x" * long), "11981230671"), row("Bia", "11981230672")]
    first, second = read_path(written(tmp_path, lines))
    assert len(first[1][0]) == Limits().max_cell_chars + 1
    assert second == (3, ["Bia", "11981230672", "", "", ""])
