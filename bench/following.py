"""What it costs an import that somebody watches it: a real browser at the console's page of it.

Each import alone stands beside one that is followed, and their ratio is taken; so is that of the CPU that services and
servers took. Both are compared for the pace that the machine had meanwhile, too: see bench.pace.

People have their browser on another machine. Here it is on that of the services, with the console open beside both
imports, and the processors have next to nothing left to give while one runs (what nobody took is told): what the
browser takes of them the import would have had. So it is counted, and the speed is told for what was left to others,
too.
"""

import asyncio
import math
import os
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import psutil
from playwright.async_api import Browser, Page, async_playwright

from bench.client import Client
from bench.enrolling import until_enrolled
from bench.figures import Part
from bench.pace import Pace, watched
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import INSTANCE, ROOT, Stack, cpu_seconds, running
from deploy.local import sign_in
from deploy.local.instance import Instance
from tests.support.browser import OPTIONS, chromium

ROWS = int(os.environ.get("LEADFLOW_BENCH_ROWS", "300000"))
"""So many that a page which has to wait for its turn is there for most of it. Another number is for looking at the
benchmark itself: figures are of the size given here."""
PAIRS_A_RUN = 2
"""A pair's ratio is off by several hundredths: so many more of them find a cost of a few."""
LOOK_SECONDS = 0.5
"""Between two looks whether the import has ended: with and without a console, so that it costs both the same."""
LEAST_FOLLOWED = 0.5
"""Of an import's time: a page that came too late has cost it nothing."""
GO = "id => history.pushState(null, '', `/console/imports/${id}`)"
BROWSER = ROOT / "bench" / "polite_browser.sh"


@dataclass(frozen=True, slots=True)
class Import:
    """What one took: rows a second, from the upload to the end that it names itself, and µs of CPU a row.

    ``pace`` is the machine's until that end, ``pace_of_all`` until the enroller has come after, which the CPU counts.
    """

    rate: float
    micros: float
    pace: float
    pace_of_all: float
    left: float
    """Share of the processors' time that the browser left to others, until the end."""
    idle: float
    """Share of the processors' time that nobody took, until the end."""
    followed: float = 0.0
    """Share of its time in which the page was connected."""


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows in turn alone and while a browser shows their page in the console, {PAIRS_A_RUN} times a run"
    part = Part("following", what, taken_with())
    alone: list[Import] = []
    followed: list[Import] = []
    with running(part.settings) as stack, Client(stack) as client, watched() as pace:
        asyncio.run(_import(stack, client, pace, 900_000_000, is_followed=True))
        for turn in range(runs * PAIRS_A_RUN):
            # Who comes second finds the servers busy with what the first has left: each does so in half of the turns.
            for is_followed in (turn % 2 == 1, turn % 2 == 0):
                stack.empty()
                start = (2 * turn + is_followed) * 1_000_000
                taken = asyncio.run(_import(stack, client, pace, start, is_followed=is_followed))
                (followed if is_followed else alone).append(taken)
    part.add(f"{ROWS:,} rows, nobody watches", "rows/s", [each.rate for each in alone])
    part.add(f"{ROWS:,} rows, the console follows them", "rows/s", [each.rate for each in followed])
    part.add("… connected of the import's time", "ratio", [each.followed for each in followed])
    pairs = list(zip(followed, alone, strict=True))
    speed, work = "speed, followed ÷ alone", "CPU of services and servers, followed ÷ alone"
    speeds = [one.rate / other.rate for one, other in pairs]
    _add(part, speed, speeds, (">=", 0.97))
    paces = [one.pace / other.pace for one, other in pairs]
    at_one_pace = _each(speeds, paces)
    _add(part, f"{speed}, each for the machine's pace", at_one_pace, (">=", 0.97))
    lefts = [one.left / other.left for one, other in pairs]
    _add(part, f"{speed}, each for the pace and for what the browser left", _each(at_one_pace, lefts), (">=", 0.97))
    part.add("… left by the browser while it follows", "ratio", [each.left for each in followed])
    part.add("… idle of both", "ratio", [each.idle for each in (*alone, *followed)])
    works = [one.micros / other.micros for one, other in pairs]
    _add(part, work, works, ("<=", 1.03))
    paces = [other.pace_of_all / one.pace_of_all for one, other in pairs]
    _add(part, f"{work}, each for the machine's pace", _each(works, paces), ("<=", 1.03))
    return part


def _each(ratios: list[float], by: list[float]) -> list[float]:
    return [ratio / other for ratio, other in zip(ratios, by, strict=True)]


def _add(part: Part, what: str, ratios: list[float], goal: tuple[str, float]) -> None:
    """Add pairs' ratios, their mean, which the goal is for, and how far that may be off."""
    part.add(what, "ratio", ratios)
    part.add("… their mean", "ratio", [statistics.mean(ratios)], goal)
    part.add("… its standard error", "ratio", [statistics.stdev(ratios) / math.sqrt(len(ratios))], ("<=", 0.01))


async def _import(stack: Stack, client: Client, pace: Pace, start: int, *, is_followed: bool) -> Import:
    """Import beside a console that shows it, or that shows something else. What it says in the end is what there is."""
    file = csv_file(start, ROWS)
    async with _browser() as browser, _signed_in(stack, browser) as page:
        before, processors = _cpu(stack), _Processors.now()
        began = datetime.now(UTC)
        import_id = await asyncio.to_thread(client.post, file)
        ended = asyncio.create_task(asyncio.to_thread(_seconds, client, import_id, began))
        connected = 0.0
        if is_followed:
            # As the console goes there itself: a page that is loaded anew comes late to a busy machine.
            await page.evaluate(GO, import_id)
            await page.locator(".live").wait_for()
            connected = (datetime.now(UTC) - began).total_seconds()
        seconds = await ended
        of_browser, idle = processors.shares_until_now()
        await asyncio.to_thread(until_enrolled, stack, ROWS)
        cpu = _cpu(stack) - before
        if is_followed:
            await page.locator(".badge", has_text="Finished").wait_for()
    share = 1 - connected / seconds if is_followed else 0.0
    if is_followed and share < LEAST_FOLLOWED:
        raise RuntimeError(f"the page was connected for {share:.0%} of the import's time: import more rows")
    first = began.timestamp()
    until_end, until_now = pace.between(first, first + seconds), pace.between(first, time.time())
    return Import(ROWS / seconds, cpu / ROWS * 1e6, until_end, until_now, 1 - of_browser, idle, share)


@dataclass(frozen=True, slots=True)
class _Processors:
    """What all processors gave, to the browser and to nobody, in seconds since the machine began."""

    all: float
    browser: float
    idle: float

    @classmethod
    def now(cls) -> Self:
        times = psutil.cpu_times()
        # Playwright's own process is the browser's parent, and works for it alone.
        drivers = [child for child in psutil.Process().children() if child.name().startswith("node")]
        # What a guest takes is in what the user takes, too.
        given = sum(times) - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return cls(given, sum(map(cpu_seconds, drivers)), times.idle)

    def shares_until_now(self) -> tuple[float, float]:
        """Return the browser's share of what they have given since, and nobody's."""
        now = self.now()
        given = now.all - self.all
        return (now.browser - self.browser) / given, (now.idle - self.idle) / given


def _cpu(stack: Stack) -> float:
    """Return what services and servers have taken, once the enroller has come after."""
    return sum(cpu_seconds(process) for process in stack.processes().values())


def _seconds(client: Client, import_id: int, began: datetime) -> float:
    deadline = time.monotonic() + 600
    while (view := client.get(import_id))["status"] == "PROCESSING":
        if time.monotonic() > deadline:
            raise RuntimeError("the import does not end")
        time.sleep(LOOK_SECONDS)
    if view["total_created"] != view["total_rows"]:
        raise RuntimeError(f"not every row became a lead: {view}")
    return (datetime.fromisoformat(view["finished_at"]) - began).total_seconds()


@asynccontextmanager
async def _browser() -> AsyncIterator[Browser]:
    """Start a browser that steps back before the stack: people have theirs on a machine of their own."""
    named: dict[str, str | float | bool] = {**os.environ, "LEADFLOW_BENCH_BROWSER": chromium() or ""}
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=BROWSER, args=list(OPTIONS), env=named)
        yield browser
        await browser.close()


@asynccontextmanager
async def _signed_in(stack: Stack, browser: Browser) -> AsyncIterator[Page]:
    """Open the console, and have it load what shows an import: there is none of that number."""
    secret = Instance(name=INSTANCE, local=ROOT / ".local").secrets().jwt_secret
    code = sign_in.new_code(secret, user_id="1", company_id=1, now=time.time())
    page = await browser.new_page(locale="en")
    await page.goto(f"{stack.api_url}/console/#code={code}")
    await page.locator("h1").wait_for()
    await page.evaluate(GO, 2**31 - 1)
    await page.wait_for_load_state("networkidle")
    yield page
    await page.close()
