"""What a person does on the way from a file to an import; leads as another caller has them; how a call is refused."""

from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
from playwright.async_api import expect

from tests.support.browser import Person
from tests.support.kafka import unique
from tests.support.platform import EVERYTHING, Tenant

_NAMES_OF_FOCUSED = """(each => [(each.getAttribute('aria-label') ?? each.textContent).trim(), '#' + each.id])(
    document.activeElement)"""
_TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done))))"


class Leads:
    """The leads of a person's company, as another caller of the API meets them."""

    def __init__(self, http: httpx.AsyncClient, tenant: Tenant) -> None:
        self._http = http
        self._headers = tenant.headers(permissions=EVERYTHING)

    async def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = await self._http.request(method, f"/api/v1{path}", json=body, headers=self._headers)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def make(self, name: str, **more: Any) -> str:
        """Make a lead by hand; return its id."""
        made = await self.call("POST", "/leads", {"name": name, "email": f"{unique('lead')}@example.com"} | more)
        return str(UUID(made["id"]))

    async def read(self, lead_id: str) -> dict[str, Any]:
        return await self.call("GET", f"/leads/{lead_id}")


async def check_file(ana: Person, file: Path) -> None:
    """Choose a file on the page of a new import, and come to the page that checks it."""
    await ana.page.locator("input[type=file]").set_input_files(file)
    await expect(ana.page.locator(".bottom")).to_be_visible(timeout=15_000)


async def choose_references(ana: Person) -> None:
    """Say which account and which source, by a list where the API tells them, else by their ids."""
    for name, wanted in (("account", ana.tenant.account_id), ("source", ana.tenant.source_id)):
        field = ana.page.locator(f"#{name}")  # whatever the language
        if await field.evaluate("field => field.tagName") == "SELECT":
            await field.select_option(str(wanted))
        else:
            await field.fill(str(wanted))


async def tab_to(ana: Person, name: str) -> None:
    """Go forward with the Tab key until what is named so, or has this ``#id``, has the focus. The page itself, all
    text, is not it.
    """
    for _ in range(60):
        await ana.page.keyboard.press("Tab")
        if name in await ana.page.evaluate(_NAMES_OF_FOCUSED):
            return
    raise AssertionError(f"{name} is not reached with the Tab key")


async def press(ana: Person, *names: str) -> None:
    """Go to what is named so with the Tab key and press it; in what opens, to the next, and so on."""
    for name in names:
        await tab_to(ana, name)
        await ana.page.keyboard.press("Enter")


async def expect_focus_on(ana: Person, name: str, *, streams: bool = False) -> None:
    """Hold that what is named so has the focus, and keeps it when all that was asked of the server has been drawn: of a
    page that ``streams``, what was so far.
    """
    focused = ana.page.locator(":focus")
    await expect(ana.page.get_by_role("dialog")).not_to_be_visible()
    await expect(focused).to_have_accessible_name(name)
    if not streams:
        await ana.page.wait_for_load_state("networkidle")
    await ana.page.evaluate(_TWO_FRAMES)
    await expect(focused).to_have_accessible_name(name)


async def choose_references_by_keys(ana: Person) -> None:
    """Do the same with the keyboard alone: go to each list, and down in it."""
    for name, wanted in (("account", ana.tenant.account_id), ("source", ana.tenant.source_id)):
        for _ in range(60):
            await ana.page.keyboard.press("Tab")
            if await ana.page.evaluate("document.activeElement.id") == name:
                break
        field = ana.page.locator(f"#{name}")
        await expect(field).to_be_focused()
        # Sources are everybody's: there may be hundreds.
        for _ in range(await field.locator("option").count()):
            if await field.input_value() == str(wanted):
                break
            await ana.page.keyboard.press("ArrowDown")
        await expect(field).to_have_value(str(wanted))


async def import_file(ana: Person, file: Path) -> None:
    await check_file(ana, file)
    await choose_references(ana)
    button = ana.page.locator(".bottom button")
    await expect(button).to_be_enabled(timeout=15_000)
    await button.click()


def refusal(status: int, code: str, **more: Any) -> dict[str, Any]:
    """Return what a route is fulfilled with, in place of an answer."""
    return {
        "status": status,
        "headers": {"Retry-After": "3"} if status in {429, 503} else {},
        "json": {
            "type": f"urn:leadflow:problem:{code}",
            "title": code,
            "status": status,
            "code": code,
            "detail": "",
            "remedy": "",
            "request_id": "r-1",
            **more,
        },
    }
