"""One address for the console and the API: what the gateway sends, redirects, passes on, and says when api is away."""

import json

import httpx
import pytest

from tests.support import plain_sender
from tests.support.platform import Tenant
from tests.support.stack import Addresses


async def test_the_root_leads_to_the_console(http: httpx.AsyncClient) -> None:
    for path in ("/", "/console"):
        answer = await http.get(path)
        assert (answer.status_code, answer.headers["location"]) == (302, "/console/")


@pytest.mark.parametrize("path", ["/console/", "/console/imports/42", "/console/imports/new"])
async def test_every_address_of_the_console_is_its_page_under_its_policy(http: httpx.AsyncClient, path: str) -> None:
    answer = await http.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert policy["frame-ancestors"] == "'none'"
    assert policy["connect-src"].strip() == "'self'"
    expected = {"referrer-policy": "no-referrer", "x-content-type-options": "nosniff", "cache-control": "no-store"}
    assert {name: answer.headers[name] for name in expected} == expected
    assert "server" not in answer.headers


async def test_what_is_missing_is_not_the_page(http: httpx.AsyncClient) -> None:
    answer = await http.get("/console/assets/nothing.js")
    assert answer.status_code == 404


async def test_scripts_are_kept_and_compressed(http: httpx.AsyncClient) -> None:
    page = (await http.get("/console/")).text
    script = page.split('src="')[1].split('"')[0]
    answer = await http.get(script, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_all_else_is_the_api_s(http: httpx.AsyncClient, stack_tenant: Tenant) -> None:
    assert (await http.get("/imports")).json()["code"] == "token_missing"
    answer = await http.get("/imports", headers=stack_tenant.headers())
    assert answer.json() == {"items": [], "next": None}
    assert answer.headers["x-request-id"]
    assert "via" not in answer.headers


@pytest.mark.parametrize("signed_in", [True, False])
async def test_who_sends_far_too_much_reads_why_it_is_refused(
    stack: Addresses, stack_tenant: Tenant, signed_in: bool
) -> None:
    """60 MB are more than any socket buffers: a sender that was cut off would read nothing."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"} | (stack_tenant.headers() if signed_in else {})
    status, body = await plain_sender.post(stack.api_url, "/import", pieces=600, headers=headers)
    assert (status, json.loads(body)["code"]) == ((413, "file_too_large") if signed_in else (401, "token_missing"))
