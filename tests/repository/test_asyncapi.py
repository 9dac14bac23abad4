"""The AsyncAPI document is one, and says what the topics say."""

from typing import Any

import jsonschema
import pytest
import yaml

from libs.contracts.registry import registries
from tests.support.other_clients import asyncapi_schema
from tests.support.stack import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "reference" / "asyncapi.yaml").read_text())
PUBLIC = {topic.name: topic for registry in registries() for topic in registry.topics if topic.public}


def test_the_asyncapi_document_is_valid() -> None:
    jsonschema.validate(DOCUMENT, asyncapi_schema())


def test_the_asyncapi_document_has_every_public_topic_and_no_other() -> None:
    assert {each["address"] for each in DOCUMENT["channels"].values()} == set(PUBLIC)
    assert {each["channel"]["$ref"] for each in DOCUMENT["operations"].values()} == {
        f"#/channels/{name}" for name in PUBLIC
    }


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    found = list(references(DOCUMENT))
    assert found
    for reference in found:
        held: Any = DOCUMENT
        for name in reference.removeprefix("#/").split("/"):
            held = held[name]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_example_of_the_asyncapi_document_meets_its_schemas(name: str) -> None:
    message = DOCUMENT["components"]["messages"][PUBLIC[name].event.__name__]
    (example,) = message["examples"]
    for part in ("headers", "payload"):
        jsonschema.validate(example[part], {**DOCUMENT, **message[part]})
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({}, {**DOCUMENT, **message["payload"]})
    assert example["headers"]["ce_type"] == PUBLIC[name].event_type


def references(held: Any) -> Any:
    if isinstance(held, dict):
        if "$ref" in held:
            yield held["$ref"]
        held = list(held.values())
    if isinstance(held, list):
        for each in held:
            yield from references(each)
