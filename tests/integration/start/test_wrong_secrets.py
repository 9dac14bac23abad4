"""A consumer whose secret is wrong is never ready, says why, and takes no message; when it is right, it begins."""

from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import CHUNK_TAGGED, DEAD_LETTERS
from tests.integration.start.conftest import OwnRole, OwnTopics
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.mongod import guarded_mongo
from tests.support.own_service import OwnService, own_service
from tests.support.platform import Tenant
from tests.support.waiting import eventually

ROWS = 3
TRIES = 5


async def send_chunk(topics: OwnTopics, postgres: Postgres, tenant: Tenant) -> None:
    """Send a chunk to the creator, of an import that is in progress."""
    import_id = await insert_import(postgres, tenant, row_counts=[ROWS], name=unique("Import"))
    chunk = tagged(accepted_chunk(tenant, import_id, live_rows(new_phones(ROWS))))
    await topics.kafka.send(topics.name(CHUNK_TAGGED.name), chunk.model_dump_json().encode(), partition=0)


async def check_takes_nothing(service: OwnService, topics: OwnTopics, place: str, why: str) -> None:
    """Check over several tries that the service lives, is not ready for this reason, and has not joined its group."""
    for _ in range(TRIES):
        assert "starting: " in await service.until_unready(f"{place}: ", why)
        live = await service.ask("/health/live")
        assert live is not None
        assert live.status_code == 200
        assert await topics.committed("creator", CHUNK_TAGGED.name) == 0
    assert await topics.kafka.records(topics.name(DEAD_LETTERS.topic)) == []
    metrics = await service.ask("/metrics")
    assert metrics is not None
    assert "leadflow_kafka_received_messages_total{" not in metrics.text


async def check_creates(topics: OwnTopics) -> None:
    async def done() -> bool:
        return await topics.committed("creator", CHUNK_TAGGED.name) == 1

    await eventually(done, seconds=60, what="a created chunk")
    assert await topics.kafka.records(topics.name(DEAD_LETTERS.topic)) == []


async def test_a_creator_whose_password_for_postgresql_is_wrong_takes_nothing_until_it_is_right(
    stores: tuple[PostgresSettings, MongoSettings],
    topics: OwnTopics,
    role: OwnRole,
    postgres: Postgres,
    tenant: Tenant,
    tmp_path: Path,
) -> None:
    await send_chunk(topics, postgres, tenant)
    await role.lose()
    url = make_url(role.url)
    place = f"PostgreSQL at {url.host}:{url.port}"
    given = topics.settings | {"postgres_url": role.url, "mongo_url": stores[1].mongo_url.get_secret_value()}
    async with own_service("creator", tmp_path, **given) as service:
        await check_takes_nothing(service, topics, place, "password authentication failed")
        await role.regain()
        await service.until_ready()
        await check_creates(topics)


@pytest.mark.parametrize("wrong", ["another", None], ids=["wrong", "missing"])
async def test_a_creator_whose_secret_for_mongodb_is_wrong_takes_nothing_until_it_is_right(
    stores: tuple[PostgresSettings, MongoSettings],
    topics: OwnTopics,
    postgres: Postgres,
    tenant: Tenant,
    tmp_path: Path,
    wrong: str | None,
) -> None:
    await send_chunk(topics, postgres, tenant)
    (data := tmp_path / "mongo").mkdir()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(guarded_mongo(data))
        given = topics.settings | {"postgres_url": stores[0].postgres_url.get_secret_value()}
        if wrong is None:
            given["mongo_url"] = f"mongodb://{server.address}/leadflow"
            why = "authentication"
        else:
            await server.set_password(wrong)
            given["mongo_url"] = server.url
            why = "Authentication failed"
        service = await stack.enter_async_context(own_service("creator", tmp_path, **given))
        await check_takes_nothing(service, topics, f"MongoDB at {server.address}", why)
        if wrong is not None:
            await server.set_password("right")
            await service.until_ready()
            await check_creates(topics)
