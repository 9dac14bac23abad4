"""Uploads of an account whose quota another process holds: they wait for it, and nobody else waits for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.common.web.refusals import Refused
from services.api.accepting.acceptor import Acceptor
from services.api.accepting.store import AcceptStore
from services.api.reading.pool import ReadingPool
from tests.support.chunks import new_phones
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.uploads import acceptor, reading_pool, wish
from tests.support.waiting import eventually

CONNECTIONS = 4


@pytest_asyncio.fixture(scope="module")
async def pool() -> AsyncIterator[ReadingPool]:
    async with reading_pool(2) as pool:
        yield pool


@pytest_asyncio.fixture
async def few(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    """The connections of one process."""
    settings = stores[0].model_copy(update={"postgres_pool_size": CONNECTIONS})
    postgres = Postgres(settings, application_name="few")
    yield postgres
    await postgres.close()


@pytest.fixture
def accepting(few: Postgres, pool: ReadingPool) -> Acceptor:
    return acceptor(few, pool, connections=CONNECTIONS)


async def waiting_for_a_lock(db: Stored) -> int:
    count: int = await db.value(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'leadflow-few' AND wait_event_type = 'Lock'"
    )
    return count


async def one_waits_for_a_lock(db: Stored) -> bool:
    return await waiting_for_a_lock(db) > 0


@asynccontextmanager
async def held_elsewhere(crowd: Postgres, tenant: Tenant) -> AsyncIterator[None]:
    """Hold the account's quota during the block, as another process would."""
    async with AcceptStore.transaction(crowd, tenant.company_id) as elsewhere:
        await elsewhere.lock_quota(company_id=tenant.company_id, account_id=tenant.account_id)
        yield


async def test_no_other_company_waits_and_one_upload_of_the_account_waits_with_a_connection(
    crowd: Postgres, accepting: Acceptor, tenant: Tenant, other_tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    async with held_elsewhere(crowd, tenant):
        held = [asyncio.create_task(accepting.accept(wish(tenant, tmp_path, new_phones(1)))) for _ in range(5)]
        await eventually(partial(one_waits_for_a_lock, db))
        for _ in range(3):
            other = accepting.accept(wish(other_tenant, tmp_path, new_phones(1)))
            assert (await asyncio.wait_for(other, 4))["status"] == "PROCESSING"
            assert await waiting_for_a_lock(db) == 1
    answers = await asyncio.gather(*held)
    assert len({answer["id"] for answer in answers}) == 5


async def test_whoever_waits_for_its_account_in_vain_is_told_to_come_again_and_nothing_is_stored(
    crowd: Postgres, few: Postgres, pool: ReadingPool, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    accepting = acceptor(few, pool, connections=CONNECTIONS, lock_seconds=0.05)
    key = unique("key")

    def again() -> Any:
        return accepting.accept(wish(tenant, tmp_path, phones, key=key, name="Feira"))

    phones = new_phones(2)
    async with held_elsewhere(crowd, tenant):
        with pytest.raises(Refused) as refused:
            await again()
    assert (refused.value.code, refused.value.retry_after) == ("busy", 5)
    counted = "SELECT count(*) FROM amigocare.lead_imports WHERE company_id = :c"
    assert await db.value(counted, c=tenant.company_id) == 0
    assert await db.value("SELECT count(*) FROM amigocare.idempotency_keys WHERE key = :k", k=key) == 0
    assert (await again())["total_rows"] == 2


async def test_an_upload_that_is_given_up_while_it_waits_leaves_its_turn_and_its_connection(
    crowd: Postgres, accepting: Acceptor, tenant: Tenant, tmp_path: Path, db: Stored
) -> None:
    async with held_elsewhere(crowd, tenant):
        held = [asyncio.create_task(accepting.accept(wish(tenant, tmp_path, new_phones(1)))) for _ in range(3)]
        await eventually(partial(one_waits_for_a_lock, db))
        for task in held:
            task.cancel()
        for task in held:
            with suppress(asyncio.CancelledError):
                await task
    later = wish(tenant, tmp_path, new_phones(1))
    later = replace(later, request=later.request.model_copy(update={"name": unique("later")}))
    assert (await asyncio.wait_for(accepting.accept(later), 10))["total_rows"] == 1
