"""Fixtures of the chaos suite."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from tests.chaos.cases import STORMY, Scene
from tests.chaos.crew import Crew, end_what_others_left, quick_stores, quiet_logs
from tests.chaos.proxy import Proxy
from tests.support.brokers import three_brokers
from tests.support.databases import make_databases, sqlalchemy_url
from tests.support.stack import INSTANCE, ROOT, Addresses, local

quiet_logs()


@pytest_asyncio.fixture(scope="session")
async def quick_databases(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[tuple[Postgres, Mongo]]:
    """The tests' databases without waiting for the disk."""
    async with quick_stores(stores) as opened:
        yield opened


@pytest_asyncio.fixture
async def quick(quick_databases: tuple[Postgres, Mongo]) -> tuple[Postgres, Mongo]:
    """The tests' databases without waiting for the disk, and nothing in progress there."""
    await quick_databases[0].engine.dispose()  # a test before may have killed the server
    await end_what_others_left(quick_databases[0])
    return quick_databases


@pytest_asyncio.fixture(scope="session")
async def crew(servers: Addresses) -> AsyncIterator[Crew]:
    """Two processes for the two cores that the suite is made for."""
    crew = Crew([await make_databases(servers, f"leadflow_crash_{number}") for number in (1, 2)])
    yield crew
    await asyncio.to_thread(crew.stop)


@pytest.fixture(scope="session")
def proxies(servers: Addresses) -> Iterator[dict[str, Proxy]]:
    """The proxies of the databases. They hide nothing until a case tells them to."""
    urls = {"postgres": servers.postgres_url, "mongo": servers.mongo_url}
    started = {server: Proxy(urlsplit(url).port or 0) for server, url in urls.items()}
    for proxy in started.values():
        proxy.start()
    yield started
    for proxy in started.values():
        proxy.stop()


@pytest.fixture(scope="session")
def stormy_stack(servers: Addresses, proxies: dict[str, Proxy]) -> Iterator[Addresses]:
    """All services, with small chunks, no quota worth the name, and proxies between them and the databases."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in STORMY.items():
            patch.setenv(name, value)
        patch.setenv("LEADFLOW_LOCAL_DETOURS", ",".join(f"{name}={proxy.port}" for name, proxy in proxies.items()))
        local("up")
        yield servers
        # The services end while they still reach the databases; the servers go on for who else has to close.
        local("down")
        local("servers")


@pytest.fixture(scope="session")
def provider_url(stormy_stack: Addresses) -> Iterator[str]:
    """The WhatsApp provider is asked from now on, after every restart too; here it takes orders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADFLOW_WHATSAPP_ENABLED", "1")
        local("up")
        ports = json.loads((ROOT / ".local" / INSTANCE / "ports.json").read_text())["ports"]
        yield f"http://127.0.0.1:{ports['whatsapp']}"


@pytest_asyncio.fixture(scope="session")
async def stormy_engine(stormy_stack: Addresses) -> AsyncIterator[AsyncEngine]:
    """The database of the stack in the storm, past the proxy, by connections that outlive its deaths."""
    engine = create_async_engine(sqlalchemy_url(stormy_stack.postgres_url), pool_pre_ping=True)
    yield engine
    await engine.dispose()


@pytest.fixture(scope="session")
def scene(stormy_stack: Addresses, stormy_engine: AsyncEngine, proxies: dict[str, Proxy]) -> Scene:
    """The stack in the storm."""
    return Scene(stormy_stack, stormy_engine, proxies)


@pytest_asyncio.fixture(scope="module")
async def cluster() -> AsyncIterator[Scene]:
    """A stack of its own with three brokers and all services."""
    async with three_brokers("up", STORMY) as addresses:
        engine = create_async_engine(sqlalchemy_url(addresses.postgres_url), pool_pre_ping=True)
        try:
            yield Scene(addresses, engine)
        finally:
            await engine.dispose()
