"""Clients of Kafka are built in one place, so that all of them are secured and named alike."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.stack import ROOT

BUILDERS = {"KafkaBroker", "AIOKafkaConsumer", "AIOKafkaProducer", "AIOKafkaAdminClient", "AIOKafkaClient"}
FACTORY = Path("libs/common/kafka/clients.py")
BROKER = Path("libs/common/kafka/broker.py")
"""It gives FastStream's broker what the factory says, and names a class of its own."""

FILES = sorted(
    path.relative_to(ROOT)
    for room in ("libs", "services", "deploy", "bench", "examples", "migrations")
    for path in (ROOT / room).rglob("*.py")
    if "subscribers" not in path.parts  # other teams' services, to copy
)


def built_in(source: str) -> Iterator[str]:
    """Yield every builder that is called, or that a class is made of, under whichever name it was imported."""
    tree = ast.parse(source)
    names = {name: name for name in BUILDERS}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            names |= {each.asname or each.name: each.name for each in node.names if each.name in BUILDERS}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            used = [node.func]
        elif isinstance(node, ast.ClassDef):
            used = node.bases
        else:
            continue
        for each in used:
            name = each.attr if isinstance(each, ast.Attribute) else each.id if isinstance(each, ast.Name) else ""
            if name in names:
                yield f"line {node.lineno}: {names[name]}"


@pytest.mark.parametrize("path", FILES, ids=str)
def test_no_client_is_built_outside_the_factory(path: Path) -> None:
    found = list(built_in((ROOT / path).read_text(encoding="utf-8")))
    expected = {FACTORY: 3, BROKER: 1}.get(path, 0)
    assert len(found) == expected, found


@pytest.mark.parametrize(
    "source",
    [
        "AIOKafkaProducer()",
        "import aiokafka\naiokafka.AIOKafkaConsumer('t')",
        "from aiokafka import AIOKafkaConsumer as Reader\nReader('t')",
        "from aiokafka.admin import AIOKafkaAdminClient\nasync def f(): x = AIOKafkaAdminClient(a=1)",
        "from faststream.kafka import KafkaBroker\nclass Mine(KafkaBroker): pass",
    ],
)
def test_a_client_is_noticed_however_it_is_built(source: str) -> None:
    assert list(built_in(source))
