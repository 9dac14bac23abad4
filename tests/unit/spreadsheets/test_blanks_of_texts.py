"""Blanks around a text are part of it where its writer says so: of the text itself, or of what it stands in."""

import zipfile
from pathlib import Path

import pytest

from libs.spreadsheets.limits import Limits
from tests.unit.spreadsheets.records import is_plain, read_path
from tests.unit.spreadsheets.workbooks import HEADER, HEADERS, cell, write_xlsx

KEPT, NOT_KEPT = 'xml:space="preserve"', 'xml:space="default"'
AN_ERROR = '<row r="9"><c r="A9" t="e"><v>#N/A</v></c></row>'
"""A sheet that has one is not read by calamine."""


def written(path: Path, rows: str, *, strings: str = "", sheet: str = "", shared: str = "") -> Path:
    """Write a workbook; ``sheet`` and ``shared`` are attributes of the roots of the sheet and of the shared strings."""
    header = "".join(f"<si><t>{name}</t></si>" for name in HEADERS) if strings else ""
    write_xlsx(path, rows, shared_strings=header + strings)
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    parts["xl/worksheets/sheet1.xml"] = parts["xl/worksheets/sheet1.xml"].replace("<worksheet ", f"<worksheet {sheet} ")
    if strings:
        parts["xl/sharedStrings.xml"] = parts["xl/sharedStrings.xml"].replace("<sst ", f"<sst {shared} ")
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return path


SHARED = {
    "of all texts, as caxlsx": (KEPT, "<si><r><t>Ana </t></r><r><t>Prado</t></r></si>", "Ana Prado"),
    "of a text": ("", f"<si {KEPT}><r><t>Ana </t></r><r><t>Prado</t></r></si>", "Ana Prado"),
    "of a run": ("", f"<si><r {KEPT}><t>Ana </t></r><r><t> Prado </t></r></si>", "Ana Prado"),
    "of a run's piece": ("", f"<si><r><t {KEPT}>Ana </t></r><r><t>Prado</t></r></si>", "Ana Prado"),
    "not of one": (KEPT, f"<si {NOT_KEPT}><r><t>Ana </t></r><r><t>Prado</t></r></si>", "AnaPrado"),
    "not of one piece": (KEPT, f"<si><r><t {NOT_KEPT}>Ana </t></r><r><t> Prado</t></r></si>", "Ana Prado"),
    "of another one": ("", f"<si><t>Ana </t></si><si {KEPT}><t> Prado</t></si>", "Ana"),
    "of none": ("", "<si><r><t>Ana </t></r><r><t>Prado</t></r></si>", "AnaPrado"),
}


@pytest.mark.parametrize("rest", ["", AN_ERROR])
@pytest.mark.parametrize("kind", SHARED)
def test_blanks_of_texts_that_cells_share(tmp_path: Path, kind: str, rest: str) -> None:
    said, strings, text = SHARED[kind]
    rows = f'{HEADER}<row r="2"><c r="A2" t="s"><v>{len(HEADERS)}</v></c>{cell("B2", "1")}</row>{rest}'
    path = written(tmp_path / "upload", rows, strings=strings, shared=said)
    assert read_path(path)[0] == (2, [text, "1", "", "", ""])


INLINE = {
    "of the sheet, as caxlsx": (KEPT, "<c{}><is><r><t>Ana </t></r><r><t>Prado</t></r></is></c>", "Ana Prado"),
    "of a cell": ("", f"<c{{}} {KEPT}><is><r><t>Ana </t></r><r><t>Prado</t></r></is></c>", "Ana Prado"),
    "of a text": ("", f"<c{{}}><is {KEPT}><r><t>Ana </t></r><r><t>Prado</t></r></is></c>", "Ana Prado"),
    "of a run": ("", f"<c{{}}><is><r {KEPT}><t>Ana </t></r><r><t>Prado</t></r></is></c>", "Ana Prado"),
    "not of one": (KEPT, f"<c{{}}><is {NOT_KEPT}><r><t>Ana </t></r><r><t>Prado</t></r></is></c>", "AnaPrado"),
    "of none": ("", "<c{}><is><r><t>Ana </t></r><r><t>Prado</t></r></is></c>", "AnaPrado"),
}


@pytest.mark.parametrize("rest", ["", AN_ERROR])
@pytest.mark.parametrize("kind", INLINE)
def test_blanks_of_texts_that_stand_in_their_cells(tmp_path: Path, kind: str, rest: str) -> None:
    said, text_cell, text = INLINE[kind]
    rows = HEADER + f'<row r="2">{text_cell}{cell("B2", "1")}</row>{rest}'.format(' r="A2" t="inlineStr"')
    assert read_path(written(tmp_path / "upload", rows, sheet=said))[0] == (2, [text, "1", "", "", ""])


def test_blanks_of_a_row(tmp_path: Path) -> None:
    of_a_row = f'<row r="2" {KEPT}><c r="A2" t="inlineStr"><is><t>Ana </t></is></c>{cell("B2", "1")}</row>'
    rows = f"{HEADER}{of_a_row}" + '<row r="3"><c r="A3" t="inlineStr"><is><t>Bia </t></is></c></row>'
    shown = read_path(write_xlsx(tmp_path / "upload", rows))
    assert [cells[0] for _, cells in shown] == ["Ana ", "Bia"]


def test_texts_that_keep_their_own_blanks_are_read_at_once(tmp_path: Path) -> None:
    """Excel writes them so."""
    rows = f'{HEADER}<row r="2"><c r="A2" t="s"><v>5</v></c><c r="B2" t="inlineStr"><is><t {KEPT}> 1</t></is></c></row>'
    path = written(tmp_path / "upload", rows, strings=f"<si><t {KEPT}>Ana </t></si>")
    assert is_plain(path, Limits())
    assert read_path(path)[0][1][:2] == ["Ana ", " 1"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Ana", True), ("Ana Prado", True), ("Ana ", False), (" Ana", False), ("&#32;Ana", False), ("Ana&#32;", False)],
)
def test_of_texts_that_keep_their_blanks_by_the_sheet_those_without_any_are_read_at_once(
    tmp_path: Path, text: str, *, expected: bool
) -> None:
    """Whatever caxlsx writes says so."""
    stands_there = f'{HEADER}<row r="2">{cell("A2", text)}{cell("B2", "1")}</row>'
    shares = f'{HEADER}<row r="2"><c r="A2" t="s"><v>5</v></c>{cell("B2", "1")}</row>'
    for rows, strings in ((stands_there, ""), (shares, f"<si><t>{text}</t></si>")):
        path = written(tmp_path / "upload", rows, strings=strings, sheet=KEPT, shared=KEPT)
        assert is_plain(path, Limits()) == expected
        assert read_path(path)[0][1][0] == text.replace("&#32;", " ")
