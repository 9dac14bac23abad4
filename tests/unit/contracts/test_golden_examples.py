"""One golden message a topic: what is in flight while a new version is rolled out must stay readable."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from docs.published_schemas import Shelf
from libs.common.topics import Topic
from libs.contracts.lead_import.internal.messages import Chunk
from libs.contracts.lead_import.registry import REGISTRY
from tests.support.stack import ROOT

EXAMPLES = ROOT / "libs" / "contracts" / "lead_import" / "examples"
SHELF = Shelf(EXAMPLES.parent / "schemas")

each_topic = pytest.mark.parametrize("topic", REGISTRY.topics, ids=lambda topic: topic.name)


def example(topic: Topic[Any]) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((EXAMPLES / f"{topic.name}.json").read_bytes())
    return content


def with_unknown_fields(value: Any) -> Any:
    """Return the value with an unknown field in every object of it."""
    if isinstance(value, dict):
        return {name: with_unknown_fields(held) for name, held in value.items()} | {"of_a_later_version": [1]}
    return [with_unknown_fields(item) for item in value] if isinstance(value, list) else value


def without(value: Any, path: tuple[str, ...]) -> Any:
    """Return the object without the field at the path."""
    name, *rest = path
    if rest:
        return value | {name: without(value[name], tuple(rest))}
    return {other: held for other, held in value.items() if other != name}


def test_every_topic_has_an_example_and_every_example_a_topic() -> None:
    assert {path.name for path in EXAMPLES.iterdir()} == {f"{topic.name}.json" for topic in REGISTRY.topics}


@each_topic
def test_the_example_is_readable_and_encodes_to_the_same_values_again(topic: Topic[Any]) -> None:
    content = example(topic)
    event = topic.event.model_validate_json(json.dumps(content))
    assert json.loads(event.model_dump_json()) == content


@each_topic
def test_the_example_with_fields_of_a_later_version_reads_as_the_same_event(topic: Topic[Any]) -> None:
    content = example(topic)
    later = topic.event.model_validate_json(json.dumps(with_unknown_fields(content)))
    assert later == topic.event.model_validate(content)


@each_topic
def test_the_example_uses_every_field_of_the_event(topic: Topic[Any]) -> None:
    content = example(topic)
    assert set(content) == set(topic.event.model_fields)
    if issubclass(topic.event, Chunk):
        assert set(content["live"]) == set(topic.event.model_fields["live"].annotation.model_fields)  # type: ignore[union-attr]
        assert content["live"]["row"], "an example without live rows shows nothing"
        assert content["settled"], "an example without settled rows shows nothing"


def first_fields(topic: Topic[Any]) -> list[tuple[str, ...]]:
    """Return the paths of the fields that the version began with; those that were added later have a default."""
    first = SHELF.published(topic.name)[1]
    paths: list[tuple[str, ...]] = [(name,) for name in first["properties"]]
    if "live" in first["properties"]:
        rows = first["$defs"][first["properties"]["live"]["$ref"].rpartition("/")[2]]
        paths += [("live", name) for name in rows["properties"]]
    return paths


@each_topic
def test_the_example_is_what_every_published_schema_says_so_that_no_reader_is_left_behind(topic: Topic[Any]) -> None:
    newest = SHELF.newest(topic.name)
    assert newest is not None
    for schema in [newest, *SHELF.published(topic.name).values()]:
        Draft202012Validator.check_schema(schema)
        checker = Draft202012Validator(schema, format_checker=FormatChecker())
        assert [error.message for error in checker.iter_errors(example(topic))] == []


@each_topic
def test_the_schema_refuses_an_example_that_lacks_a_field_or_holds_another_type(topic: Topic[Any]) -> None:
    checker = Draft202012Validator(SHELF.newest(topic.name) or True)
    for path in first_fields(topic):
        assert not checker.is_valid(without(example(topic), path)), path
    assert not checker.is_valid(example(topic) | {"import_id": "1042"})


@each_topic
def test_an_example_as_the_version_began_is_read_by_the_model_of_today(topic: Topic[Any]) -> None:
    """All readers subscribe with the topic's own event: mypy holds a handler's parameter to it."""
    content = example(topic)
    began = {path[0] for path in first_fields(topic)}
    topic.event.model_validate_json(json.dumps({name: held for name, held in content.items() if name in began}))


@each_topic
def test_no_field_of_the_example_may_be_left_out(topic: Topic[Any]) -> None:
    content = example(topic)
    paths = first_fields(topic)
    for path in paths:
        with pytest.raises(ValueError, match="Field required"):
            topic.event.model_validate(without(content, path))


def test_the_examples_of_one_chunk_tell_one_story() -> None:
    rows = []
    for topic in REGISTRY.topics:
        if issubclass(topic.event, Chunk):
            content = example(topic)
            rows.append(sorted(content["live"]["row"] + [row["row"] for row in content["settled"]]))
    assert len(rows) == 4
    assert all(each == rows[0] for each in rows)


def test_the_examples_are_formatted_for_people() -> None:
    for path in sorted(Path(EXAMPLES).glob("*.json")):
        text = path.read_text(encoding="utf-8")
        assert text == json.dumps(json.loads(text), ensure_ascii=False, indent=2) + "\n"
