"""What ``leadflow`` reads before it does anything: who imports a file waits for no driver of a server."""

import json
import subprocess
import sys

import pytest

from services.operator.client.over_http import ALONE, OF_IMPORTS

DRIVERS = ("aiokafka", "alembic", "asyncpg", "pymongo", "sqlalchemy")
LOOK = f"""
import json, sys
import typer.main
from services.operator.main import app
program = typer.main.get_command(app).commands
print(json.dumps({{
    "drivers": [name for name in {DRIVERS!r} if name in sys.modules],
    "commands": sorted(program), "of imports": sorted(program["imports"].commands),
}}))
"""


def started_with(*words: str) -> dict[str, list[str]]:
    """Return what a process that was started with these words has read, and which commands it knows."""
    ended = subprocess.run([sys.executable, "-c", LOOK, *words], capture_output=True, text=True, check=True)
    seen: dict[str, list[str]] = json.loads(ended.stdout)
    return seen


@pytest.mark.parametrize("words", [("import", "leads.csv", "--json"), ("imports", "watch", "1"), ("auth", "login")])
def test_who_imports_waits_for_no_driver_of_a_server(words: tuple[str, ...]) -> None:
    seen = started_with(*words)
    assert seen["drivers"] == []
    assert seen["commands"] == sorted({*ALONE, "imports"})
    assert seen["of imports"] == sorted(OF_IMPORTS)


@pytest.mark.parametrize("words", [(), ("--help",), ("imports",), ("imports", "inspect", "1"), ("chunks",)])
def test_help_and_operations_know_every_command(words: tuple[str, ...]) -> None:
    seen = started_with(*words)
    assert set(DRIVERS) <= set(seen["drivers"])
    assert {*ALONE, "imports", "migrate", "dead-letters", "erase", "recover"} <= set(seen["commands"])
    assert "inspect" in seen["of imports"]
