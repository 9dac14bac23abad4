"""Pages of leads: each lead once, whoever makes others meanwhile; filters alone and together."""

import asyncio
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing.store import ListStore, PageStart
from services.leads.noting.store import LeadReader
from tests.integration.leads.conftest import Site
from tests.integration.leads.test_change_store import capture
from tests.integration.leads.test_common_words import statements
from tests.support.platform import Tenant
from tests.support.readers import Stored


@pytest_asyncio.fixture
async def admin(site: Site, signed_in: dict[str, str]) -> httpx.AsyncClient:
    return site(headers=signed_in)


async def page_of(admin: httpx.AsyncClient, **params: Any) -> dict[str, Any]:
    answer = await admin.get("/api/v1/leads", params=params)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("sort", ["created_at", "-created_at"])
async def test_cursors_show_each_lead_once_whoever_makes_others_meanwhile(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, sort: str
) -> None:
    there = [str(await capture(postgres, company, number)) for number in range(11)]
    seen: list[str] = []
    more: dict[str, Any] = {}
    while more.get("cursor", "") is not None:
        page = await page_of(admin, sort=sort, limit=3, **{name: each for name, each in more.items() if each})
        seen += [item["id"] for item in page["items"]]
        more = {"cursor": page["next"]}
        await capture(postgres, company, 20 + len(seen))
        assert len(seen) < 60
    assert len(set(seen)) == len(seen)
    expected = there if sort == "created_at" else there[::-1]
    assert [each for each in seen if each in there] == expected


async def test_every_page_says_how_many_there_are_in_all(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant
) -> None:
    """Full ones, the last one, one behind the last, and where a cursor goes on."""
    for number in range(5):
        await capture(postgres, company, number)
    for page, limit, shown in ((1, 2, 2), (2, 2, 2), (3, 2, 1), (4, 2, 0), (1, 5, 5), (2, 5, 0), (1, 100, 5)):
        found = await page_of(admin, page=page, limit=limit)
        assert (len(found["items"]), found["total"], found["total_is_exact"]) == (shown, 5, True), (page, limit)
    cursor = (await page_of(admin, limit=3))["next"]
    for limit in (1, 2, 100):
        assert (await page_of(admin, cursor=cursor, limit=limit))["total"] == 5
    assert (await page_of(admin, q="nobody"))["total"] == 0


async def test_a_page_and_that_it_is_shown_are_one_exchange(postgres: Postgres, company: Tenant) -> None:
    """Between those that begin and end the transaction: what a page takes is mostly ways to the server and back."""
    for number in range(4):
        await capture(postgres, company, number)
    store = ListStore(postgres)
    reader = LeadReader(company.user_id, datetime.now(UTC), "list", first=2)
    for wanted in (LeadFilter(), LeadFilter(q="john"), LeadFilter(source="website"), LeadFilter(status=LeadStatus.NEW)):
        with statements(postgres) as asked:
            found, *_ = await store.counted_page(company.company_id, wanted, PageStart(5), reader=reader)
        assert len(found) == 4
        assert len(asked) == (3 if wanted.may_be_common else 1), asked


@pytest.mark.parametrize("q", ["%", "---", "\N{WHITE HEAVY CHECK MARK}", "'"])
async def test_what_has_no_letter_and_no_digit_no_lead_has(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant, q: str
) -> None:
    """Or all leads would be put into a list, or taken out of it, that nobody has asked for."""
    await capture(postgres, company)
    found = await page_of(admin, q=q)
    assert (found["items"], found["total"], found["total_is_exact"]) == ([], 0, True)


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-03:00", "0001-01-01T00:00:00+14:00"])
async def test_a_time_that_is_none_in_utc_is_refused(admin: httpx.AsyncClient, moment: str) -> None:
    for name in ("created_from", "created_to"):
        answer = await admin.get("/api/v1/leads", params={name: moment})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")
        assert name in answer.json()["detail"]
        members = f"/api/v1/lists/{uuid4()}/members"
        answer = await admin.post(members, json={"filter": {name: moment}})
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid")


async def test_pages_by_number_end_where_the_cursor_goes_on(
    admin: httpx.AsyncClient, postgres: Postgres, company: Tenant
) -> None:
    leads = [str(await capture(postgres, company, number)) for number in range(5)]
    page = await page_of(admin, page=2, limit=2)
    assert ([item["id"] for item in page["items"]], page["total"]) == ([leads[2], leads[1]], 5)
    assert (await page_of(admin, page=100, limit=100))["items"] == []
    answer = await admin.get("/api/v1/leads", params={"page": 101, "limit": 100})
    assert (answer.status_code, answer.json()["code"]) == (422, "page_too_deep")
    for wrong in ({"cursor": "x"}, {"limit": 101}, {"page": 0}, {"created_from": "2026-01-01T00:00:00"}):
        answer = await admin.get("/api/v1/leads", params=wrong)
        assert (answer.status_code, answer.json()["code"]) == (422, "request_invalid"), wrong


async def test_more_than_are_counted_are_said_to_be_more(postgres: Postgres, company: Tenant) -> None:
    for number in range(4):
        await capture(postgres, company, number)
    store = ListStore(postgres)
    assert await store.count(company.company_id, LeadFilter(), most=4) == (4, True)
    assert await store.count(company.company_id, LeadFilter(), most=3) == (3, False)


async def test_filters_narrow_each_other_down(
    admin: httpx.AsyncClient, postgres: Postgres, db: Stored, company: Tenant
) -> None:
    sources = ("website", "referral", "social", "other")
    leads = [
        str(
            await capture(
                postgres,
                company,
                n,
                source=sources[n % 4],
                company=f"Acme {n}",
                email=f"lead{n}@example.com",  # each part of an address is a word that a search may begin
                phone=f"+55 34 97777-777{n}",
            )
        )
        for n in range(8)
    ]
    await asyncio.gather(
        *(admin.patch(f"/api/v1/leads/{lead}/status", json={"status": "qualified"}) for lead in leads[:4]),
        *(
            admin.post(f"/api/v1/leads/{lead}/assign", json={"assigned_to": company.other_user_id})
            for lead in leads[2:6]
        ),
    )
    created = await db.value("SELECT created_at FROM amigocare.amigocare_leads WHERE public_id = :id", id=leads[3])

    async def found(**params: Any) -> list[int]:
        page = await page_of(admin, **params)
        assert page["total"] == len(page["items"])
        return sorted(leads.index(item["id"]) for item in page["items"])

    assert await found(status="qualified") == [0, 1, 2, 3]
    assert await found(status="new") == [4, 5, 6, 7]
    assert await found(source="social") == [2, 6]
    assert await found(assigned_to=company.other_user_id, status="qualified") == [2, 3]
    assert await found(created_from=created.isoformat()) == [3, 4, 5, 6, 7]
    assert await found(created_to=created.isoformat(), q="acme") == [0, 1, 2]
    assert await found(q="ACM 7") == [7], "the 7 of a phone is no word"
    assert await found(q="acme LEAD7@exam") == [7]
    assert await found(q="34 7777-7775") == [5], "a phone is looked for as a whole"
    assert await found(channel="FORM") == list(range(8))
    assert await found(channel="MANUAL") == await found(channel="IMPORT") == await found(tag="VIP") == []
    assert await found(status="qualified", source="website", q="acme", channel="FORM") == [0]
