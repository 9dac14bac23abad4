"""Migrated databases of the tests' own on the real servers, where no service runs."""

from pymongo import AsyncMongoClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import sqlalchemy_url
from libs.imports.chats import ensure_chat_indexes
from services.operator.migrate import upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.stack import ROOT, Addresses

HOST_PLATFORM = ROOT / "deploy" / "local" / "host_platform.sql"


async def make_databases(servers: Addresses, name: str) -> tuple[PostgresSettings, MongoSettings]:
    """Make an empty, migrated database of this name on both servers; one that exists is dropped."""
    admin = create_async_engine(sqlalchemy_url(servers.postgres_url), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await admin.dispose()
    postgres_url = servers.postgres_url.rsplit("/", 1)[0] + f"/{name}"
    mongo_url = servers.mongo_url.rsplit("/", 1)[0] + f"/{name}"
    await _migrate(postgres_url)
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(mongo_url)
    await client.drop_database(name)
    await client.close()
    settings = PostgresSettings(postgres_url=postgres_url), MongoSettings(mongo_url=mongo_url)
    mongo = Mongo(settings[1], application_name="tests")
    await ensure_chat_indexes(mongo)
    await mongo.close()
    return settings


async def _migrate(postgres_url: str) -> None:
    engine = create_async_engine(sqlalchemy_url(postgres_url))
    async with engine.begin() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(HOST_PLATFORM.read_text())
    await engine.dispose()
    await upgrade_postgres(MigrationSettings(postgres_url=postgres_url))
