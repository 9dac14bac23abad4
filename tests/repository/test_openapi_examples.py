"""OpenAPI has an example of every answer and of every refusal, and each is what its schema says."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest

from libs.contracts.lead_import.topics import IMPORT_FINISHED
from services.api.http.problems import PROBLEMS
from tests.support.stack import ROOT

Json = dict[str, Any]

DOCUMENT: Json = json.loads((ROOT / "docs" / "reference" / "openapi.json").read_text())
WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""Bytes: an example of one in text would say nothing."""


def followed(held: Json) -> Json:
    """Return what a reference leads to."""
    while "$ref" in held:
        found: Any = DOCUMENT
        for name in held["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        held = found
    return held


def answers() -> Iterator[tuple[str, Json]]:
    """Yield each answer with a body that a call may give: what it is called here, and its content."""
    for path, calls in DOCUMENT["paths"].items():
        for method, call in calls.items():
            for status, answer in call["responses"].items():
                for media_type, content in followed(answer).get("content", {}).items():
                    if media_type != WORKBOOK:
                        yield f"{method} {path} {status} {media_type}", content


def examples_of(content: Json) -> list[Any]:
    named = [followed(each)["value"] for each in content.get("examples", {}).values()]
    own = [content["example"]] if "example" in content else []
    return [*named, *own, *followed(content["schema"]).get("examples", [])]


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in answers()])
def test_every_answer_has_an_example_that_is_one(content: Json) -> None:
    found = examples_of(content)
    assert found
    for example in found:
        jsonschema.validate(example, {**DOCUMENT, **content["schema"]}, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_refusal_has_an_example_where_calls_refuse_so(code: str) -> None:
    (answer,) = [
        answer
        for answer in DOCUMENT["components"]["responses"].values()
        if code in answer["content"]["application/problem+json"]["examples"]
    ]
    example = followed(answer["content"]["application/problem+json"]["examples"][code])["value"]
    status = PROBLEMS[code].status
    assert (example["code"], example["status"]) == (code, status)
    called = [call for calls in DOCUMENT["paths"].values() for call in calls.values()]
    assert any(str(status) in call["responses"] for call in called)


def test_every_answer_that_is_a_stream_of_events_shows_each_kind() -> None:
    kinds = DOCUMENT["components"]["schemas"]["ImportEvent"]
    assert [each["event"] for each in kinds["examples"]] == kinds["properties"]["event"]["enum"]
    IMPORT_FINISHED.event.model_validate_json(kinds["examples"][-1]["data"])


def test_every_upload_shows_what_may_be_said_of_its_file() -> None:
    for name in ("ImportRequest", "PreviewRequest"):
        schema = DOCUMENT["components"]["schemas"][name]
        assert schema["examples"]
        for example in schema["examples"]:
            jsonschema.validate(example, {**DOCUMENT, **schema})
