"""A real Prometheus beside the running stack reaches every process, reads every query and calls nobody for nothing."""

import asyncio
import math
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import httpx
import pytest_asyncio

from deploy.alerts import ALERTS, RECORDINGS, RUNBOOK
from deploy.processes import SERVICES
from tests.support.dashboards import asked
from tests.support.machine import needs
from tests.support.processes import needs_local_stack
from tests.support.stack import ROOT, Addresses, local_environment
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = [needs_local_stack, needs(shutil.which("prometheus"), "Prometheus (Debian: prometheus)")]


@pytest_asyncio.fixture(scope="module")
async def prometheus(stack: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    """``make observe``: a client of the Prometheus that it starts."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "deploy.local", "observe",
        cwd=ROOT, stdout=asyncio.subprocess.PIPE, env=local_environment(),
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), 60)).decode()
        assert line.startswith("Prometheus: http://127.0.0.1:"), line
        async with httpx.AsyncClient(base_url=line.split()[1].rstrip(","), timeout=10) as client:
            yield client
    finally:
        process.terminate()
        await process.wait()


async def answered(prometheus: httpx.AsyncClient, path: str, **parameters: str) -> Any:
    """Return the ``data`` of an answer, or None while there is none yet."""
    try:
        answer = await prometheus.get(f"/api/v1/{path}", params=parameters)
    except httpx.TransportError:
        return None
    return answer.json()["data"] if answer.status_code == httpx.codes.OK else None


async def test_every_process_is_reached(prometheus: httpx.AsyncClient) -> None:
    async def all_up() -> bool:
        found = await answered(prometheus, "targets", state="active") or {"activeTargets": []}
        return {each["labels"]["process"] for each in found["activeTargets"] if each["health"] == "up"} >= set(SERVICES)

    await eventually(all_up, seconds=60, what="Prometheus to reach every process")


async def test_it_has_the_alerts_each_with_a_link_to_a_page_that_is_there(prometheus: httpx.AsyncClient) -> None:
    async def evaluated() -> list[dict[str, Any]] | None:
        found = await answered(prometheus, "rules")
        rules: list[dict[str, Any]] = [rule for group in (found or {"groups": []})["groups"] for rule in group["rules"]]
        return rules if rules and all(rule["health"] == "ok" for rule in rules) else None

    rules = await eventually(evaluated, seconds=60, what="every rule to be evaluated")
    assert {rule["name"] for rule in rules} == {each.name for each in ALERTS} | {each.name for each in RECORDINGS}
    links = {rule["name"]: rule["annotations"]["runbook_url"] for rule in rules if rule["type"] == "alerting"}
    assert all(f"{RUNBOOK}#{name.lower()}" in link for name, link in links.items())


async def ended_import(prometheus: httpx.AsyncClient, user: User) -> None:
    """Import rows, and wait until Prometheus has the number of imports that ended, this one among them."""
    query = "sum(leadflow_imports_ended_total)"

    async def ended() -> float:
        found = await answered(prometheus, "query", query=query)
        return float(found["result"][0]["value"][1]) if found and found["result"] else 0.0

    before = await ended()
    await user.ended(await user.accept(csv_file(lead_rows(new_phones(30)))))

    async def counted() -> bool:
        return await ended() > before

    await eventually(counted, seconds=40, what="the import in Prometheus")


async def test_what_an_import_did_can_be_asked_for(prometheus: httpx.AsyncClient, user: User) -> None:
    """And nobody is called while all is well."""
    await ended_import(prometheus, user)
    found = await answered(prometheus, "query", query='sum(leadflow_rows_total{service="finalizer",outcome="created"})')
    assert float(found["result"][0]["value"][1]) >= 30
    pages = await answered(prometheus, "query", query='ALERTS{alertstate="firing",severity="page"}')
    assert pages["result"] == []


async def test_every_panel_of_the_dashboards_has_its_numbers_after_an_import(
    prometheus: httpx.AsyncClient, user: User
) -> None:
    """Only one that says what it means to be empty may be; and Prometheus refuses no query of any."""
    for _ in range(2):  # a line that begins with the first import has no pace before the second
        await ended_import(prometheus, user)

    async def empty() -> list[str]:
        found = {each: await answered(prometheus, "query", query=each.expr) for each in asked()}
        refused = [str(each) for each, answer in found.items() if answer is None]
        assert refused == []
        numbers = {each: [float(line["value"][1]) for line in answer["result"]] for each, answer in found.items()}
        return [str(each) for each, got in numbers.items() if not each.panel.when_empty and all(map(math.isnan, got))]

    async def none_is_empty() -> bool:
        return not await empty()

    with suppress(AssertionError):  # at the deadline: which one is, says more
        await eventually(none_is_empty, seconds=40)
    assert await empty() == []
