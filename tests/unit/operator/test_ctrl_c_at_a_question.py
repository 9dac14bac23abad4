"""Ctrl-C at any moment about a question ends the command; nobody has to answer first."""

import asyncio
import signal
from collections.abc import Iterator

import pytest
import typer

from services.operator.client import standard_input
from services.operator.client.api_client import run
from services.operator.client.domain import Exit
from services.operator.client.standard_input import ask

QUESTION = "undo_question"


class Terminal:
    """Somebody who does not answer."""

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        raise AssertionError("waits for an answer")


@pytest.fixture(autouse=True)
def heard() -> Iterator[None]:
    """Ctrl-C is heard, also when whoever runs the tests ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def press(*_: object, **__: object) -> None:
    signal.raise_signal(signal.SIGINT)


def press_and_say(sentence: str, **_: object) -> str:
    if sentence == QUESTION:
        press()
    return sentence


@pytest.mark.parametrize(
    ("place", "does"),
    [("say", press_and_say), ("typer.echo", press)],
    ids=["before the question", "as it is shown"],
)
def test_it_ends_the_command(monkeypatch: pytest.MonkeyPatch, place: str, does: object) -> None:
    monkeypatch.setattr("sys.stdin", Terminal())
    monkeypatch.setattr(f"{standard_input.__name__}.{place}", does)

    async def work() -> None:
        await asyncio.sleep(0)
        ask(QUESTION, yes=False, id=1, name="Base", count="3")

    with pytest.raises(typer.Exit) as ended:
        run(work())
    assert ended.value.exit_code == Exit.INTERRUPTED
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
