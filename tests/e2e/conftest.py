"""The system from outside: a user of the API, the two databases, and subscribers of the public topics."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import Tenant, create_tenant
from tests.support.readers import ACCEPTED, FINISHED, Stored, Topic, subscribed
from tests.support.stack import Addresses
from tests.support.user import NewUser, User


@pytest_asyncio.fixture(scope="session")
async def http(stack: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.api_url, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def stored(stack: Addresses, stack_engine: AsyncEngine) -> AsyncIterator[Stored]:
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(stack.mongo_url, tz_aware=True) as client:
        yield Stored(stack_engine, client.get_default_database()["chats"])


@pytest_asyncio.fixture(scope="session")
async def finished(stack: Addresses) -> AsyncIterator[Topic]:
    """A subscriber that was there before any upload of these tests."""
    async with subscribed(stack.kafka_bootstrap, FINISHED) as topic:
        yield topic


@pytest_asyncio.fixture(scope="session")
async def accepted(stack: Addresses) -> AsyncIterator[Topic]:
    async with subscribed(stack.kafka_bootstrap, ACCEPTED) as topic:
        yield topic


@pytest.fixture
def user(http: httpx.AsyncClient, stack_tenant: Tenant) -> User:
    """The first user of a new company."""
    return User(http, stack_tenant)


@pytest.fixture
def new_user(http: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine) -> NewUser:
    """Make the first user of one more company."""

    async def make() -> User:
        return User(http, await create_tenant(stack_engine, jwt_secret=stack.jwt_secret))

    return make
