"""What processes say fails, as their code has it: the values of ``what`` in ``leadflow_failing_seconds``."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import SecretStr

from libs.common.kafka.asking import KafkaServer
from libs.common.settings import KafkaSettings, MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.support.stack import ROOT

FOLDERS = ("libs", "services")


def troubles() -> set[str]:
    """Return what each ``Trouble(…)`` of the code is called, without an address; a server by what it calls itself."""
    found: set[str] = set()
    for folder in FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found |= {name.partition(" at ")[0] for name in _named(path)}
    return found


def _named(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Trouble":
            yield from _called(node.args[0], path)


def _called(what: ast.expr, path: Path) -> Iterator[str]:
    match what:
        case ast.Constant(value=str(name)) | ast.JoinedStr(values=[ast.Constant(value=str(name)), *_]):
            yield name
        case ast.Name(id="place"):
            yield from _servers()
        case _:
            raise AssertionError(f"{path}:{what.lineno}: what is this trouble called?")


def _servers() -> Iterator[str]:
    nowhere = "127.0.0.1:1"
    postgres = PostgresSettings(postgres_url=SecretStr(f"postgresql://somebody@{nowhere}/leadflow"))
    yield Postgres(postgres, application_name="tests").place
    yield Mongo(MongoSettings(mongo_url=SecretStr(f"mongodb://{nowhere}/leadflow")), application_name="tests").place
    yield KafkaServer(KafkaSettings(kafka_bootstrap=nowhere)).place
