"""The primary is demoted for good and its standby promoted: uploads go on within seconds, in the same process."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest_asyncio
from sqlalchemy.ext.asyncio import create_async_engine

from services.operator.migrate import upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.chaos.proxy import Proxy
from tests.support.databases import HOST_PLATFORM, run_script, sqlalchemy_url
from tests.support.kafka import Kafka
from tests.support.own_api import own_api
from tests.support.own_postgres import OwnPostgres, own_postgres, own_standby
from tests.support.platform import Tenant, create_tenant
from tests.support.processes import needs_local_stack
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

pytestmark = needs_local_stack

WITHIN_SECONDS = 10.0


@pytest_asyncio.fixture
async def pair(tmp_path: Path) -> AsyncIterator[tuple[OwnPostgres, OwnPostgres]]:
    """A primary with our schema, and its standby."""
    async with own_postgres(tmp_path / "primary") as primary:
        await run_script(primary.url, HOST_PLATFORM)
        await upgrade_postgres(MigrationSettings(postgres_url=primary.url))
        async with own_standby(tmp_path / "standby", primary) as standby:
            yield primary, standby


async def tenant_of(server: OwnPostgres, servers: Addresses) -> Tenant:
    engine = create_async_engine(sqlalchemy_url(server.url))
    try:
        return await create_tenant(engine, jwt_secret=servers.jwt_secret)
    finally:
        await engine.dispose()


async def test_uploads_pass_within_ten_seconds_of_a_failover_without_a_restart(
    servers: Addresses, kafka: Kafka, pair: tuple[OwnPostgres, OwnPostgres], tmp_path: Path
) -> None:
    primary, standby = pair
    tenant = await tenant_of(primary, servers)
    proxies = [Proxy(server.port) for server in pair]
    for proxy in proxies:
        proxy.start()
    hosts = ",".join(f"127.0.0.1:{proxy.port}" for proxy in proxies)
    url = primary.url.replace(f"127.0.0.1:{primary.port}", hosts)
    folder = tmp_path / "api"
    folder.mkdir()
    try:
        async with (
            own_api(servers, folder, postgres_url=url, quota_imports="1000") as api,
            httpx.AsyncClient(base_url=api.url, timeout=30) as http,
        ):
            user = User(http, tenant)
            assert (await user.upload(csv_file(lead_rows(new_phones(3))))).status_code == 202
            await primary.turn_read_only()
            await standby.promote()
            turned = time.monotonic()
            answers: list[int] = []
            while answers[-5:] != [202] * 5:
                answers.append((await user.upload(csv_file(lead_rows(new_phones(3))))).status_code)
                assert time.monotonic() - turned < WITHIN_SECONDS, answers
                await asyncio.sleep(0.1)
            assert await api.answers(), "ready"
            assert api.process.returncode is None
    finally:
        for proxy in proxies:
            proxy.stop()
