"""Signing in by a link: once, for a minute, with nothing left in the address or in the browser's stores."""

import time

import httpx
import pytest
from playwright.async_api import Browser, expect

from tests.support.browser import Person, person
from tests.support.platform import Tenant
from tests.support.stack import Addresses

STORES = "() => JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"


async def test_a_link_signs_in_and_leaves_nothing_behind(ana: Person) -> None:
    await ana.open()
    await expect(ana.page.get_by_role("heading", name="Imports", exact=True)).to_be_focused()
    await expect(ana.page.get_by_text("No imports yet")).to_be_visible()
    assert ana.page.url == f"{ana.stack.api_url}/console/"
    (token,) = ana.seen.sent_tokens
    kept = await ana.page.evaluate(STORES)
    assert token not in kept
    assert "eyJ" not in kept, "no token of any kind"
    assert not [address for address in ana.seen.addresses if "eyJ" in address.partition("#")[0]]
    assert await ana.page.evaluate("history.length") <= 2


async def test_a_link_is_good_once(ana: Person, http: httpx.AsyncClient) -> None:
    code = {"code": ana.code()}
    first, second = [await http.post("/console/sign-in", json=code) for _ in range(2)]
    assert (first.status_code, second.status_code) == (200, 401)
    assert first.headers["cache-control"] == "no-store"
    assert 895 <= first.json()["expires_at"] - time.time() <= 900
    assert second.json()["code"] == "code_invalid"
    answer = await http.get("/imports", headers={"Authorization": f"Bearer {first.json()['token']}"})
    assert answer.status_code == 200
    answer = await http.get("/imports", headers={"Authorization": f"Bearer {code['code']}"})
    assert answer.status_code == 401, "a code is no token"


async def test_who_has_no_link_is_told_how_and_may_paste_one(ana: Person) -> None:
    await ana.open(signed_in=False)
    await expect(ana.page.get_by_role("heading", name="Sign in")).to_be_visible()
    field = ana.page.get_by_label("Link")
    await field.fill(f"http://127.0.0.1/console/#code={ana.code(made=time.time() - 61)}")
    await ana.page.keyboard.press("Enter")
    await expect(ana.page.get_by_role("alert")).to_contain_text("older than a minute")
    await field.fill(f"http://127.0.0.1/console/#code={ana.code()}")
    await ana.page.keyboard.press("Enter")
    await expect(ana.page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()


async def test_who_opens_a_link_that_is_no_longer_good_is_told_so(ana: Person) -> None:
    await ana.page.goto(f"{ana.stack.api_url}/console/#code={ana.code(made=time.time() - 61)}")
    await expect(ana.page.get_by_role("heading", name="Sign in")).to_be_visible()
    await expect(ana.page.get_by_role("alert")).to_contain_text("older than a minute")
    assert "code=" not in ana.page.url


async def test_a_page_of_another_host_cannot_sign_in(ana: Person, http: httpx.AsyncClient) -> None:
    for headers in ({"Host": "evil.example:80"}, {"Origin": "http://evil.example"}):
        answer = await http.post("/console/sign-in", json={"code": ana.code()}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "not_loopback")


async def test_a_page_that_is_loaded_anew_is_still_signed_in(ana: Person) -> None:
    await ana.open()
    await ana.page.evaluate("navigator.serviceWorker.ready")
    for _ in range(2):
        await ana.page.reload()
        await expect(ana.page.get_by_role("heading", name="Imports", exact=True)).to_be_visible()
    assert len(ana.seen.sent_tokens) == 1


async def test_two_windows_share_who_is_signed_in(ana: Person) -> None:
    await ana.open()
    await ana.page.evaluate("navigator.serviceWorker.ready")
    other = await ana.context.new_page()
    await other.goto(f"{ana.stack.api_url}/console/")
    await expect(other.get_by_role("heading", name="Imports", exact=True)).to_be_visible()


LEAKS = {
    "localStorage or IndexedDB": "token => localStorage.setItem('kept', token)",
    "sessionStorage": "token => sessionStorage.setItem('kept', token)",
    "a cookie": "token => { document.cookie = `kept=${token}` }",
    "the address of a page": "token => history.replaceState(null, '', `?kept=${token}`)",
}


@pytest.mark.parametrize("leak", LEAKS)
async def test_a_token_that_is_kept_would_be_seen(
    browser: Browser, stack: Addresses, stack_tenant: Tenant, leak: str
) -> None:
    """Each test of the console looks for one at its end: here is one to be found."""
    with pytest.raises(AssertionError, match=rf"a token stands in .*{leak}"):
        async with person(browser, stack, stack_tenant) as ana:
            await ana.open()
            await expect(ana.page.get_by_text("No imports yet")).to_be_visible()
            await ana.page.evaluate(LEAKS[leak], next(iter(ana.seen.sent_tokens)))


async def test_a_request_to_another_host_would_be_seen(
    browser: Browser, stack: Addresses, stack_tenant: Tenant
) -> None:
    with pytest.raises(AssertionError, match=r"another host: .*localhost"):
        async with person(browser, stack, stack_tenant) as ana:
            await ana.page.goto(stack.api_url.replace("127.0.0.1", "localhost") + "/console/")
