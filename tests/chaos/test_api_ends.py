"""An api that is stopped, or killed, with an upload in its hands."""

import asyncio
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy.ext.asyncio import AsyncEngine

from tests.support.own_api import OwnApi, own_api
from tests.support.platform import Tenant, create_tenant
from tests.support.processes import held
from tests.support.stack import Addresses
from tests.support.user import User, csv_file, lead_rows, new_phones
from tests.support.waiting import eventually

pytestmark = pytest.mark.skipif(os.environ.get("LEADFLOW_CHAOS") != "full", reason="starts four processes of the api")


@pytest_asyncio.fixture
async def tenant(stormy_stack: Addresses, stormy_engine: AsyncEngine) -> Tenant:
    return await create_tenant(stormy_engine, jwt_secret=stormy_stack.jwt_secret)


async def hold_an_upload(api: OwnApi, client: httpx.AsyncClient, tenant: Tenant) -> asyncio.Task[httpx.Response]:
    """Send an upload that is not read yet."""
    api.hold_reading()
    upload = asyncio.create_task(User(client, tenant).upload(csv_file(lead_rows(new_phones(1)))))

    async def in_hand() -> bool:
        return bool(api.left_behind())

    await eventually(in_hand, what="an upload in hand")
    return upload


async def refuses(api: OwnApi) -> bool:
    """Tell whether a new connection is refused; one that was waiting to be taken is broken off first."""
    async with httpx.AsyncClient() as other:
        try:
            await other.get(f"{api.url}/health/live")
        except httpx.ConnectError:
            return True
        except httpx.TransportError:
            return False
    return False


async def test_a_stop_answers_the_upload_in_hand(stormy_stack: Addresses, tenant: Tenant, tmp_path: Path) -> None:
    async with own_api(stormy_stack, tmp_path) as api, httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        upload = await hold_an_upload(api, client, tenant)
        api.process.terminate()
        await eventually(partial(refuses, api), seconds=10, what="an api that takes no more connections")
        assert api.process.returncode is None
        api.release_reading()
        assert (await upload).status_code == 202
        assert await asyncio.wait_for(api.process.wait(), 20) in (0, -15)
        assert api.left_behind() == []


async def test_a_stop_does_not_wait_for_streams(stormy_stack: Addresses, tenant: Tenant, tmp_path: Path) -> None:
    """A stream of an import in progress lasts as long as that; the client asks the next api with Last-Event-ID."""
    async with own_api(stormy_stack, tmp_path) as api, httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        with held("dedup"):
            import_id = await User(client, tenant).accept(csv_file(lead_rows(new_phones(1))))
            async with client.stream("GET", f"/imports/{import_id}/events", headers=tenant.headers()) as stream:
                lines: AsyncIterator[str] = stream.aiter_lines()
                assert "progress" in await anext(lines)
                api.process.terminate()
                assert await asyncio.wait_for(api.process.wait(), 15) in (0, -15)


async def test_what_a_killed_api_left_is_removed_by_the_next(
    stormy_stack: Addresses, tenant: Tenant, tmp_path: Path
) -> None:
    async with own_api(stormy_stack, tmp_path) as api, httpx.AsyncClient(base_url=api.url, timeout=30) as client:
        upload = await hold_an_upload(api, client, tenant)
        api.release_reading()
        api.process.kill()
        with pytest.raises(httpx.TransportError):
            await upload
        await api.process.wait()
        assert api.left_behind(), "else this proves nothing"
    async with own_api(stormy_stack, tmp_path) as again:
        assert again.left_behind() == []
