"""A database for each test: migrations change everything in it."""

import pytest_asyncio

from tests.support.databases import HOST_PLATFORM, make_postgres, run_script
from tests.support.stack import Addresses


@pytest_asyncio.fixture
async def platform_url(servers: Addresses) -> str:
    """A database in which the host platform's tables are, and nothing of ours."""
    url = await make_postgres(servers, "leadflow_migrations")
    await run_script(url, HOST_PLATFORM)
    return url
