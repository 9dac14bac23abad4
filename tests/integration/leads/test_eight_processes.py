"""The limit of the public form over eight processes at once: ten an hour and address, neither more nor fewer."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import httpx

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from tests.support.own_service import own_service
from tests.support.platform import Tenant
from tests.support.readers import Stored

PROCESSES = 8


async def test_of_eighty_calls_over_eight_processes_ten_make_a_lead(
    stores: tuple[PostgresSettings, MongoSettings], postgres: Postgres, db: Stored, tenant: Tenant, tmp_path: Path
) -> None:
    settings = {
        "postgres_url": stores[0].postgres_url.get_secret_value(),
        "mongo_url": stores[1].mongo_url.get_secret_value(),
        "capture_company_id": str(tenant.company_id),
        "trusted_proxies": "127.0.0.1/32",
    }
    async with AsyncExitStack() as running, httpx.AsyncClient(timeout=60) as client:
        folders = [tmp_path / str(number) for number in range(PROCESSES)]
        for folder in folders:
            folder.mkdir()
        services = [await running.enter_async_context(own_service("leads", each, **settings)) for each in folders]
        await asyncio.gather(*(each.until_ready() for each in services))

        async def send(number: int, address: str) -> int:
            body = {"name": "Ana", "email": f"ana{number}@example.com"}
            url = f"{services[number % PROCESSES].url}/api/v1/leads"
            # What stands before it anybody may have written.
            forwarded = {"X-Forwarded-For": f"198.51.100.{number}, {address}"}
            return (await client.post(url, json=body, headers=forwarded)).status_code

        for address in ("203.0.113.9", "2001:db8:7:7::{}"):
            # Of IPv6 each call comes from another address of one /64.
            answers = await asyncio.gather(*(send(number, address.format(number)) for number in range(80)))
            assert (answers.count(201), answers.count(429)) == (10, 70), address
        assert await send(0, "2001:db8:7:8::1") == 201
    hits = "SELECT count(*) FROM crm.capture_hits WHERE company_id = :c"
    assert await db.value(hits, c=tenant.company_id) == 3
