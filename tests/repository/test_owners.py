"""What every owner's topics must be, whoever adds them."""

import json
import re
import typing
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from libs.common.topics import Registry, Topic
from libs.contracts.registry import WrongContracts, checked, owners_in, registries
from tests.support.stack import ROOT

CONTRACTS = ROOT / "libs" / "contracts"
TOPICS = [(registry.owner, topic) for registry in registries() for topic in registry.topics]
PERSONAL = re.compile(r"name|phone|cpf|email|mail|cell|tag|contact|chat|address|birth")
NAME = re.compile(r"[a-z]+(?:\.[a-z]+(?:-[a-z]+)*)+\.v[0-9]+")

each_topic = pytest.mark.parametrize(
    ("owner", "topic"), TOPICS, ids=[f"{owner}-{topic.name}" for owner, topic in TOPICS]
)
each_public = pytest.mark.parametrize(
    "topic", [topic for _, topic in TOPICS if topic.public], ids=lambda topic: topic.name
)


def test_topics_and_dead_letters_are_named_by_noun_event_and_version() -> None:
    letters = [registry.dead_letters.topic for registry in registries() if registry.dead_letters]
    names = [topic.name for _, topic in TOPICS] + letters
    assert [name for name in names if not NAME.fullmatch(name)] == []
    assert len(set(names)) == len(names)


def test_no_two_topics_of_all_owners_share_an_event_type() -> None:
    kinds = [topic.event_type for _, topic in TOPICS]
    assert len(set(kinds)) == len(kinds)


def names_of(annotation: Any) -> list[type]:
    """Return the types that a field may hold."""
    return [*typing.get_args(annotation)] or [annotation]


@each_public
def test_a_public_event_holds_nothing_personal(topic: Topic[Any]) -> None:
    """Ids, numbers, times and codes. A field of text is a code: its values are written down in its docstring."""
    plain = {int, float, bool, datetime, str, UUID, type(None)}
    for name, field in topic.event.model_fields.items():
        assert not PERSONAL.search(name), f"{topic.event.__name__}.{name} sounds personal"
        for kind in names_of(field.annotation):
            assert kind in plain or issubclass(kind, Enum), f"{topic.event.__name__}.{name} holds more than a value"


@each_topic
def test_the_golden_message_is_there_uses_every_field_and_is_formatted(owner: str, topic: Topic[Any]) -> None:
    path = CONTRACTS / owner / "examples" / f"{topic.name}.json"
    assert path.exists(), f"write {path.relative_to(ROOT)}"
    text = path.read_text(encoding="utf-8")
    content = json.loads(text)
    assert text == json.dumps(content, ensure_ascii=False, indent=2) + "\n"
    event = topic.event.model_validate_json(text)
    assert json.loads(event.model_dump_json()) == content
    assert list(content) == list(topic.event.model_fields)


@pytest.mark.parametrize("registry", registries(), ids=lambda registry: registry.owner)
def test_an_owner_keeps_no_example_of_a_topic_that_is_not_its_own(registry: Registry) -> None:
    examples = {path.stem for path in (CONTRACTS / registry.owner / "examples").glob("*")}
    assert examples <= {topic.name for topic in registry.topics}


def test_a_registry_that_names_another_owner_than_its_folder_is_refused() -> None:
    with pytest.raises(WrongContracts, match="libs/contracts/notices is 'notice'"):
        checked("notices", Registry("notice", ()))


def test_a_folder_that_python_would_not_find_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notices").mkdir()
    (tmp_path / "notices" / "registry.py").touch()
    with pytest.raises(WrongContracts, match=r"notices has no __init__.py"):
        owners_in(tmp_path)
