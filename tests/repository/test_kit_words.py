"""The kit serves services of any kind: no word of it is about leads, imports or chats."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import ROOT

KIT = ROOT / "libs" / "common"
BUSINESS = frozenset(
    [
        "lead",
        "chunk",
        "chat",
        "tag",
        "import",
        "campaign",
        "contact",
        "phone",
        "patient",
        "attendance",
        "spreadsheet",
        "creator",
        "tagger",
        "dedup",
        "finalizer",
        "undoer",
        "whatsapp",
        "cpf",
    ]
)
"""``import`` as a noun, that is anywhere but in an import statement."""

OTHERS_NAMES = frozenset(["async_creator_fn", "ETag"])
"""What libraries call their parameters, and HTTP its headers."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def words_of(text: str) -> set[str]:
    """Return the words of identifiers and sentences, in the singular: ``ChunkRows`` is chunk and row."""
    found = {word.lower() for word in _WORD.findall(text)}
    return found | {word.removesuffix("s") for word in found}


def texts_of(source: str) -> Iterator[tuple[int, str]]:
    """Yield (line, text) of every identifier, string and comment."""
    for node in ast.walk(ast.parse(source)):
        line = getattr(node, "lineno", 0)
        for field in ("id", "attr", "arg", "name"):
            held = getattr(node, field, None)
            if isinstance(held, str) and not isinstance(node, ast.alias):
                yield line, held
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield line, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def business_words(source: str) -> list[str]:
    return sorted(
        f"line {line}: {', '.join(sorted(words_of(text) & BUSINESS))}"
        for line, text in texts_of(source)
        if text not in OTHERS_NAMES and words_of(text) & BUSINESS
    )


@pytest.mark.parametrize("path", sorted(KIT.rglob("*.py")), ids=lambda path: str(path.relative_to(KIT)))
def test_the_kit_knows_no_business_word(path: Path) -> None:
    assert business_words(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    ["chunk_id = 1", "class LeadRow: pass", "x = 'the import'", "x = 1  # chats", '"""Tags."""', "def f(phones): pass"],
)
def test_a_business_word_is_noticed_wherever_it_stands(source: str) -> None:
    assert business_words(source)


def test_statements_of_the_language_and_the_products_name_are_no_business_words() -> None:
    assert business_words("import os\nfrom a import b as c\nx = 'LEADFLOW_A /leadflow/x important percentage'\n") == []
