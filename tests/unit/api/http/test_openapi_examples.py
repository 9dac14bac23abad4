"""Whoever reads the OpenAPI document sees an example of every answer and of every refusal."""

from typing import Any

import pytest

from libs.common.web.app import App
from services.api.ending import calls as ending_calls
from services.api.http import before_routes, routes
from services.api.http.openapi import COMPONENTS, EXAMPLES, RESPONSES
from services.api.http.problems import PROBLEMS

BINARY = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    app = App("test", title="Leadflow")
    app.components.update(COMPONENTS)
    app.examples.update(EXAMPLES)
    app.responses.update(RESPONSES)
    for each in (before_routes.router, ending_calls.router, routes.router):
        app.include_router(each)
    return app.openapi()


def whole(document: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer that is written down by its name, or as it is."""
    name = answer.get("$ref", "").rpartition("/")[2]
    found: dict[str, Any] = document["components"]["responses"][name] if name else answer
    return found


def test_every_answer_has_an_example(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    without = [
        (path, method, status, kind)
        for path, calls in document["paths"].items()
        for method, call in calls.items()
        for status, answer in call["responses"].items()
        for kind, content in whole(document, answer).get("content", {}).items()
        if kind != BINARY
        and not {"example", "examples"} & content.keys()
        and "examples" not in schemas.get(content["schema"].get("$ref", "").rpartition("/")[2], {})
    ]
    assert without == []


def test_every_refusal_is_an_example_of_its_status(document: dict[str, Any]) -> None:
    named = {
        reference["$ref"].rpartition("/")[2]: int(status)
        for calls in document["paths"].values()
        for call in calls.values()
        for status, answer in call["responses"].items()
        for content in whole(document, answer).get("content", {}).values()
        for reference in content.get("examples", {}).values()
    }
    assert named == {code: problem.status for code, problem in PROBLEMS.items()}
    assert document["components"]["examples"].keys() == PROBLEMS.keys()


def test_the_document_is_made_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks for it, or with a wrong method, shows no token, and making it takes 16 ms of the event loop."""
    app = App("test", title="Leadflow")
    app.include_router(routes.router)
    first = app.openapi()
    monkeypatch.setattr(app, "_answered", None)  # making it anew would fail
    assert app.openapi() is first
