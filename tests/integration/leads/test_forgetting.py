"""Who was shown a lead is known for a year, and which address used a form for an hour; afterwards of nobody."""

import asyncio
from datetime import timedelta

import pytest_asyncio

from libs.common.stores.postgres import Postgres
from services.leads.forgetting.store import ForgettingStore
from services.leads.forgetting.sweeper import BETWEEN_PORTIONS_SECONDS, SWEEP_SECONDS, Sweeper
from tests.integration.leads.test_change_store import capture
from tests.support.platform import Tenant
from tests.support.readers import Stored

YEAR = timedelta(days=365)
_SEEN = """
    INSERT INTO crm.access_log (company_id, lead_id, user_id, at)
    SELECT :c, l.id, 1, now() - make_interval(days => :days) FROM amigocare.amigocare_leads l, generate_series(1, :many)
    WHERE l.company_id = :c
"""
_HITS = """
    INSERT INTO crm.capture_hits (company_id, address, hits, last_at)
    SELECT :c, (CAST('10.0.0.0' AS inet) + n)::cidr, ARRAY[at], at
    FROM (SELECT n, now() - make_interval(mins => :minutes) AS at
          FROM generate_series(CAST(:first AS int), CAST(:last AS int)) n) given
"""
_HOW_LONG_AGO = """
    SELECT coalesce(array_agg(days ORDER BY days), '{}') FROM (
        SELECT extract(day FROM now() - at)::int AS days FROM crm.access_log WHERE company_id = :c) each
"""
_ADDRESSES = "SELECT count(*) FROM crm.capture_hits WHERE company_id = :c"


@pytest_asyncio.fixture(autouse=True)
async def nothing_else(db: Stored) -> None:
    """What other tests have left is forgotten, too, and would be counted."""
    await db.execute("TRUNCATE crm.access_log, crm.capture_hits")


async def test_what_is_older_is_forgotten_in_bounded_portions(
    postgres: Postgres, db: Stored, tenant: Tenant, other_tenant: Tenant
) -> None:
    for company in (tenant, other_tenant):
        await capture(postgres, company)
        await db.execute(_SEEN, c=company.company_id, days=400, many=5)
    await db.execute(_SEEN, c=tenant.company_id, days=300, many=2)
    store = ForgettingStore(postgres, most=4)
    assert [await store.forget_access(YEAR) for _ in range(4)] == [4, 4, 2, 0]
    assert await db.value(_HOW_LONG_AGO, c=tenant.company_id) == [300, 300]
    assert await db.value(_HOW_LONG_AGO, c=other_tenant.company_id) == []


async def test_of_the_last_day_nothing_is_forgotten_whatever_is_asked(
    postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    await capture(postgres, tenant)
    await db.execute(_SEEN, c=tenant.company_id, days=0, many=3)
    assert await ForgettingStore(postgres).forget_access(timedelta(0)) == 0


async def test_addresses_of_a_form_that_nobody_uses_any_more_are_forgotten(
    postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    await db.execute(_HITS, c=tenant.company_id, minutes=61, first=1, last=9)
    await db.execute(_HITS, c=tenant.company_id, minutes=59, first=10, last=12)
    store = ForgettingStore(postgres, most=5)
    assert [await store.forget_hits() for _ in range(3)] == [5, 4, 0]
    assert await db.value(_ADDRESSES, c=tenant.company_id) == 3


async def test_processes_share_what_is_to_be_forgotten(crowd: Postgres, db: Stored, tenant: Tenant) -> None:
    await capture(crowd, tenant)
    await db.execute(_SEEN, c=tenant.company_id, days=400, many=400)
    store = ForgettingStore(crowd, most=100)
    forgotten = 0
    async with asyncio.timeout(30):
        while forgotten < 400:
            forgotten += sum(await asyncio.gather(*(store.forget_access(YEAR) for _ in range(4))))
    assert forgotten == 400


async def test_the_sweeper_hurries_while_there_is_more(postgres: Postgres, db: Stored, tenant: Tenant) -> None:
    await capture(postgres, tenant)
    await db.execute(_SEEN, c=tenant.company_id, days=400, many=3)
    sweeper = Sweeper(ForgettingStore(postgres, most=2), access_days=365)
    await sweeper.turn()
    assert sweeper.pause_seconds() == BETWEEN_PORTIONS_SECONDS
    await sweeper.turn()
    assert sweeper.pause_seconds() == SWEEP_SECONDS
    assert await db.value(_HOW_LONG_AGO, c=tenant.company_id) == []
