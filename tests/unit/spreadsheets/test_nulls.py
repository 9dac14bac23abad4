"""What databases' programs write for want of a value is blank in every format; a name that looks like it is kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.spreadsheets.records import read_path
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, row, write_xls, write_xlsx
from tests.unit.spreadsheets.xlsb_files import row as xlsb_row
from tests.unit.spreadsheets.xlsb_files import text, write_xlsb

NULLS = ["NULL", "null", "[NULL]", "(null)", "<null>", r"\N", "NULL ", " \u00a0NULL"]
LEAD = ["Ana", "11912345678"]


def as_csv(path: Path, null: str) -> None:
    path.write_text(f"{','.join(HEADERS)}\n{','.join(LEAD)},{null},{null},{null}\n", encoding="utf-8")


def as_quoted_csv(path: Path, null: str) -> None:
    path.write_text(f'{";".join(HEADERS)}\n{";".join(LEAD)};"{null}";"{null}";"{null}"\n', encoding="utf-16")


def as_xlsx(path: Path, null: str) -> None:
    write_xlsx(path, HEADER + row(2, *LEAD, *[null.replace("<", "&lt;")] * 3))


def as_xls(path: Path, null: str) -> None:
    write_xls(path, {(1, column): value for column, value in enumerate([*LEAD, null, null, null])})


def as_xlsb(path: Path, null: str) -> None:
    write_xlsb(path, xlsb_row(2, *(text(at, value) for at, value in enumerate([*LEAD, null, null, null]))))


Write = Callable[[Path, str], None]
WAYS = [as_csv, as_quoted_csv, as_xlsx, as_xls, as_xlsb]


@pytest.mark.parametrize("write", WAYS)
@pytest.mark.parametrize("null", NULLS)
def test_what_a_database_has_no_value_of_is_blank(tmp_path: Path, write: Write, null: str) -> None:
    write(tmp_path / "upload", null)
    assert read_path(tmp_path / "upload") == [(2, [*LEAD, "", "", ""])]


@pytest.mark.parametrize("name", ["Null", "Ana Null", "NULL e filhos", "Nullo", "n/a", "Nulo", r"\Nova", "NULL,null"])
def test_what_merely_looks_like_it_is_kept(tmp_path: Path, name: str) -> None:
    (tmp_path / "upload").write_text(f'{",".join(HEADERS)}\n"{name}",11912345678,,,"{name}"\n', encoding="utf-8")
    assert read_path(tmp_path / "upload") == [(2, [name, "11912345678", "", "", name])]


def test_a_row_of_nothing_else_is_told(tmp_path: Path) -> None:
    """It is no blank row: somebody's program wrote it."""
    (tmp_path / "upload").write_text(f"{','.join(HEADERS)}\nNULL,NULL,NULL,NULL,NULL\n", encoding="utf-8")
    assert read_path(tmp_path / "upload") == [(2, ["", "", "", "", ""])]


@pytest.mark.parametrize(("separator", "last"), [(",", "NULL"), (";", r"\N"), (";", "NULL ")])
def test_a_row_whose_cells_have_moved_is_as_wide_as_it_is(tmp_path: Path, separator: str, last: str) -> None:
    """SQL Server's Management Studio saves without marks: a separator in an address moves what stands behind it."""
    moved = separator.join(["Ana", "11912345678", "", "Rua A", " 10", last])
    (tmp_path / "upload").write_text(f"{separator.join(HEADERS)}\n{moved}\n", encoding="utf-8")
    assert read_path(tmp_path / "upload") == [(2, ["Ana", "11912345678", "", "Rua A", " 10", ""])]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_null_of_mysql_beside_a_mark_behind_a_backslash(tmp_path: Path, separator: str, end: str) -> None:
    rows = [[r"\N", '"11912345678"', r"\N", r"\N", r'"TV 42\""'], ['"Bia"', r"\N", r"\N", r'"a \"b\""', r"\N"]]
    text = "\n".join(separator.join(cells) for cells in [HEADERS, *rows])
    (tmp_path / "upload").write_text(text + end, encoding="utf-8", newline="")
    assert read_path(tmp_path / "upload") == [
        (2, ["", "11912345678", "", "", 'TV 42"']),
        (3, ["Bia", "", "", 'a "b"', ""]),
    ]


def test_null_of_mysql_above_a_note_of_several_lines(tmp_path: Path) -> None:
    rows = r'"Ana",11912345678,\N,"TV 42\"","liga ' + "\n" + r"as \"dez\" " + "\n" + r'\N"' + '\n"Bia",\\N,\\N,\\N,x\n'
    (tmp_path / "upload").write_text(f"{','.join(HEADERS)}\n{rows}", encoding="utf-8")
    (_, first), second = read_path(tmp_path / "upload")
    assert first[:4] == ["Ana", "11912345678", "", 'TV 42"']
    assert second == (3, ["Bia", "", "", "", "x"])
