"""A real Chromium, and a person in front of it: what the console's tests look at."""

import json
import os
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request, async_playwright

from deploy.local import sign_in
from tests.support.platform import Tenant
from tests.support.stack import ROOT, Addresses

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
OPTIONS = (
    # Of a test machine: no sandbox for root, nothing that calls home.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE = ROOT / "console" / "node_modules" / "axe-core" / "axe.min.js"
_BEGIN_OF_TOKENS = "eyJ"
"""Of every JWT: ``{"`` in base64."""
SERIOUS = ("serious", "critical")
IMAGES = ROOT / "docs" / "images"


def chromium() -> str | None:
    """Return the path of the machine's browser, or None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@asynccontextmanager
async def started_browser() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=list(OPTIONS))
        yield browser
        await browser.close()


@dataclass(slots=True)
class Seen:
    """What a browser asked for and complained of while a person used it."""

    hosts: set[str] = field(default_factory=set)
    addresses: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    """Errors of scripts, and what the policy of the page forbade."""
    sent_tokens: set[str] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Person:
    """A user of a tenant in front of a browser window."""

    page: Page
    stack: Addresses
    tenant: Tenant
    seen: Seen

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def code(self, *, made: float | None = None) -> str:
        return sign_in.new_code(
            self.stack.jwt_secret,
            user_id=str(self.tenant.user_id),
            company_id=self.tenant.company_id,
            now=time.time() if made is None else made,
        )

    async def open(self, path: str = "/", *, signed_in: bool = True) -> None:
        """Open a page of the console, by a link that signs in, and wait for its heading."""
        fragment = f"#code={self.code()}" if signed_in else ""
        await self.page.goto(f"{self.stack.api_url}/console{path}{fragment}")
        await self.page.locator("h1").wait_for()

    async def faults(self, *, of_colours: bool = False) -> list[str]:
        """Return what axe finds, or finds of colours, that keeps somebody from using this page: rule, and where."""
        # Through the debugger, so that the page's policy need not let a script in that is none of its own.
        if not await self.page.evaluate("'axe' in window"):
            await self.page.evaluate(AXE.read_text())
        # By name: asked for by its tag, axe also takes the rule of level AAA, which is off elsewhere.
        rules = {"runOnly": ["color-contrast", "link-in-text-block"]} if of_colours else {}
        found = await self.page.evaluate("how => axe.run(document, how)", {"resultTypes": ["violations"]} | rules)
        return [
            f"{each['id']}: {node['target']} {node['failureSummary']}"
            for each in found["violations"]
            if each["impact"] in SERIOUS
            for node in each["nodes"]
        ]


@asynccontextmanager
async def person(
    browser: Browser,
    stack: Addresses,
    tenant: Tenant,
    *,
    language: str = "en",
    width: int = 1280,
    dark: bool = False,
) -> AsyncIterator[Person]:
    """Yield a person at a window of a browser that knows nothing yet.

    Whatever the person did: nothing was asked of another host, and no token is where it stays or is written down.
    """
    context = await browser.new_context(
        viewport={"width": width, "height": 800},
        locale=language,
        timezone_id="America/Sao_Paulo",
        color_scheme="dark" if dark else "light",
        reduced_motion="reduce",
        accept_downloads=True,
    )
    seen = Seen()

    def on_request(request: Request) -> None:
        if request.url.startswith(("blob:", "data:")):
            return
        seen.hosts.add(urlsplit(request.url).netloc)
        seen.addresses.append(request.url)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token:
            seen.sent_tokens.add(token)

    def on_console(message: ConsoleMessage) -> None:
        # That an answer was 404 or 503 is what some tests are about; what the policy forbade is a fault in all.
        if message.type == "error" and "Failed to load resource" not in message.text:
            seen.complaints.append(message.text)

    context.on("request", on_request)
    context.on("console", on_console)
    context.on("weberror", lambda error: seen.complaints.append(str(error.error)))
    page = await context.new_page()
    try:
        yield Person(page, stack, tenant, seen)
        others = seen.hosts - {urlsplit(stack.api_url).netloc}
        assert not others, f"asked of another host: {sorted(others)}"
        kept = await _where_tokens_are(context, stack, seen)
        assert not kept, f"a token stands in {', '.join(kept)}"
    finally:
        await context.close()


async def _where_tokens_are(context: BrowserContext, stack: Addresses, seen: Seen) -> list[str]:
    """Return where a token stands that must stand nowhere: in a store of the browser, or in an address."""
    state = await context.storage_state(indexed_db=True)
    stores = {"a cookie": state.get("cookies"), "localStorage or IndexedDB": state.get("origins")}
    texts = [(store, json.dumps(held)) for store, held in stores.items()]
    ours = [page for page in context.pages if page.url.startswith(stack.api_url)]
    texts += [("sessionStorage", await page.evaluate("JSON.stringify({...sessionStorage})")) for page in ours]
    texts += [("the address of a page", page.url) for page in context.pages]
    # A code that signs in stands behind the #, which no server is sent.
    texts += [("an address that was asked for", address.partition("#")[0]) for address in seen.addresses]
    return sorted({where for where, text in texts if _BEGIN_OF_TOKENS in text})


async def picture(page: Page, name: str) -> None:
    """Take the picture of a page that the documents show: where LEADFLOW_TEST_PICTURES asks for new ones."""
    if not os.environ.get("LEADFLOW_TEST_PICTURES"):
        return
    before = page.viewport_size
    await page.set_viewport_size({"width": 1280, "height": 960})
    await page.mouse.move(0, 0)
    await page.evaluate("scrollTo(0, 0)")
    await page.screenshot(path=IMAGES / f"{name}.png", animations="disabled", caret="hide")
    if before is not None:
        await page.set_viewport_size(before)


async def sight(page: Page, name: str) -> None:
    """Take the picture of a whole page for those who judge its looks: with those of the documents, into .local."""
    if os.environ.get("LEADFLOW_TEST_PICTURES"):
        path = ROOT / ".local" / "pictures" / f"{name}.png"
        await page.screenshot(path=path, full_page=True, animations="disabled", caret="hide")
