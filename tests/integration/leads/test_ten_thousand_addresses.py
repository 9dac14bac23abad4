"""The public form's memory of addresses: those of the last hour, however many came before; and whose they are."""

import asyncio
from ipaddress import ip_network

import pytest
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.capturing.store import CaptureStore
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_capture_store import person
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored

MANY = 10_000
CALLS = 250
AT_ONCE = 16
_HOURS_AGO = """
    INSERT INTO crm.capture_hits (company_id, address, hits, last_at)
    SELECT :c, (CAST('10.0.0.0' AS inet) + n)::cidr, ARRAY[at], at
    FROM (SELECT n, now() - interval '2 hours' AS at FROM generate_series(1, :many) n) given
"""
_AN_HOUR_PASSES = """
    UPDATE crm.capture_hits SET last_at = last_at - interval '1 hour',
        hits = ARRAY(SELECT each - interval '1 hour' FROM unnest(hits) each) WHERE company_id = :c
"""
_HOW_MANY = "SELECT count(*) FROM crm.capture_hits WHERE company_id = :c"


async def come(store: CaptureStore, tenant: Tenant, first: int, count: int) -> None:
    """Have a lead made by each of so many new addresses, some at once."""
    at_once = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with at_once:
            address = ip_network(f"172.{16 + number // 65_536}.{number // 256 % 256}.{number % 256}/32")
            await store.capture(tenant.company_id, person(), address)

    await asyncio.gather(*(one(number) for number in range(first, first + count)))


async def test_each_lead_removes_two_addresses_of_hours_past(
    crowd: Postgres, postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """Whoever comes cleans up, so the table shrinks to the last hour's addresses by itself, and no process of its own
    has to run. Where one does, as the sweeper of a stack on the same server, fewer may be left.
    """
    async with postgres.transaction() as connection:
        await connection.execute(text(_HOURS_AGO), {"c": tenant.company_id, "many": MANY})
    await come(CaptureStore(crowd, source="leads"), tenant, 0, CALLS)
    assert CALLS <= await db.value(_HOW_MANY, c=tenant.company_id) <= MANY + CALLS - 2 * CALLS


async def test_hour_after_hour_the_table_holds_one_hours_addresses(crowd: Postgres, db: Stored, tenant: Tenant) -> None:
    store = CaptureStore(crowd, source="leads")
    for hour in range(4):
        await come(store, tenant, hour * CALLS, CALLS)
        assert await db.value(_HOW_MANY, c=tenant.company_id) == CALLS
        await db.execute(_AN_HOUR_PASSES, c=tenant.company_id)


@pytest.mark.parametrize(
    ("peer", "trusted", "written"),
    [
        # Nobody is trusted: the peer counts, whatever is written.
        ("203.0.113.7", "", "198.51.100.{n}"),
        # The peer is none of the gateway's: what it writes is its own invention.
        ("203.0.113.7", "10.0.0.0/8", "198.51.100.{n}"),
        # The gateway appends whom it saw to what that one had written.
        ("10.0.0.1", "10.0.0.0/8", "198.51.100.{n}, 203.0.113.7"),
        ("10.0.0.1", "10.0.0.0/8", "10.9.9.{n}, 203.0.113.7, 10.0.0.2"),
        ("10.0.0.1", "10.0.0.0/8", "2001:db8:7:7::{n}"),
        ("2001:db8:7:7::1", "", "2001:db8:{n}::1"),
        ("::ffff:203.0.113.7", "", "198.51.100.{n}"),
    ],
)
async def test_whatever_an_address_writes_it_has_ten_an_hour(
    site: Site, db: Stored, company: Tenant, peer: str, trusted: str, written: str
) -> None:
    public = site(peer=peer, trusted_proxies=trusted, capture_company_id=company.company_id)

    async def send(number: int) -> int:
        body = {"name": "Ana", "email": f"{unique('ana')}@example.com"}
        forwarded = {"X-Forwarded-For": written.format(n=number)}
        return (await public.post("/api/v1/leads", json=body, headers=forwarded)).status_code

    answers = [await send(number) for number in range(1, 13)]
    assert answers == [201] * 10 + [429] * 2
    assert await db.value(_HOW_MANY, c=company.company_id) == 1
