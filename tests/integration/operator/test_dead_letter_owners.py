"""``leadflow dead-letters`` looks at one owner's letters: the import's, unless another owner is named."""

import asyncio

import pytest
from typer.testing import CliRunner

from libs.common.topics import DeadLetters, Registry
from libs.contracts.registry import registries
from services.operator.main import app
from tests.support.kafka import Kafka, unique

pytestmark = pytest.mark.usefixtures("quiet")


async def leadflow(kafka: Kafka, *words: str) -> tuple[int, str]:
    """Run a command; return its exit code and all that it said."""
    environment = {"LEADFLOW_KAFKA_BOOTSTRAP": kafka.settings.kafka_bootstrap}
    # In a thread: the command runs an event loop of its own.
    done = await asyncio.to_thread(CliRunner().invoke, app, ["dead-letters", *words], env=environment)
    return done.exit_code, done.output


@pytest.fixture
async def greeters(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> DeadLetters:
    """Dead letters of a second owner, and the topic that its one letter came from."""
    letters, topic = DeadLetters(unique("greeter.dead-letter.v1")), unique("news.v1")
    for name in (letters.topic, topic):
        await kafka.create(name)
    headers = [("x-original-topic", topic.encode()), ("x-original-key", b"7"), ("x-service", b"greeter")]
    await kafka.send(letters.topic, b"hello", key=b"7", headers=headers)
    registries = (Registry("greeter", (), letters),)
    monkeypatch.setattr("services.operator.commands.registries", lambda: registries)
    return letters


async def test_an_owner_that_has_none_is_refused_with_those_who_have(kafka: Kafka) -> None:
    code, said = await leadflow(kafka, "list", "--owner", "nobody")
    assert code == 1
    having = ", ".join(registry.owner for registry in registries() if registry.dead_letters)
    assert "lead_import" in having
    assert said == f"nobody has no dead letters; those who have: {having}.\n"


async def test_another_owners_letters_are_listed_and_replayed(kafka: Kafka, greeters: DeadLetters) -> None:
    code, said = await leadflow(kafka, "list", "--owner", "greeter")
    assert code == 0, said
    assert "news.v1" in said
    code, said = await leadflow(kafka, "replay", "--owner", "greeter", "--all")
    assert (code, said) == (0, "1 message went to the topics that they came from.\n")
    (letter,) = await kafka.records(greeters.topic)
    topic = dict(letter.headers)["x-original-topic"].decode()
    (replayed,) = await kafka.records(topic)
    assert (replayed.key, replayed.value) == (b"7", b"hello")
