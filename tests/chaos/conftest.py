"""Fixtures of the chaos suite."""

import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog
from pymongo.asynchronous.collection import AsyncCollection
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.mongo import Document, Mongo
from libs.common.postgres import Postgres, sqlalchemy_url
from libs.common.settings import MongoSettings, PostgresSettings
from tests.support.stack import INSTANCE, ROOT, Addresses, local

structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(40))


@pytest_asyncio.fixture(scope="session")
async def quick_postgres(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    """The tests' database without waiting for the disk: it is our processes that crash here, not the server."""
    postgres = Postgres(stores[0], application_name="crash-points")
    await postgres.close()
    postgres.engine = create_async_engine(
        sqlalchemy_url(stores[0].postgres_url.get_secret_value()),
        connect_args={"server_settings": {"synchronous_commit": "off", "jit": "off", "timezone": "UTC"}},
    )
    async with postgres.engine.begin() as connection:
        # What other tests left in progress would be relayed into these worlds.
        await connection.execute(
            text("UPDATE amigocare.lead_imports SET status = 'FAILED' WHERE status = 'PROCESSING'")
        )
        await connection.execute(text("DELETE FROM amigocare.outbox"))
    yield postgres
    await postgres.close()


@pytest_asyncio.fixture(scope="session")
async def quick_mongo(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Mongo]:
    """As ``quick_postgres``: writes are acknowledged from memory."""

    class QuickMongo(Mongo):
        @property
        def chats(self) -> AsyncCollection[Document]:
            return self.client.get_default_database("leadflow").get_collection("chats")

    mongo = QuickMongo(stores[1], application_name="crash-points")
    yield mongo
    await mongo.close()


STORMY = {
    "LEADFLOW_WHATSAPP_ENABLED": "1",
    "LEADFLOW_WHATSAPP_CONCURRENCY": "50",
    "LEADFLOW_WHATSAPP_TIMEOUT_SECONDS": "1",
    "LEADFLOW_WHATSAPP_BREAKER_SECONDS": "1",
    "LEADFLOW_QUOTA_ROWS": "1000000000",
    "LEADFLOW_QUOTA_IMPORTS": "1000000",
    "LEADFLOW_CHUNK_ROWS": "100",
    "LEADFLOW_KAFKA_SESSION_TIMEOUT_SECONDS": "6",
}


@pytest.fixture(scope="session")
def stormy_stack(servers: Addresses) -> Iterator[Addresses]:
    """All services, with small chunks, no quota worth the name, and the fake WhatsApp provider."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORMY.items():
            patch.setenv(name, value)
        local("up")
        yield servers


@pytest.fixture(scope="session")
def provider_url(stormy_stack: Addresses) -> str:
    """Where the fake provider takes orders."""
    ports = json.loads((ROOT / ".local" / INSTANCE / "ports.json").read_text())["ports"]
    return f"http://127.0.0.1:{ports['whatsapp']}"


@pytest_asyncio.fixture(scope="session")
async def stormy_engine(stormy_stack: Addresses) -> AsyncIterator[AsyncEngine]:
    """The stack's database; connections that PostgreSQL's death broke are replaced."""
    engine = create_async_engine(sqlalchemy_url(stormy_stack.postgres_url), pool_pre_ping=True)
    yield engine
    await engine.dispose()
