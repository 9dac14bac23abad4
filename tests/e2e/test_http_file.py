"""``examples/leadflow.http``: it has each call of the API, and each works as it is printed."""

import asyncio
import re

import httpx

from tests.support.stack import ROOT
from tests.support.user import User

FILE = ROOT / "examples" / "leadflow.http"


def blocks() -> list[str]:
    return FILE.read_text().split("\n### ")[1:]


def request_of(block: str, known: dict[str, str]) -> httpx.Request:
    """Return the request as an editor would send it: a method and address, headers, an empty line, a body."""
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: known[found[1]], block.split("\n", 1)[1])
    head, _, body = text.partition("\n\n")
    line, *headers = head.splitlines()
    method, url = line.split(" ", 1)
    sent = dict(header.split(": ", 1) for header in headers)
    return httpx.Request(
        method, url, headers=sent, content=body.replace("\n", "\r\n").encode() if body.strip() else None
    )


async def test_each_call_of_the_file_works_in_its_order(http: httpx.AsyncClient, user: User) -> None:
    token = user.tenant.headers()["Authorization"].removeprefix("Bearer ")
    known = {"url": str(http.base_url).rstrip("/"), "token": token, "import": "0"}
    given = user.tenant.data()
    answers = {}
    for printed in blocks():
        block = printed
        for name in ("account_id", "source_id"):
            block = re.sub(rf'({name}"?[=:] ?)1\b', rf"\g<1>{given[name]}", block)
        answer = await http.send(request_of(block, known))
        answers[block.splitlines()[0]] = answer.status_code
        if answer.status_code == 202 and "status" in answer.json() and known["import"] == "0":
            known["import"] = str(answer.json()["id"])
        if "/undo" in str(answer.url):
            for _ in range(100):
                if (await user.get(f"/imports/{known['import']}/undo")).json().get("state") == "DONE":
                    break
                await asyncio.sleep(0.1)
    # It has ended when it is canceled: its events were read to the end.
    assert answers.pop("Cancel an import in progress") == 409
    assert all(status < 300 for status in answers.values()), answers


async def test_the_file_has_each_call_of_the_api(http: httpx.AsyncClient) -> None:
    described = (await http.get("/openapi.json")).json()["paths"]
    promised = {(method.upper(), re.sub(r"\{\w+\}", "{}", path)) for path in described for method in described[path]}
    lines = [block.splitlines()[1] for block in blocks()]
    there = {
        (method, re.sub(r"\{\{\w+\}\}", "{}", address.removeprefix("{{url}}")).partition("?")[0])
        for method, address in (line.split(" ", 1) for line in lines)
    }
    assert there >= {(method, path) for method, path in promised if not path.startswith(("/health", "/metrics"))}
