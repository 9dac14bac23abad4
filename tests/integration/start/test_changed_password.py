"""The password of the services' role is changed in the middle of imports, and changed back after a minute."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest_asyncio

from deploy.processes import CONSUMERS, SERVICES
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from tests.integration.start.conftest import OwnRole, OwnTopics
from tests.support.own_service import own_service
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

SECRET = "s" * 32
IMPORTS, ROWS, CHUNK_ROWS = 3, 1_000, 25
AWAY_SECONDS = 60.0
STUCK_SECONDS = 10.0


@pytest_asyncio.fixture
async def tenant(postgres: Postgres) -> Tenant:
    return await create_tenant(postgres.engine, jwt_secret=SECRET)


async def test_a_password_that_is_wrong_for_a_minute_costs_no_row_and_no_dead_letter(
    stores: tuple[PostgresSettings, MongoSettings],
    topics: OwnTopics,
    role: OwnRole,
    quiet: None,
    db: Stored,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    given = topics.settings | {
        "postgres_url": role.url,
        "mongo_url": stores[1].mongo_url.get_secret_value(),
        "jwt_secret": SECRET,
        "chunk_rows": str(CHUNK_ROWS),
        "quota_rows": "100000",
        "quota_imports": "100",
        "stuck_after_seconds": str(STUCK_SECONDS),
    }
    async with AsyncExitStack() as stack:
        services = {name: await stack.enter_async_context(own_service(name, tmp_path, **given)) for name in SERVICES}
        await asyncio.gather(*(service.until_ready() for service in services.values()))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=services["api"].url, timeout=60))
        user = User(http, tenant)
        imports = [await user.accept(csv_file(lead_rows(new_phones(ROWS)))) for _ in range(IMPORTS)]

        async def settled() -> int:
            count: int = await db.value(
                "SELECT count(settled_at) FROM amigocare.lead_import_chunks WHERE import_id = ANY(:i)",
                i=imports,
            )
            return count

        await eventually(settled, what="a settled chunk")
        await role.lose()
        lost = time.monotonic()
        before = await settled()  # nobody is in the middle of a commit any more
        assert before < IMPORTS * ROWS / CHUNK_ROWS / 2, "it must be the middle"
        # Who needs PostgreSQL for the message in hand says what is wrong; api, whose question has failed, at once.
        await services["api"].until_unready("PostgreSQL at ", "password authentication failed")
        # Which stages have a message in hand at that moment, nobody knows.
        said = [
            asyncio.create_task(services[name].until_unready("PostgreSQL: InvalidPasswordError sqlstate=28P01"))
            for name in CONSUMERS
        ]
        done, waiting = await asyncio.wait(said, return_when=asyncio.FIRST_COMPLETED)
        assert all(each.exception() is None for each in done)
        for each in waiting:
            each.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for name in CONSUMERS:
            live = await services[name].ask("/health/live")
            assert live is not None
            assert live.status_code == 200
        await asyncio.sleep(max(0.0, lost + AWAY_SECONDS - time.monotonic()))
        assert await settled() == before
        await role.regain()

        async def ended() -> bool:
            states = await db.rows("SELECT status::text FROM amigocare.lead_imports WHERE id = ANY(:i)", i=imports)
            return all(row["status"] != "PROCESSING" for row in states)

        await eventually(ended, seconds=120, what="the end of the imports")
        for import_id in imports:
            (found,) = await db.rows(
                "SELECT status::text, total_created, total_existing, total_errors FROM amigocare.lead_imports"
                " WHERE id = :i",
                i=import_id,
            )
            assert found == {"status": "FINISHED", "total_created": ROWS, "total_existing": 0, "total_errors": 0}
        assert await topics.kafka.records(topics.name(DEAD_LETTERS.topic)) == []
        assert await db.consistent(tenant.company_id) == IMPORTS * ROWS
        await asyncio.gather(*(service.until_ready() for service in services.values()))
        for name, service in services.items():
            assert len(service.lines("started")) == 1, f"{name} was started again"
