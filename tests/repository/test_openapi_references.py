"""What the committed OpenAPI documents refer to is within them: programs and types are made from them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.stack import ROOT

DOCUMENTS = sorted((ROOT / "docs" / "reference").glob("openapi*.json"))


def references(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for each in part:
            yield from references(each)
    elif isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)


def leads_somewhere(document: Any, reference: str) -> bool:
    found = document
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    return found is not None


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_reference_of_a_document_leads_somewhere_in_it(path: Path) -> None:
    document = json.loads(path.read_text())
    found = set(references(document))
    assert found
    assert {each for each in found if not leads_somewhere(document, each)} == set()


def properties(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, list):
        for each in part:
            yield from properties(each)
    elif isinstance(part, dict):
        if isinstance(part.get("properties"), dict):
            yield from part["properties"].items()
        for each in part.values():
            yield from properties(each)


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_no_title_says_what_the_property_s_name_says(path: Path) -> None:
    found = list(properties(json.loads(path.read_text())))
    assert len(found) > 100
    assert [name for name, schema in found if schema.get("title") == name.replace("_", " ").title()] == []
