"""Whatever a refusal says of its case, it says in the caller's language."""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from libs.common.web.problems import translated
from libs.common.web.refusals import Refused
from libs.common.web.sentences import GAP, in_other_words
from libs.contracts.lead_import.words import LANGUAGES, words
from libs.spreadsheets import encodings, header, reader, xlsx_bounds
from libs.spreadsheets.unreadable import Unreadable
from services.api.http.problems import TRANSLATIONS
from tests.support.stack import ROOT

PORTUGUESE = words("pt-BR").details
FOLDERS = ("libs/spreadsheets", "libs/common/web", "services/api")
MADE_ELSEWHERE = {
    "error.message": "what the parser of multipart bodies says of a fault that no client of ours makes",
    "unreadable.detail": "what a file was refused for, said where it was found",
    "_all_in_one_cell(found) or ' '.join(_faults(typed[:_MOST_NAMES], found[:_MOST_NAMES]))": "tested below",
    "_readings(words, right | {'windows-1252': best})": "tested below",
}


def sentences() -> Iterator[tuple[str, str]]:
    """Yield where a refusal is raised, and what it says, with gaps."""
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for call in ast.walk(ast.parse(path.read_text())):
                match call:
                    case ast.Call(func=ast.Name(id="Refused" | "Unreadable"), args=[_, said]):
                        if ast.unparse(said) not in MADE_ELSEWHERE:
                            yield f"{path.relative_to(ROOT)}:{call.lineno}", _with_gaps(said)


def _with_gaps(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(value)):
            return value
        case ast.JoinedStr(values=values):
            return "".join(map(_with_gaps, values))
        case ast.BinOp(left=left, right=right):
            return _with_gaps(left) + _with_gaps(right)
    return GAP


def test_every_sentence_of_a_refusal_has_its_like_in_portuguese() -> None:
    found = dict(sentences())
    kinds = {f"This is {what}." for what in (*dict(reader._OTHERS).values(), *xlsx_bounds._OTHER_ARCHIVES.values())}
    lacking = {place: said for place, said in found.items() if said not in PORTUGUESE and said != "This is {}."}
    assert len(found) > 60
    assert not lacking
    assert kinds <= PORTUGUESE.keys()


@pytest.mark.parametrize("language", LANGUAGES[1:])
def test_no_sentence_loses_a_gap_or_is_like_another(language: str) -> None:
    for own, other in words(language).details.items():
        assert other
        assert own != other
        assert own.count(GAP) == len([field for _, field, *_ in Formatter().parse(other) if field is not None]), own
        said = in_other_words(own.replace(GAP, "7"), words(language).details)
        assert said == other.replace(GAP, "7"), own


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (
            "Row 17: a quotation mark opens a cell and none closes it.",
            "Linha 17: aspas abrem uma célula e nenhuma a fecha.",
        ),
        ("Column 1 has no name. Missing: name, cpf.", "A coluna 1 não tem nome. Faltam: name, cpf."),
        ("Fields of `data` are not valid: name, tag_ids", "Há campos de `data` que não são válidos: name, tag_ids"),
        ("3 of 5000 rows are not valid.", "3 de 5000 linhas não são válidas."),
        ("What nobody has said before.", "What nobody has said before."),
        ("", ""),
    ],
)
def test_a_refusal_keeps_its_numbers(detail: str, expected: str) -> None:
    assert translated(Refused("file_broken", detail), TRANSLATIONS["pt-BR"]).detail == expected


def test_what_is_wrong_with_a_header_is_said_in_portuguese() -> None:
    for cells in (
        ["name;phone;cpf;email;tags"],
        ["Ana", "11981234567", "", "", ""],
        ["phone", "name", "cpf", "email", "tags"],
        ["nome", "phone", "phone", "", "x"],
    ):
        with pytest.raises(Unreadable) as refused:
            header.check_header(cells)
        assert in_other_words(refused.value.detail, PORTUGUESE), refused.value.detail


def test_how_words_would_read_is_said_in_portuguese(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes("name,phone,cpf,email,tags\nJoão,11981234567,,,\n".encode("macintosh"))
    with pytest.raises(Unreadable) as refused:
        encodings.find_encoding(path)
    assert in_other_words(refused.value.detail, PORTUGUESE), refused.value.detail
