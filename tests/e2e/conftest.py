"""The system from outside: a user of the API, the two databases, and subscribers of the public topics."""

import asyncio
import os
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from pymongo import AsyncMongoClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import Tenant, create_tenant
from tests.support.readers import ACCEPTED, FINISHED, Stored, Topic, subscribed
from tests.support.stack import Addresses
from tests.support.user import User

needs_local_stack = pytest.mark.skipif(
    os.environ.get("LEADFLOW_TEST_STACK") == "docker", reason="holds or kills processes of the local stack"
)


@pytest_asyncio.fixture(scope="session")
async def http(stack: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.api_url, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def stored(stack: Addresses, stack_engine: AsyncEngine) -> AsyncIterator[Stored]:
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


@pytest_asyncio.fixture
async def stranger(http: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine) -> User:
    """The first user of another new company."""
    return User(http, await create_tenant(stack_engine, jwt_secret=stack.jwt_secret))


@pytest_asyncio.fixture
async def strangers(http: httpx.AsyncClient, stack: Addresses, stack_engine: AsyncEngine) -> list[User]:
    """Users of eight more companies."""
    made = [create_tenant(stack_engine, jwt_secret=stack.jwt_secret) for _ in range(8)]
    return [User(http, tenant) for tenant in await asyncio.gather(*made)]
