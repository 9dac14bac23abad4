"""What it costs an import that somebody watches it: a real browser at the console's page of it."""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import psutil
from playwright.async_api import Browser, Page, async_playwright

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import INSTANCE, ROOT, Stack, running
from deploy.local import sign_in
from deploy.local.instance import Instance
from tests.support.browser import OPTIONS, chromium

ROWS = 100_000
WARM_UP_ROWS = 20_000
POLITE = 19
LOOK_SECONDS = 0.5
"""Between two looks whether the import has ended: with and without a console, so that it costs both the same."""


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows in turn alone and while a browser shows their page in the console"
    part = Part("following", what, taken_with())
    alone: list[float] = []
    followed: list[float] = []
    with running(part.settings) as stack, Client(stack) as client:
        _imported(client, 900_000_000, WARM_UP_ROWS)
        for turn in range(runs):
            # Who comes second finds the servers busy with what the first has left: each does so in half of the turns.
            for is_followed in (turn % 2 == 1, turn % 2 == 0):
                stack.empty()
                start = (2 * turn + is_followed) * 1_000_000
                if is_followed:
                    followed.append(asyncio.run(_followed(stack, client, start)))
                else:
                    alone.append(_imported(client, start, ROWS))
    part.add(f"{ROWS:,} rows, nobody watches", "rows/s", alone)
    part.add(f"{ROWS:,} rows, the console follows them", "rows/s", followed)
    ratios = [watched / unwatched for watched, unwatched in zip(followed, alone, strict=True)]
    part.add("followed ÷ alone", "ratio", ratios, (">=", 0.97))
    return part


def _imported(client: Client, start: int, rows: int) -> float:
    """Import so many rows; return how many a second, from the upload to the end that the import itself names."""
    file = csv_file(start, rows)
    began = datetime.now(UTC)
    return rows / _seconds(client, client.post(file), began)


async def _followed(stack: Stack, client: Client, start: int) -> float:
    """Do the same while the console shows the import. What the page says in the end is what there is."""
    file = csv_file(start, ROWS)
    async with _browser() as browser, _signed_in(stack, browser) as page:
        began = datetime.now(UTC)
        import_id = await asyncio.to_thread(client.post, file)
        await page.goto(f"{stack.api_url}/console/imports/{import_id}")
        await page.locator(".live").wait_for()
        rate = ROWS / await asyncio.to_thread(_seconds, client, import_id, began)
        await page.locator(".badge", has_text="Finished").wait_for()
    return rate


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
    before = set(psutil.Process().children(recursive=True))
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(OPTIONS))
        for process in set(psutil.Process().children(recursive=True)) - before:
            os.setpriority(os.PRIO_PROCESS, process.pid, POLITE)
        yield browser
        await browser.close()


@asynccontextmanager
async def _signed_in(stack: Stack, browser: Browser) -> AsyncIterator[Page]:
    """Open the console. Its service worker keeps the token while the page goes to another address."""
    secret = Instance(name=INSTANCE, local=ROOT / ".local").secrets().jwt_secret
    code = sign_in.new_code(secret, user_id="1", company_id=1, now=time.time())
    page = await browser.new_page(locale="en")
    await page.goto(f"{stack.api_url}/console/#code={code}")
    await page.locator("h1").wait_for()
    await page.evaluate("navigator.serviceWorker.ready")
    yield page
    await page.close()
