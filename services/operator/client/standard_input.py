"""What is read of a person, or of a pipe. Ctrl-C ends it at once."""

import asyncio
import io
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from services.operator.client.api_client import failed
from services.operator.client.domain import Exit, WrongUse
from services.operator.client.spoken import say

MOST_PIPE_BYTES = 100_000_000
"""Of a file that comes through a pipe and is kept in memory; the API's own limit is lower."""
YES = frozenset({"y", "yes", "s", "sim"})
"""In both languages, whichever was asked in."""


def ask(question: str, *, yes: bool, **facts: object) -> None:
    """Ask before what cannot be taken back; without a terminal only ``--yes`` is an answer."""
    if yes:
        return
    asked = say(question, **facts)
    if not sys.stdin.isatty():
        raise WrongUse(f"{asked} {say('say_yes')}")
    with _ended_by_ctrl_c():
        typer.echo(f"{asked} {say('yes_or_no')} ", err=True, nl=False)
        answer = sys.stdin.readline()
    if answer.strip().casefold() not in YES:
        raise failed(say("left_alone"), Exit.USAGE)


def piped() -> io.BytesIO:
    """Return a file that comes through a pipe. Raises WrongUse when there is none, or too much of it."""
    if sys.stdin.isatty():
        raise WrongUse(say("stdin_terminal"))
    with _ended_by_ctrl_c():
        content = sys.stdin.buffer.read(MOST_PIPE_BYTES + 1)
    if len(content) > MOST_PIPE_BYTES:
        raise WrongUse(say("stdin_large"))
    return io.BytesIO(content)


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Let Ctrl-C end what waits here. asyncio would only cancel the task, which hears of it once the wait is over."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        # Who started this wants it so: `nohup`, or a shell's job in the background.
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        if _is_cancelled():
            raise KeyboardInterrupt  # it was pressed shortly before, and heard by asyncio alone
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _is_cancelled() -> bool:
    try:
        task = asyncio.current_task()
    except RuntimeError:
        return False  # what waits here is no part of a task
    return task is not None and task.cancelling() > 0
