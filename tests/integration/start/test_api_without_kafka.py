"""An upload needs PostgreSQL alone: api accepts while Kafka is away, and what was accepted flows when it is back."""

import json
from pathlib import Path

import httpx
import pytest_asyncio

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import CHUNK_ACCEPTED
from libs.contracts.lead_import.topics import IMPORT_ACCEPTED
from tests.integration.start.conftest import OwnTopics
from tests.support.door import Door
from tests.support.own_service import OwnService, own_service
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

SECRET = "s" * 32


@pytest_asyncio.fixture
async def tenant(postgres: Postgres) -> Tenant:
    return await create_tenant(postgres.engine, jwt_secret=SECRET)


async def told(service: OwnService) -> list[str]:
    """Return what a service that is ready says of what fails."""
    answer = await service.until_ready()
    troubles: list[str] = answer.json().get("troubles", [])
    return troubles


async def test_api_accepts_without_kafka_and_the_chunks_flow_when_it_is_back(
    stores: tuple[PostgresSettings, MongoSettings],
    topics: OwnTopics,
    quiet: None,
    db: Stored,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    door = Door(int(topics.settings["kafka_bootstrap"].rpartition(":")[2]))
    place = f"Kafka at 127.0.0.1:{door.port}"
    given = topics.settings | {
        "kafka_bootstrap": f"127.0.0.1:{door.port}",
        "postgres_url": stores[0].postgres_url.get_secret_value(),
        "jwt_secret": SECRET,
    }
    async with own_service("api", tmp_path, **given) as api, httpx.AsyncClient(base_url=api.url, timeout=60) as http:

        async def without_kafka() -> bool:
            return any(trouble.startswith(f"{place}: ") for trouble in await told(api))

        await eventually(without_kafka, what="an api that is ready and says that Kafka is away")
        metrics = await api.ask("/metrics")
        assert metrics is not None
        assert 'leadflow_failing_seconds{service="api",what="Kafka"}' in metrics.text
        user = User(http, tenant)
        import_id = await user.accept(csv_file(lead_rows(new_phones(3))))
        assert (await user.read(import_id))["status"] == "PROCESSING"
        # Who watches the import is told from the database.
        async with http.stream("GET", f"/imports/{import_id}/events", headers=tenant.headers()) as stream:
            assert stream.status_code == 200
            lines = stream.aiter_lines()
            said = [await anext(lines) for _ in range(3)]
            assert "event: progress" in said
            assert json.loads(next(line for line in said if line.startswith("data: "))[6:])["id"] == import_id
        assert (
            await db.value("SELECT sent_at FROM amigocare.lead_import_chunks WHERE import_id = :i", i=import_id) is None
        )

        await door.open()
        for topic, keys in ((CHUNK_ACCEPTED, [f"{import_id}:0"]), (IMPORT_ACCEPTED, [str(import_id)])):

            async def published(name: str = topics.name(topic.name), keys: list[str] = keys) -> bool:
                return [record.key.decode() for record in await topics.kafka.records(name)] == keys

            await eventually(published, seconds=60, what=f"a record of {topic.name}")

        async def well() -> bool:
            return await told(api) == []

        await eventually(well, what="an api without troubles")
        # What watches Kafka wakes the streams again.
        assert api.lines("works again")[-1]["what"] == place
        assert len(api.lines("started")) == 1
    await door.shut()
