"""leads as its callers meet it: the application with its real store."""

from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pydantic import SecretStr

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from services.leads.main import build
from services.leads.settings import Settings
from tests.support.platform import EVERYTHING, Tenant, create_tenant

SECRET = "a secret of the tests that is long enough"

Site = Callable[..., httpx.AsyncClient]


@pytest_asyncio.fixture
async def site(stores: tuple[PostgresSettings, MongoSettings], postgres: Postgres) -> AsyncIterator[Site]:
    """Makes clients of a process of leads: from an address, with a token or without."""
    services: list[Any] = []
    clients: list[httpx.AsyncClient] = []

    def client_of(*, peer: str = "203.0.113.7", headers: dict[str, str] | None = None, **settings: Any) -> Any:
        service = build(
            Settings(
                postgres_url=stores[0].postgres_url,
                mongo_url=stores[1].mongo_url,
                jwt_secret=SecretStr(SECRET),
                jwt_audience=None,
                **settings,
            )
        )
        services.append(service)
        transport = httpx.ASGITransport(service.app, client=(peer, 4711))
        clients.append(httpx.AsyncClient(transport=transport, base_url="http://leads", headers=headers))
        return clients[-1]

    yield client_of
    for client in clients:
        await client.aclose()
    for service in services:
        for store in (*service.stores, service.app.state.deps.deleting):
            await store.close()


@pytest_asyncio.fixture
async def company(postgres: Postgres) -> Tenant:
    return await create_tenant(postgres.engine, jwt_secret=SECRET)


@pytest.fixture
def signed_in(company: Tenant) -> dict[str, str]:
    """Headers of a user who may do everything with leads."""
    return company.headers(permissions=EVERYTHING)
