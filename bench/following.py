"""What an import pays for being watched: the console in a real browser, open at the import's page, and closed."""

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psutil
from playwright.sync_api import Page, expect, sync_playwright

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file
from bench.shipped import taken_with
from bench.stack import Stack, cpu_seconds, running

ROWS = 50_000
WARM_UPS = 2
LONGEST_MS = 120_000
LEAST_PRIORITY = 19
ELSEWHERE = "/console/imports/new"
"""A page of the console that asks for no import."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows, in turn while the console shows them come in and while nobody looks"
    part = Part("following", what, taken_with())
    seconds: dict[bool, list[float]] = {False: [], True: []}
    drawing: list[float] = []
    with running(part.settings) as stack, Client(stack) as client, _console(stack) as (page, browser):
        for turn in range(runs + WARM_UPS):
            # The one that comes second finds more leads there: each is second in every other turn.
            for followed in (False, True) if turn % 2 else (True, False):
                file = csv_file(turn * 1_000_000 + followed * ROWS, ROWS)
                spent = cpu_seconds(browser)
                taken = _followed(stack, client, page, file) if followed else _alone(client, file)
                if turn >= WARM_UPS:
                    seconds[followed].append(taken)
                    drawing += [cpu_seconds(browser) - spent] * followed
                stack.settle()
    for followed, words in ((False, "that nobody follows"), (True, "that the console follows")):
        part.add(f"an import of {ROWS:,} rows {words}", "rows/s", [ROWS / each for each in seconds[followed]])
    ratios = [alone / followed for alone, followed in zip(seconds[False], seconds[True], strict=True)]
    part.add("speed of an import that is followed ÷ of one that is not", "ratio", ratios, (">=", 0.97))
    part.add("CPU of the browser that follows", "s", drawing)
    return part


@contextmanager
def _console(stack: Stack) -> Iterator[tuple[Page, psutil.Process]]:
    """Open the console in a browser; yield its page and process.

    A person's browser has a machine of its own. This one has to share ours, and so it gets what the servers leave.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)))
    before = set(psutil.Process().children(recursive=True))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS)
        page = browser.new_page(locale="en")
        page.goto(stack.console_link())
        expect(page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()
        page.evaluate("navigator.serviceWorker.ready")
        started = [each for each in psutil.Process().children(recursive=True) if each not in before]
        for each in started:
            each.nice(LEAST_PRIORITY)
        browsers = {each.pid: each for each in started if "chrom" in each.name()}
        page.goto(f"{stack.api_url}{ELSEWHERE}")
        yield page, next(each for each in browsers.values() if each.ppid() not in browsers)
        browser.close()


def _followed(stack: Stack, client: Client, page: Page, file: bytes) -> float:
    import_id = client.post(file)
    page.goto(f"{stack.api_url}/console/imports/{import_id}")
    expect(page.get_by_text("Finished", exact=True)).to_be_visible(timeout=LONGEST_MS)
    page.goto(f"{stack.api_url}{ELSEWHERE}")
    return _seconds(client, import_id)


def _alone(client: Client, file: bytes) -> float:
    import_id = client.post(file)
    deadline = time.monotonic() + LONGEST_MS / 1000
    # Seldom: who asks takes the time of what is asked about.
    while client.get(import_id)["status"] == "PROCESSING" and time.monotonic() < deadline:
        time.sleep(1)
    return _seconds(client, import_id)


def _seconds(client: Client, import_id: int) -> float:
    """Return how long the import took by the ledger's own clock. Raises RuntimeError unless every row became a lead."""
    view = client.get(import_id)
    if view["status"] != "FINISHED" or view["total_created"] != ROWS:
        raise RuntimeError(f"not every row became a lead: {view}")
    return (datetime.fromisoformat(view["finished_at"]) - datetime.fromisoformat(view["created_at"])).total_seconds()
