"""The list and the search over HTTP by many clients, beside the bare statement by as many connections."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import asyncpg
import uvloop

from bench.lead_statements import BARE
from bench.plain_http import HttpLine, lines
from bench.smallest_app import POSTGRES
from bench.stack import ROOT, Stack

CLIENTS = 50
ASKS_EVERY = 1.0
"""Seconds: as people do who page and filter, and not as fast as answers come."""
SECONDS = 8.0

FILTERS = {
    "all": ({}, ""),
    "status": ({"status": "contacted"}, "AND l.company_id = 1 AND l.status = 'contacted' AND l.status <> 'new'"),
    "assigned_to": ({"assigned_to": "1"}, "AND l.company_id = 1 AND l.assigned_to = 1"),
    "source": ({"source": "Instagram"}, "AND l.source_id = 1"),
    "a source of few": (
        {"source": "referral"},
        "AND l.source_id = (SELECT id FROM amigocare.lead_sources WHERE name = 'referral')",
    ),
    "channel": ({"channel": "FORM"}, "AND l.channel_id = 2"),
    "tag": (
        {"tag": "Avaliação"},
        "AND l.chat_id IN (SELECT chat_id FROM amigocare.chat_tags WHERE tag_id = 1 AND NOT is_deleted)",
    ),
    "custom": ({"custom.plan": "gold"}, """AND l.custom_fields @> '{"plan": "gold"}'"""),
    "created_from": ({"created_from": "2020-01-01T00:00:00Z"}, "AND l.created_at >= '2020-01-01Z'"),
    "created_to, of few": ({"created_to": "LONG_AGO"}, "AND l.created_at < 'LONG_AGO'"),
    "list_id": ({"list_id": "LIST"}, "AND l.id IN (SELECT lead_id FROM crm.lead_list_members WHERE list_id = 'LIST')"),
}
SEARCHES = {
    "two prefixes": (
        {"q": "mari sou"},
        (
            "AND l.id = ANY(ARRAY(SELECT lead_id FROM crm.lead_search WHERE company_id = 1"
            " AND words @@ to_tsquery('simple', 'mari:* & sou:*')))"
        ),
    ),
    "a phone": (
        {"q": "PHONE"},
        "AND l.id = ANY(ARRAY(SELECT lead_id FROM crm.lead_search WHERE company_id = 1 AND phones && '{55PHONE}'))",
    ),
}


def read(stack: Stack, asked: tuple[dict[str, str], str]) -> tuple[list[float], list[float]]:
    """Return the milliseconds of each call, and those of the bare statement, each sorted."""
    known = {
        "LIST": str(stack.value("SELECT id FROM crm.lead_lists WHERE name = 'Bench'")),
        "LONG_AGO": stack.value(
            "SELECT min(created_at) + interval '1 hour' FROM amigocare.amigocare_leads WHERE company_id = 1"
        ).isoformat(),
        "PHONE": str(stack.value("SELECT max(contact_cellphone) FROM amigocare.amigocare_leads WHERE company_id = 1")),
    }
    parameters, where = asked
    for name, value in known.items():
        parameters = {key: value if text == name else text for key, text in parameters.items()}
        where = where.replace(name, value)
    # Both sides ask from one process like this one, on the loop that the service has, too.
    return uvloop.run(_calls(stack, parameters)), uvloop.run(_statements(stack, BARE.format(where=where)))


def smallest(stack: Stack) -> tuple[list[float], ...]:
    """Return the milliseconds of calls that are asked as the list is, each sorted: of leads such that read nothing, of
    the smallest application that its server runs such that read nothing, and such that answer a page of leads.
    """
    with _smallest_application(stack) as url:
        asked = ((stack.url_of("leads"), "/health"), (url, "/health"), (url, "/page"))
        return tuple(uvloop.run(_plain_calls(*each)) for each in asked)


@contextmanager
def _smallest_application(stack: Stack) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        told = ("--fd", str(listening.fileno()), "--no-access-log", "--log-level", "warning")
        command = (sys.executable, "-m", "uvicorn", "bench.smallest_app:app", *told)
        knows = {**os.environ, POSTGRES: stack.postgres_url}
        process = subprocess.Popen(command, cwd=ROOT, env=knows, pass_fds=[listening.fileno()])
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            process.terminate()
            process.wait()


async def _plain_calls(url: str, path: str) -> list[float]:
    def calling(line: HttpLine) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            await line.get(path, {}, {})

        return call

    async with lines(url, CLIENTS) as opened:
        return await paced([calling(line) for line in opened])


async def _calls(stack: Stack, parameters: dict[str, str]) -> list[float]:
    headers = {"Authorization": f"Bearer {stack.token()}"}

    def calling(line: HttpLine) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            if b'"items":[{' not in await line.get("/api/v1/leads", parameters, headers):
                raise RuntimeError(f"nothing found by {parameters}")

        return call

    async with lines(stack.url_of("leads"), CLIENTS) as opened:
        return await paced([calling(line) for line in opened])


async def _statements(stack: Stack, statement: str) -> list[float]:
    connections = [await asyncpg.connect(stack.postgres_url) for _ in range(CLIENTS)]
    try:

        def calling(connection: Any) -> Callable[[], Awaitable[None]]:
            async def call() -> None:
                if not await connection.fetch(statement):
                    raise RuntimeError(f"nothing found by {statement}")

            return call

        return await paced([calling(each) for each in connections])
    finally:
        await asyncio.gather(*(each.close() for each in connections))


async def paced(calls: list[Callable[[], Awaitable[None]]]) -> list[float]:
    """Have each client ask at its times, evenly spread; return the milliseconds from when each was due, sorted.

    What a first call pays (connections, plans) is left out.
    """
    for call in calls:
        await call()
    began = time.perf_counter()
    durations: list[float] = []

    async def client(place: int, call: Callable[[], Awaitable[None]]) -> None:
        due = began + ASKS_EVERY * place / len(calls)
        while due < began + SECONDS:
            await asyncio.sleep(due - time.perf_counter())
            await call()
            durations.append(1000 * (time.perf_counter() - due))
            due += ASKS_EVERY

    await asyncio.gather(*(client(place, call) for place, call in enumerate(calls)))
    return sorted(durations)


def at(share: float, durations: list[float]) -> float:
    """Return the duration below which this share of them lies."""
    return durations[min(len(durations) - 1, int(len(durations) * share))]
