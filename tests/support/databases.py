"""Migrated databases of the tests' own on the real servers, where no service runs."""

import asyncio
from pathlib import Path

import asyncpg
from pymongo import AsyncMongoClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.imports.chats import ensure_chat_indexes
from services.operator.migrate import upgrade_postgres
from services.operator.settings import MigrationSettings
from tests.support.stack import ROOT, Addresses

SCHEMAS = ROOT / "tests" / "fixtures" / "schemas"
HOST_PLATFORM = ROOT / "deploy" / "local" / "host_platform.sql"


def sqlalchemy_url(url: str) -> str:
    """Return ``postgresql://…`` with the driver that SQLAlchemy shall use."""
    return "postgresql+asyncpg://" + url.split("://", 1)[1]


async def make_databases(servers: Addresses, name: str) -> tuple[PostgresSettings, MongoSettings]:
    """Make an empty, migrated database of this name on both servers; one that exists is dropped."""
    postgres_url = await make_postgres(servers, name)
    await run_script(postgres_url, HOST_PLATFORM)
    await upgrade_postgres(MigrationSettings(postgres_url=postgres_url))
    mongo_url = servers.mongo_url.rsplit("/", 1)[0] + f"/{name}"
    client: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(mongo_url)
    await client.drop_database(name)
    await client.close()
    settings = PostgresSettings(postgres_url=postgres_url), MongoSettings(mongo_url=mongo_url)
    mongo = Mongo(settings[1], application_name="tests")
    await ensure_chat_indexes(mongo)
    await mongo.close()
    return settings


async def make_postgres(servers: Addresses, name: str) -> str:
    """Make a database without a schema, and return its URL; one that exists is dropped."""
    admin = create_async_engine(sqlalchemy_url(servers.postgres_url), isolation_level="AUTOCOMMIT")
    async with admin.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        await connection.execute(text(f"CREATE DATABASE {name}"))
    await admin.dispose()
    return servers.postgres_url.rsplit("/", 1)[0] + f"/{name}"


async def run_script(postgres_url: str, script: Path) -> None:
    """Execute a file of statements in a session of its own."""
    statements = await asyncio.to_thread(script.read_text)
    connection = await asyncpg.connect(postgres_url)
    try:
        await connection.execute(statements)
    finally:
        await connection.close()


async def make_deployed(servers: Addresses, name: str) -> str:
    """Make a database with the schema, and some rows, of a deployment from before there were owners; return its URL."""
    url = await make_postgres(servers, name)
    await run_script(url, SCHEMAS / "revision_0003.sql")
    await run_script(url, SCHEMAS / "revision_0003_rows.sql")
    return url
