"""A person in front of a real browser, at the console of the running services."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import Browser
from pymongo import AsyncMongoClient
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.console.steps import Leads
from tests.support.browser import Person, chromium, person, started_browser
from tests.support.machine import CI
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.stack import Addresses
from tests.support.user import User


@pytest_asyncio.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    if chromium() is None and not CI:
        pytest.skip("this machine has no Chromium (Debian: apt-get install chromium)")
    async with started_browser() as browser:
        yield browser


@pytest_asyncio.fixture
async def ana(browser: Browser, stack: Addresses, stack_tenant: Tenant) -> AsyncIterator[Person]:
    """A person of a new company, in English on a desktop. No script fails."""
    async with person(browser, stack, stack_tenant) as ana:
        yield ana
        assert ana.seen.complaints == []


@pytest_asyncio.fixture(scope="session")
async def http(stack: Addresses) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=stack.api_url, timeout=30) as client:
        yield client


@pytest_asyncio.fixture(scope="session")
async def stored(stack: Addresses, stack_engine: AsyncEngine) -> AsyncIterator[Stored]:
    client: AsyncMongoClient[dict[str, Any]]
    async with AsyncMongoClient(stack.mongo_url, tz_aware=True) as client:
        yield Stored(stack_engine, client.get_default_database()["chats"])


@pytest.fixture
def user(http: httpx.AsyncClient, stack_tenant: Tenant) -> User:
    """The same person as a caller of the API."""
    return User(http, stack_tenant)


@pytest.fixture
def leads(http: httpx.AsyncClient, stack_tenant: Tenant) -> Leads:
    """The person's leads."""
    return Leads(http, stack_tenant)
