"""Migrating what is deployed while somebody reads for long: nobody who comes after waits for long."""

import asyncio
import time

import asyncpg
import pytest

from services.operator.migrate import upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.databases import make_deployed
from tests.support.stack import Addresses

READER_SECONDS = 7.0
"""As good as five minutes: it outlasts the time for one lock several times."""
LONGEST_WAIT_SECONDS = 3.0


@pytest.fixture
async def deployed_url(servers: Addresses) -> str:
    return await make_deployed(servers, "leadflow_beside_a_reader")


class Requests:
    """What a service does meanwhile, and how long each of it took."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.stopped = False

    async def run(self, url: str) -> None:
        connection = await asyncpg.connect(url)
        try:
            while not self.stopped:
                for statement in (
                    "SELECT name FROM amigocare.lead_imports WHERE company_id = 1",
                    "UPDATE amigocare.lead_imports SET updated_at = now() WHERE id = 2",
                    "INSERT INTO amigocare.outbox (topic, key, headers, payload) VALUES ('t', 'k', '{}', '')",
                ):
                    began = time.monotonic()
                    await connection.execute(statement)
                    self.seconds.append(time.monotonic() - began)
                await asyncio.sleep(0.02)
        finally:
            await connection.close()


async def test_no_request_waits_over_three_seconds_beside_a_long_reader(deployed_url: str) -> None:
    said: list[str] = []
    reader = await asyncpg.connect(deployed_url)
    await reader.execute("BEGIN")
    for table in ("lead_imports", "tags", "chat_tags", "lead_import_chunks"):
        await reader.execute(f"SELECT FROM amigocare.{table}")
    requests = Requests()
    under_way = asyncio.create_task(requests.run(deployed_url))
    migrating = asyncio.create_task(upgrade_postgres(MigrationSettings(postgres_url=deployed_url), say=said.append))
    await asyncio.sleep(READER_SECONDS)
    assert not migrating.done()
    await reader.close()
    await migrating
    requests.stopped = True
    await under_way
    assert said, "else nothing was in the way"
    assert len(requests.seconds) > 50
    assert max(requests.seconds) < LONGEST_WAIT_SECONDS
