"""What is told to builders of programs, under the same address: nothing of it is asked of another host.

``ana`` holds that, and that no policy of a page forbids what the page does.
"""

import pytest
from playwright.async_api import expect

from tests.support.browser import Person


@pytest.mark.parametrize(
    ("path", "shows"),
    [
        ("/docs", "/imports/{import_id}/undo/kept"),
        ("/docs/events", "lead.import-finished.v1"),
    ],
)
async def test_documents_come_from_our_own_address(ana: Person, path: str, shows: str) -> None:
    await ana.page.goto(f"{ana.stack.api_url}{path}")
    await expect(ana.page.get_by_text(shows).first).to_be_visible()
    await ana.page.wait_for_load_state("networkidle")
    assert ana.seen.hosts == {ana.stack.api_url.removeprefix("http://")}


async def test_the_page_of_events_leads_to_the_document(ana: Person) -> None:
    await ana.page.goto(f"{ana.stack.api_url}/docs/events")
    await ana.page.get_by_role("link", name="AsyncAPI").click()
    await ana.page.wait_for_url(f"{ana.stack.api_url}/asyncapi.json")
    await expect(ana.page.locator("body")).to_contain_text("lead:import-finished")
