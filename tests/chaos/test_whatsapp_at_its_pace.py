"""A WhatsApp provider that sets the pace, refuses and fails at some numbers, and creators that are restarted amid it.

What it costs with the settings as shipped is measured by ``make bench ONLY=whatsapp``.
"""

import asyncio
import itertools
import json
import os
import time
from collections.abc import Iterator

import httpx
import psutil
import pytest

from bench.rows import csv_file, row
from bench.whatsapp import OUTCOMES, TRIES
from deploy.local.stack import status
from deploy.local.whatsapp_provider import fate
from tests.chaos.cases import STORMY, Scene, full_only
from tests.support.platform import Tenant, create_tenant
from tests.support.processes import needs_local_stack
from tests.support.stack import instance_of, local
from tests.support.waiting import eventually

pytestmark = needs_local_stack

REFUSED, FAILING = 20, 10
"""Of a thousand numbers."""
SLACK_SECONDS = 45
"""For the restart of every creator, and for what the provider does not set the pace of."""
_starts = itertools.count(30_000_000, 1_000_000)


@pytest.fixture
def shipped_creator(scene: Scene, provider_url: str) -> Iterator[None]:
    """The settings of chunks and of the provider as they are shipped, for one test."""
    names = [name for name in STORMY if "WHATSAPP" in name or name == "LEADFLOW_CHUNK_ROWS"]
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.delenv(name, raising=False)
        local("up")
        yield
    local("up")


async def upload(scene: Scene, tenant: Tenant, start: int, rows: int) -> str:
    async with httpx.AsyncClient(base_url=scene.stack.api_url, timeout=60) as client:
        answer = await client.post(
            "/import",
            files={"file": ("leads.csv", csv_file(start, rows))},
            data={"data": json.dumps(tenant.data())},
            headers=tenant.headers(),
        )
        assert answer.status_code == httpx.codes.ACCEPTED, answer.text
        return f"/imports/{answer.json()['id']}"


async def reasons(client: httpx.AsyncClient, path: str, tenant: Tenant) -> dict[int, str]:
    found: dict[int, str] = {}
    cursor: str | None = ""
    while cursor is not None:
        given = {"limit": "500"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(f"{path}/rows", params=given, headers=tenant.headers())).json()
        found |= {each["row"]: each["reason"] for each in page["items"]}
        cursor = page["next"]
    return found


async def restart_creators() -> None:
    """Stop each with SIGTERM; the supervisor starts it anew, and the next one's turn comes when it has."""
    creators = [each for each in status(instance_of()) if "creator" in each.name]
    for creator in creators:
        psutil.Process(creator.pid).terminate()
        began = time.monotonic()

        async def is_anew(name: str = creator.name, pid: int = creator.pid) -> bool:
            now = {each.name: each.pid for each in status(instance_of())}
            return bool(now.get(name)) and now[name] != pid

        await eventually(is_anew, what=f"{creator.name} anew")
        assert time.monotonic() - began < 25, "it hands back what it has, and is not killed"


async def runs_at_the_providers_pace(scene: Scene, provider_url: str, *, rows: int, rate: float) -> None:
    tenant, start = await create_tenant(scene.engine, jwt_secret=scene.stack.jwt_secret), next(_starts)
    async with httpx.AsyncClient(base_url=scene.stack.api_url, timeout=60) as client:
        control = {"rate": rate, "refused": REFUSED, "failing": FAILING, "limit": 1_000}
        (await client.post(f"{provider_url}/control", json=control)).raise_for_status()
        began = time.monotonic()
        path = await upload(scene, tenant, start, rows)
        await asyncio.sleep(rows / rate / 3)  # a third of the way
        await restart_creators()

        async def ended() -> bool:
            answer = await client.get(path, headers=tenant.headers())
            return bool(answer.json()["status"] == "FINISHED")

        await eventually(ended, seconds=2 * rows / rate + 120, what="the import's end")
        seconds = time.monotonic() - began
        found = await reasons(client, path, tenant)
        calls: dict[str, int] = (await client.get(f"{provider_url}/asked")).json()
        (await client.post(f"{provider_url}/control", json={"rate": 0, "refused": 0, "failing": 0})).raise_for_status()
    phones = {number + 2: f"+55{row(start + number).phone}" for number in range(rows)}
    fates = {number: fate(phone, refused=REFUSED, failing=FAILING) for number, phone in phones.items()}
    assert {number: found.get(number, "created") for number in phones} == {
        number: OUTCOMES[what] for number, what in fates.items()
    }
    assert set(calls) == set(phones.values())
    assert max(calls.values()) <= TRIES
    assert {calls[phones[number]] for number, what in fates.items() if what == "failing"} == {TRIES}
    allowed = sum(calls.values()) / rate
    print(f"\n{rows} rows in {seconds:.0f} s; the provider allows {allowed:.0f} s")  # noqa: T201
    assert seconds < allowed + SLACK_SECONDS


async def test_a_restart_amid_a_chunk_asks_no_number_too_often_and_every_row_ends_as_the_provider_says(
    scene: Scene, provider_url: str
) -> None:
    """Fewer rows, smaller chunks and a faster provider than those of the next test, which takes minutes."""
    await runs_at_the_providers_pace(scene, provider_url, rows=1_000, rate=80)


@full_only
@pytest.mark.usefixtures("shipped_creator")
async def test_five_thousand_rows_at_fifty_calls_a_second_with_the_settings_as_shipped(
    scene: Scene, provider_url: str
) -> None:
    assert "LEADFLOW_WHATSAPP_CONCURRENCY" not in os.environ
    await runs_at_the_providers_pace(scene, provider_url, rows=5_000, rate=50)
