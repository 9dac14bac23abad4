"""The example of a form, on a page of another origin, in a real browser."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

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
    await page.goto(f"{site}/form.html")
    await page.get_by_label("Name").fill("John Doe")
    await page.get_by_label("E-mail").fill("john@example.com")
    await page.get_by_label("Message").fill("Interested in\nyour services")
    await page.get_by_role("button", name="Send").click()
    said = "Thank you. We will be in touch." if is_allowed else "That did not work. Please try again."
    await expect(page.get_by_role("status")).to_have_text(said)
    await page.close()
    leads = await stored.leads(stack_tenant.company_id)
    assert [(lead["name"], lead["message"]) for lead in leads] == [
        ("John Doe", "Interested in\nyour services")
    ] * is_allowed
