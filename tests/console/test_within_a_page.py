"""The console within a page of the platform, which gives it tokens; and no other page may hold it or hear of them."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from tests.support.own_gateway import own_gateway
from tests.support.platform import Tenant
from tests.support.stack import Addresses
from tests.support.waiting import eventually

PAGE = """<!doctype html><title>The platform</title><iframe src="CONSOLE" width="900" height="600"></iframe>
<script>
  window.asked = 0;
  addEventListener("message", (event) => {
    if (event.origin !== "ORIGIN" || event.data?.type !== "leadflow:ready") return;
    const [port] = event.ports;
    port.onmessage = () => {
      window.asked += 1;
      port.postMessage({ type: "token", token: "TOKEN" });
    };
  });
</script>"""


class Around:
    """A page of another origin than the console's."""

    def __init__(self) -> None:
        self.html = ""
        page = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(page.html.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def around() -> Iterator[Around]:
    made = Around()
    thread = threading.Thread(target=made.server.serve_forever)
    thread.start()
    yield made
    made.server.shutdown()
    made.server.server_close()
    thread.join()


async def test_the_page_around_it_signs_in(
    browser: Browser, stack: Addresses, stack_tenant: Tenant, around: Around, tmp_path: Path
) -> None:
    api = stack.api_url.removeprefix("http://")
    settings = {"sign_in": "host", "hosts": ["http://127.0.0.1:9", around.origin]}
    async with own_gateway(tmp_path, api=api, settings=settings, ancestors=around.origin) as url:
        html = PAGE.replace("CONSOLE", f"{url}/console/").replace("ORIGIN", url)
        around.html = html.replace("TOKEN", stack_tenant.token())
        page = await browser.new_page(locale="en")
        await page.goto(around.origin)
        frame = page.frame_locator("iframe")
        await expect(frame.get_by_text("No imports yet")).to_be_visible()
        assert await page.evaluate("window.asked") == 1
        await page.close()


async def has_given_up(page: Page) -> bool:
    """It waits ten seconds for a host, of the browser's clock."""
    await page.clock.fast_forward(11_000)
    return await page.frame_locator("iframe").get_by_role("heading", name="Sign in").is_visible()


async def test_no_other_page_may_hold_it_or_gets_a_port(
    browser: Browser, stack: Addresses, around: Around, tmp_path: Path
) -> None:
    api = stack.api_url.removeprefix("http://")
    settings = {"sign_in": "host", "hosts": ["https://crm.example.com"]}
    # The first wall is the policy; behind it, a page that is no host of ours gets no port.
    for ancestors, shown in (("https://crm.example.com", False), ("*", True)):
        async with own_gateway(tmp_path, api=api, settings=settings, ancestors=ancestors) as url:
            around.html = PAGE.replace("CONSOLE", f"{url}/console/").replace("ORIGIN", url)
            page = await browser.new_page(locale="en")
            await page.clock.install()
            await page.goto(around.origin)
            frame = page.frame_locator("iframe")
            if shown:
                await eventually(partial(has_given_up, page), what="a console that waits for no host any more")
            else:
                await page.wait_for_load_state("networkidle")
                await expect(frame.locator("#root")).to_have_count(0)
            assert await page.evaluate("window.asked") == 0
            await page.close()


async def test_an_api_that_is_away_is_said_to_be_so(tmp_path: Path) -> None:
    async with (
        own_gateway(tmp_path, api="127.0.0.1:9", settings={"sign_in": "host"}) as url,
        httpx.AsyncClient(base_url=url) as http,
    ):
        answer = await http.get("/imports")
        assert answer.status_code == 503
        assert answer.headers["content-type"] == "application/problem+json"
        assert (answer.json()["code"], answer.headers["retry-after"]) == ("unavailable", "5")
        assert (await http.post("/console/sign-in", json={"code": "x"})).status_code in {404, 405}, (
            "in development alone"
        )
