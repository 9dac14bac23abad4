"""Fixtures of all tests. Unit tests use none of them; the others talk to real servers."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.mongo import Mongo
from libs.common.postgres import Postgres, sqlalchemy_url
from libs.common.settings import MongoSettings, PostgresSettings
from tests.support.compose import compose_stack
from tests.support.platform import Tenant, create_tenant
from tests.support.stack import INSTANCE, ROOT, Addresses, local, local_addresses

DOCKER = os.environ.get("LEADFLOW_TEST_STACK") == "docker"
HOST_PLATFORM = ROOT / "deploy" / "local" / "host_platform.sql"


@pytest.fixture(scope="session")
def servers() -> Iterator[Addresses]:
    """PostgreSQL, MongoDB and Kafka; stopped and forgotten at the end of the run."""
    if DOCKER:
        with compose_stack() as addresses:
            yield addresses
        return
    local("reset")
    local("servers")
    try:
        yield local_addresses()
    finally:
        logs = ROOT / ".local" / INSTANCE / "logs"
        if logs.exists():
            shutil.copytree(logs, ROOT / ".local" / "test-logs", dirs_exist_ok=True)
        local("reset")


@pytest.fixture(scope="session")
def stack(servers: Addresses) -> Addresses:
    """The servers with all services running, as ``make up`` starts them."""
    if not DOCKER:
        local("up")
    return servers


@pytest_asyncio.fixture(scope="session")
async def stack_engine(stack: Addresses) -> AsyncIterator[AsyncEngine]:
    """The running services' database."""
    engine = create_async_engine(sqlalchemy_url(stack.postgres_url))
    yield engine
    await engine.dispose()


@pytest_asyncio.fixture
async def stack_tenant(stack: Addresses, stack_engine: AsyncEngine) -> Tenant:
    """A new company among the running services."""
    return await create_tenant(stack_engine, jwt_secret=stack.jwt_secret)


@pytest_asyncio.fixture(scope="session")
async def stores(servers: Addresses) -> AsyncIterator["tuple[PostgresSettings, MongoSettings]"]:
    """A migrated database of the tests' own on the real servers, where no service runs."""
    name = "leadflow_integration"
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
    await mongo.ensure_indexes()
    await mongo.close()
    yield settings


async def _migrate(postgres_url: str) -> None:
    engine = create_async_engine(sqlalchemy_url(postgres_url))
    async with engine.begin() as connection:
        raw = await connection.get_raw_connection()
        assert raw.driver_connection is not None
        await raw.driver_connection.execute(HOST_PLATFORM.read_text())
    await engine.dispose()
    migrate = "from services.operator.migrate import upgrade_postgres; upgrade_postgres()"
    await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", migrate],
        cwd=ROOT,
        env=os.environ | {"LEADFLOW_POSTGRES_URL": postgres_url},
        check=True,
        timeout=60,
    )


@pytest_asyncio.fixture(scope="session")
async def postgres(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    postgres = Postgres(stores[0], application_name="tests")
    yield postgres
    await postgres.close()


@pytest_asyncio.fixture(scope="session")
async def mongo(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Mongo]:
    mongo = Mongo(stores[1], application_name="tests")
    yield mongo
    await mongo.close()


@pytest_asyncio.fixture
async def tenant(postgres: Postgres) -> Tenant:
    """A new company in the tests' own database."""
    return await create_tenant(postgres.engine)


@pytest.fixture(scope="session")
def fixture_files() -> Path:
    """Spreadsheets as real programs write them."""
    return ROOT / "tests" / "fixtures" / "files"
