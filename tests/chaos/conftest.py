"""Fixtures of the chaos suite."""

from collections.abc import AsyncIterator

import pytest_asyncio
import structlog
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.mongo import Mongo
from libs.common.postgres import Postgres, sqlalchemy_url
from libs.common.settings import MongoSettings, PostgresSettings

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
    yield postgres
    await postgres.close()


@pytest_asyncio.fixture(scope="session")
async def quick_mongo(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Mongo]:
    """As ``quick_postgres``: writes are acknowledged from memory."""

    class QuickMongo(Mongo):
        @property
        def chats(self):  # type: ignore[no-untyped-def]
            return self.client.get_default_database("leadflow").get_collection("chats")

    mongo = QuickMongo(stores[1], application_name="crash-points")
    yield mongo
    await mongo.close()
