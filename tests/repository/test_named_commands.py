"""The commands ``leadflow …`` that the documents name are there, with the options that they name."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from services.operator.main import app
from tests.repository.test_docs import PAGES, name_of

NAMED = re.compile(r"(?:^ {4}|`)leadflow ([a-z][^`#\n]*)", re.MULTILINE)
TODAY = [page for page in PAGES if page.name != "CHANGELOG.md" and page.parent.name != "decisions"]


def why_not(words: list[str]) -> str | None:
    """Return what of a command is not there."""
    command: Any = get_command(app)
    while words and (group := getattr(command, "commands", None)):
        if words[0] not in group:
            return f"no command {words[0]}"
        command, words = group[words[0]], words[1:]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in words if word.startswith("-") and word not in known | {"--help"}]
    return f"no option {unknown[0]}" if unknown else None


def named_in(text: str) -> list[str]:
    return [words.strip() for words in NAMED.findall(text)]


@pytest.mark.parametrize("page", [page for page in TODAY if named_in(page.read_text())], ids=name_of)
def test_every_command_of_leadflow_that_is_named_is_there(page: Path) -> None:
    wrong = {command: why_not(shlex.split(command)) for command in named_in(page.read_text())}
    assert {command: why for command, why in wrong.items() if why} == {}


def test_what_is_not_there_is_noticed() -> None:
    assert why_not(["replay", "--all"]) == "no command replay"
    assert why_not(["imports", "list", "--stuck"]) == "no option --stuck"
    assert why_not(["chunks", "--stuck", "--for", "300"]) is None
