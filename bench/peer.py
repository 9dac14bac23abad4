"""The list and the search of leads beside those of creme-crm, with the same persons on the same PostgreSQL.

Asked is what each one's own pages ask. creme-crm makes its list on the server: its answer is a page, where ours is JSON
and a browser makes the page of it.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import aiohttp

from bench.beside import creme
from bench.client import Client
from bench.enrolling import until_enrolled
from bench.figures import Part
from bench.rows import csv_file, row
from bench.shipped import taken_with
from bench.stack import Stack, running

PEOPLE = int(os.environ.get("LEADFLOW_BENCH_LEADS", "100000"))
"""For looking at the benchmark itself: figures are of the number given here."""
CLIENTS = (1, 4)
SECONDS = 5.0
PAGE = 25
LEADS, CONTACTS, LIGHT_SEARCH = "/api/v1/leads", "/persons/contacts", "/creme_core/search/light"
PHONE = row(PEOPLE // 2).phone


@dataclass(frozen=True, slots=True)
class Asked:
    """The same question to both, and what an answer of creme-crm has only when it found something."""

    name: str
    ours: dict[str, str]
    path: str
    theirs: dict[str, str]
    found: str


QUESTIONS = (
    Asked("list", {}, CONTACTS, {"rows": str(PAGE)}, "/persons/contact/"),
    Asked("search, two words", {"q": "mari sou"}, LIGHT_SEARCH, {"value": "mari sou"}, "/persons/contact/"),
    Asked("search, a phone", {"q": PHONE}, LIGHT_SEARCH, {"value": PHONE}, "/persons/contact/"),
)


def measure(runs: int) -> Part:
    what = f"{PEOPLE:,} persons here and in creme-crm 2.8.6, asked in turn by {CLIENTS[0]} and {CLIENTS[1]} clients"
    part = Part("peer", what, taken_with())
    with running(part.settings) as stack, Client(stack) as client:
        client.run(csv_file(0, PEOPLE), rows=PEOPLE)
        until_enrolled(stack, PEOPLE)
        stack.settle()
        with creme.serving(stack, 0, PEOPLE) as address:
            asyncio.run(_measure(part, stack, address, runs))
    return part


async def _measure(part: Part, stack: Stack, address: str, runs: int) -> None:
    headers = {"Authorization": f"Bearer {stack.token()}"}
    # Of an address without a name cookies are kept only when that is asked for.
    jar = aiohttp.CookieJar(unsafe=True)
    async with (
        aiohttp.ClientSession(stack.url_of("leads"), headers=headers, raise_for_status=True) as ours,
        aiohttp.ClientSession(address, cookie_jar=jar, raise_for_status=True) as theirs,
    ):
        await creme.sign_in(theirs)
        for asked in QUESTIONS:
            for clients in CLIENTS:
                pairs = [
                    await _pair(_of_ours(ours, asked), _of_theirs(theirs, asked), clients, ours_first=run % 2 == 0)
                    for run in range(runs)
                ]
                _add(part, asked.name, clients, pairs)


def _add(part: Part, name: str, clients: int, pairs: list[tuple[list[float], list[float]]]) -> None:
    called = f"{name}, {clients} client{'s' if clients > 1 else ''}"
    part.add(f"{called}: Leadflow, median", "ms", [statistics.median(ours) for ours, _ in pairs])
    part.add(f"{called}: creme-crm, median", "ms", [statistics.median(theirs) for _, theirs in pairs])
    ratios = [statistics.median(theirs) / statistics.median(ours) for ours, theirs in pairs]
    part.add("… creme-crm's ÷ Leadflow's", "ratio", ratios, (">=", 1))


Call = Callable[[], Awaitable[None]]


def _of_ours(http: aiohttp.ClientSession, asked: Asked) -> Call:
    async def call() -> None:
        async with http.get(LEADS, params={"limit": str(PAGE)} | asked.ours) as answer:
            if not (await answer.json())["items"]:
                raise RuntimeError(f"nothing found by {asked.ours}")

    return call


def _of_theirs(http: aiohttp.ClientSession, asked: Asked) -> Call:
    async def call() -> None:
        async with http.get(asked.path, params=asked.theirs) as answer:
            if asked.found not in await answer.text():
                raise RuntimeError(f"creme-crm found nothing by {asked.theirs}")

    return call


async def _pair(ours: Call, theirs: Call, clients: int, *, ours_first: bool) -> tuple[list[float], list[float]]:
    if ours_first:
        first = await _asked(ours, clients)
        return first, await _asked(theirs, clients)
    first = await _asked(theirs, clients)
    return await _asked(ours, clients), first


async def _asked(call: Call, clients: int) -> list[float]:
    """Have each client ask again as soon as it has its answer; return the milliseconds of each call.

    What the first calls pay (connections, plans) is left out.
    """
    await asyncio.gather(*(call() for _ in range(clients)))
    until = time.perf_counter() + SECONDS
    durations: list[float] = []

    async def client() -> None:
        while (began := time.perf_counter()) < until:
            await call()
            durations.append(1000 * (time.perf_counter() - began))

    await asyncio.gather(*(client() for _ in range(clients)))
    return durations
