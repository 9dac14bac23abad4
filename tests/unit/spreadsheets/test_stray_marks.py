"""Quotation marks that are missing or stray swallow no row."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

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


def test_blanks_before_marks_that_begin_only_far_below_are_refused_and_not_read_as_part_of_the_value(
    tmp_path: Path,
) -> None:
    lines = [row(*PEOPLE[0])] * 5_000 + ['Bia; "11981230672";;;']
    assert "Row 5002" in refusal(read_path, written(tmp_path, lines)).detail


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
