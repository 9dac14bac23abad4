"""Fixtures of all tests. Unit tests use none of them; the others talk to real servers."""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.support.compose import compose_stack
from tests.support.databases import make_databases, sqlalchemy_url
from tests.support.platform import Tenant, create_tenant
from tests.support.quick import leave_out
from tests.support.stack import INSTANCE, ROOT, Addresses, local, local_addresses

DOCKER = os.environ.get("LEADFLOW_TEST_STACK") == "docker"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    leave_out(config, items)


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
            shutil.copytree(logs, ROOT / ".local" / "test-logs" / INSTANCE, dirs_exist_ok=True)
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
    yield await make_databases(servers, "leadflow_integration")


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
