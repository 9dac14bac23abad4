"""Minutes of what ``tests/e2e/test_openapi_conformance.py`` does for seconds, with a token and without."""

import os
from pathlib import Path

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.platform import create_tenant
from tests.support.schemathesis import run_schemathesis
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones

SEED = int(os.environ.get("SEED") or 1)

pytestmark = pytest.mark.skipif(os.environ.get("LEADFLOW_CHAOS") != "full", reason="takes minutes")


async def test_schemathesis_finds_nothing_with_a_token(
    stormy_stack: Addresses, stormy_engine: AsyncEngine, tmp_path: Path
) -> None:
    tenant = await create_tenant(stormy_engine, jwt_secret=stormy_stack.jwt_secret)
    rows = [*lead_rows(new_phones(2)), ["", "no phone", "", "", ""]]
    async with httpx.AsyncClient(base_url=stormy_stack.api_url, timeout=60) as client:
        user = User(client, tenant)
        ended = [await user.run(csv_file(rows), on_invalid_row="skip") for _ in range(10)]
    found = await run_schemathesis(
        stormy_stack.api_url,
        tmp_path,
        headers=tenant.headers(),
        imports=[each["id"] for each in ended],
        examples=200,
        seed=SEED,
        phases="coverage,fuzzing,stateful",
    )
    assert not found


async def test_schemathesis_finds_nothing_without_a_token(stormy_stack: Addresses, tmp_path: Path) -> None:
    found = await run_schemathesis(
        stormy_stack.api_url,
        tmp_path,
        headers={},
        imports=[],
        examples=30,
        seed=SEED,
        phases="coverage,fuzzing",
    )
    assert not found
