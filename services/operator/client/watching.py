"""Follows an import to its end: a bar on a terminal, a line per ten per cent elsewhere, or JSON lines."""

import asyncio
import json
import random
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Any

import aiohttp
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from services.operator.client.api_client import Answered, Api, NoConnection
from services.operator.client.domain import WAIT_STATUSES, EventLines, Steps
from services.operator.client.spoken import number, say

SILENCE_SECONDS = 45.0
"""The API says something every 15 s; after three times that the connection is dead."""
LONGEST_PAUSE_SECONDS = 30.0
PROGRESS, FINISHED = "progress", "lead:import-finished"


class Shown:
    """Where progress is said: on stderr, or on stdout as JSON."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._steps = Steps()
        self._bar: Progress | None = None
        console = Console(stderr=True)
        # No bar where nothing can be written over: a pipe, a file, and a terminal that says it is dumb.
        if not as_json and sys.stderr.isatty() and not console.is_dumb_terminal:
            columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
            self._bar = Progress(*columns, console=console)
            self._task = self._bar.add_task(say("importing"), total=None)
            self._bar.start()

    def close(self) -> None:
        """Leave the terminal as it was."""
        if self._bar:
            self._bar.stop()

    def progress(self, found: dict[str, Any]) -> None:
        """Say how far an import is."""
        done, rows = found["progress"]["processed_rows"], found["total_rows"]
        if self.as_json:
            line(PROGRESS, found)
        elif self._bar:
            self._bar.update(self._task, completed=done, total=rows)
        elif self._steps.due(found["progress"]["percent"]):
            typer.echo(
                say("progress", percent=int(found["progress"]["percent"]), done=number(done), rows=number(rows)),
                err=True,
            )

    def lost(self) -> None:
        """Say that the connection is away, and what that means."""
        typer.echo(say("reconnecting"), err=True)


def line(event: str, found: dict[str, Any]) -> None:
    """Print one JSON line, at once: a program waits for it."""
    typer.echo(json.dumps({"event": event, **found}, ensure_ascii=False))
    sys.stdout.flush()


async def watched(api: Api, import_id: int, shown: Shown) -> dict[str, Any]:
    """Return an import once it has ended, as the API then says. A connection that is lost is made anew, for ever."""
    read, pause = EventLines(), 1.0
    try:
        while True:
            try:
                async for kind, data in _events(api, import_id, read):
                    pause = 1.0
                    if kind == PROGRESS:
                        shown.progress(data)
                found: dict[str, Any] = await api.get(f"/imports/{import_id}")
                if found["status"] != "PROCESSING":
                    return found
            except NoConnection:
                shown.lost()
            except Answered as answer:
                if answer.status not in WAIT_STATUSES:
                    raise
                pause = max(pause, float(answer.problem.get("retry_after", pause)))
            # Jitter: all who watched a server that went away come back to it.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 # nosec B311 # no secret
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    finally:
        shown.close()


async def _events(api: Api, import_id: int, read: EventLines) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    """Yield events until the stream ends, which it does with the import or with the token."""
    headers = {"Last-Event-ID": read.last_id} if read.last_id else {}
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=SILENCE_SECONDS)
    async with api.asked("GET", f"/imports/{import_id}/events", headers=headers, timeout=timeout) as answer:
        if answer.status == HTTPStatus.NO_CONTENT:
            return
        async for raw in answer.content:
            for event in read.feed(raw.decode().rstrip("\r\n")):
                yield event
                if event[0] == FINISHED:
                    return
