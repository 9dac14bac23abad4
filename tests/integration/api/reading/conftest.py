"""Pools of real reading processes."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest_asyncio

from services.api.reading.pool import ReadingPool
from tests.integration.api.reading.reading_jobs import StartPool


@pytest_asyncio.fixture
async def start_pool() -> AsyncIterator[StartPool]:
    """Start a pool that is stopped after the test."""
    async with contextlib.AsyncExitStack() as stack:

        async def start(size: int = 1, **options: Any) -> ReadingPool:
            pool = ReadingPool(size, **options)
            await pool.start()
            stack.push_async_callback(pool.stop)
            return pool

        yield start
