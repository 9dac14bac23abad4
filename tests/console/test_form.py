"""Forms on a page of another origin, in a real browser: the example, and one that the console makes."""

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, Route, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.console.steps import Leads
from tests.support.browser import Person
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.stack import ROOT, Addresses


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def site(folder: Path) -> Iterator[str]:
    """Another origin than Leadflow's, which serves a folder."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name of the overridden one
        pass


THANKS, FAILED = "Thank you. We will be in touch.", "That did not work. Please try again."


async def send(page: Page, address: str, said: str) -> None:
    """Fill the form of a page in and send it; it says so."""
    await page.goto(address)
    await page.get_by_label("Name").fill("John Doe")
    await page.get_by_label("E-mail").fill("john@example.com")
    await page.get_by_label("Message").fill("Interested in\nyour services")
    await page.get_by_role("button", name="Send").click()
    await expect(page.get_by_role("status")).to_have_text(said)


@pytest.mark.parametrize("is_allowed", [True, False])
async def test_a_form_of_another_origin_makes_a_lead_where_it_may(
    browser: Browser,
    stack: Addresses,
    stack_tenant: Tenant,
    stack_engine: AsyncEngine,
    stored: Stored,
    folder: Path,
    site: str,
    *,
    is_allowed: bool,
) -> None:
    key = unique("form")
    async with stack_engine.begin() as connection:
        await connection.execute(
            text("INSERT INTO crm.capture_forms (key, company_id, origins) VALUES (:key, :company_id, :origins)"),
            {
                "key": key,
                "company_id": stack_tenant.company_id,
                "origins": [site if is_allowed else "https://x.example"],
            },
        )
    page_text = (ROOT / "examples" / "form.html").read_text()
    filled = page_text.replace("http://127.0.0.1:18000", stack.api_url).replace('key=""', f'key="{key}"')
    assert filled.count(key) == filled.count(stack.api_url) == 1
    (folder / "form.html").write_text(filled)
    page = await browser.new_page()
    await send(page, f"{site}/form.html", THANKS if is_allowed else FAILED)
    await page.close()
    leads = await stored.leads(stack_tenant.company_id)
    assert [(lead["name"], lead["message"]) for lead in leads] == [
        ("John Doe", "Interested in\nyour services")
    ] * is_allowed


async def test_a_form_is_made_in_the_console_and_pasted_into_a_page(
    ana: Person, leads: Leads, browser: Browser, folder: Path, site: str
) -> None:
    page, dialog = ana.page, ana.page.get_by_role("dialog")
    await ana.context.grant_permissions(["clipboard-read", "clipboard-write"])
    await ana.open("/leads/forms")
    await page.get_by_label("New form").fill("Contato")
    # No address of a site: said by the field, and nothing is made.
    origins = page.get_by_label("Sites that may send it")
    await origins.fill("*.example.com")
    await page.get_by_role("button", name="Make form").click()
    assert "is no address of a site" in await origins.evaluate("field => field.validationMessage")
    # An address that was copied from a page will do.
    await origins.fill(f"{site}/form.html?utm=1 www.example.com")
    await page.get_by_role("button", name="Make form").click()
    row = page.get_by_role("row", name="Contato")
    await expect(row).to_contain_text(site)
    await expect(row).to_contain_text("https://www.example.com")
    await expect(origins).to_have_value("")
    await page.get_by_role("button", name="Put into a page: Contato").click()
    await dialog.get_by_role("button", name="Copy").click()
    await expect(dialog.get_by_role("status")).to_have_text("Copied.")
    html = await page.evaluate("navigator.clipboard.readText()")
    assert html == await dialog.get_by_label("HTML of the form").input_value()
    await dialog.get_by_role("button", name="Close").click()
    (folder / "form.html").write_text(f"<!doctype html><title>Site</title>{html}")
    visitor = await browser.new_page()
    await send(visitor, f"{site}/form.html", THANKS)
    found = (await leads.call("GET", "/leads"))["items"]
    assert [(each["name"], each["source"], each["channel"]) for each in found] == [("John Doe", "website", "FORM")]
    # Of other sites from now on.
    await page.get_by_role("button", name="Change Contato").click()
    await dialog.get_by_label("Name").fill("Contato do site")
    await expect(dialog.get_by_label("Sites that may send it")).to_have_value(f"{site}\nhttps://www.example.com")
    await dialog.get_by_label("Sites that may send it").fill("")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name="Contato do site")).to_contain_text("No page, only a server")
    await send(visitor, f"{site}/form.html", FAILED)
    await page.get_by_role("button", name="Put into a page: Contato do site").click()
    await expect(dialog).to_contain_text("No site may send this form yet")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="Delete Contato do site").click()
    await dialog.get_by_role("button", name="Delete form").click()
    await expect(page.get_by_role("heading", name="No forms yet")).to_be_visible()
    assert (await leads.call("GET", "/forms"))["items"] == []
    await visitor.close()


async def test_who_may_not_edit_leads_is_shown_no_forms(ana: Person) -> None:
    async def only_viewer(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(response=answer, json=await answer.json() | {"permissions": {"LEADS": ["VIEW_LEADS"]}})

    await ana.page.route(re.compile(r"/me$"), only_viewer)
    await ana.open("/leads/fields")
    await expect(ana.page.locator(".tabs").get_by_role("link")).to_have_text(["Table", "Board", "Lists", "Own fields"])
