"""What many leads may have, words, values, tags, lists: a page is the same whichever way its leads were found."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from sqlalchemy import QueuePool, event

from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing import store as listing
from services.leads.listing.store import ListStore, PageStart, place_of
from tests.integration.leads.test_change_store import capture
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

_LIST = "INSERT INTO crm.lead_lists (id, company_id, name, created_by) VALUES (:id, :company, 'Some', 1)"
_HAVE_A_TAG = """
    INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
    SELECT lpad(to_hex(id), 24, '0'), :tag, id, company_id, :user FROM amigocare.amigocare_leads
    WHERE public_id = ANY(:ids)
"""
_ARE_IN_A_LIST = """
    INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
    SELECT :list_id, id, company_id FROM amigocare.amigocare_leads WHERE public_id = ANY(:ids)
"""
_ARE_IMPORTED = """
    UPDATE amigocare.amigocare_leads
    SET import_id = :import_id, contact_cellphone = '11' || (910000000 + id), creator_id = :user,
        amigocare_messaging_account_id = :account
    WHERE public_id = ANY(:ids)
"""
BY_INDEX = ("leads_with_words", "leads_with_values")


@contextmanager
def statements(postgres: Postgres) -> Iterator[list[str]]:
    """Give what the server is asked meanwhile."""
    seen: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    event.listen(postgres.engine.sync_engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(postgres.engine.sync_engine, "before_cursor_execute", note)


@pytest.fixture
def walked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(listing, "WALKED", request.param)
    return int(request.param)


@pytest.mark.parametrize("walked", [1, 3, 8, 100], indirect=True)
@pytest.mark.parametrize("oldest_first", [False, True])
async def test_pages_are_the_same_whichever_way_their_leads_are_found(
    postgres: Postgres, company: Tenant, db: Stored, walked: int, oldest_first: bool
) -> None:
    names = [
        "Maria Souza",
        "Ana Lima",
        "Maria Dias",
        "Rita Sousa",
        "Maria Souza",
        "Caio Lima",
        "Ana Souza",
        "Maria Sol",
    ]
    made = [await capture(postgres, company, number, name=name) for number, name in enumerate(names)]
    gold = made[1::3]
    change = 'UPDATE amigocare.amigocare_leads SET custom_fields = \'{"plan": "gold"}\' WHERE public_id = ANY(:ids)'
    await db.execute(change, ids=gold)
    marias = [each for each, name in zip(made, names, strict=True) if name.startswith("Maria")]
    store = ListStore(postgres)
    for wanted, expected in (
        (LeadFilter(q="mari"), marias),
        (LeadFilter(q="mari sou"), [marias[0], marias[2]]),
        (LeadFilter(custom={"plan": "gold"}), gold),
        (LeadFilter(q="souza", custom={"plan": "gold"}), [made[4]]),
        (LeadFilter(q="nobody"), []),
    ):
        await assert_pages(store, company, wanted, expected, oldest_first=oldest_first)


@pytest.mark.parametrize("walked", [1, 3, 8, 100], indirect=True)
@pytest.mark.parametrize("oldest_first", [False, True])
async def test_so_are_those_of_tags_lists_sources_and_imports(
    postgres: Postgres, company: Tenant, db: Stored, walked: int, oldest_first: bool
) -> None:
    """``created_to`` is of all but the last one; nobody else's tag or list of the same name counts."""
    made = [await capture(postgres, company, number, name="Maria Souza") for number in range(8)]
    some, other = made[1::3], made[2::4]
    list_id = uuid4()
    await db.execute(_LIST, id=list_id, company=company.company_id)
    import_id = await insert_import(postgres, company, row_counts=[1], name=unique("import"))
    await db.execute(_HAVE_A_TAG, ids=some, tag=company.tag_ids[0], user=company.user_id)
    await db.execute(_HAVE_A_TAG, ids=other, tag=company.tag_ids[1], user=company.user_id)
    await db.execute(_ARE_IN_A_LIST, ids=some, list_id=list_id)
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET source_id = :s WHERE public_id = ANY(:ids)", s=company.source_id, ids=some
    )
    await db.execute(_ARE_IMPORTED, ids=other, import_id=import_id, account=company.account_id, user=company.user_id)
    last = await db.value("SELECT created_at FROM amigocare.amigocare_leads WHERE public_id = :id", id=made[-1])
    store = ListStore(postgres)
    for wanted, expected in (
        (LeadFilter(tag="CLIENTE"), some),
        (LeadFilter(tag="Parceiro"), other),
        (LeadFilter(tag="VIP"), []),
        (LeadFilter(list_id=list_id), some),
        (LeadFilter(list_id=UUID(int=7)), []),
        (LeadFilter(source="feira"), some),
        (LeadFilter(import_id=import_id), other),
        (LeadFilter(channel="FORM"), [each for each in made if each not in other]),
        (LeadFilter(created_from=last), made[-1:]),
        (LeadFilter(created_to=last), made[:-1]),
        (LeadFilter(tag="cliente", list_id=list_id, source="Feira", q="maria"), some),
        (LeadFilter(tag="cliente", import_id=import_id), []),
    ):
        await assert_pages(store, company, wanted, expected, oldest_first=oldest_first)


async def assert_pages(
    store: ListStore, company: Tenant, wanted: LeadFilter, expected: list[UUID], *, oldest_first: bool
) -> None:
    """Hold that pages by number, of several sizes, and by cursor have just these leads, and count them.

    ``expected`` is in the order in which they were made.
    """
    in_order = expected if oldest_first else expected[::-1]
    for limit, offset in itertools.product((1, 2, 20), (0, 1, 5)):
        place = PageStart(limit, offset, oldest_first=oldest_first)
        found, total, is_exact = await store.counted_page(company.company_id, wanted, place)
        assert [row["id"] for row in found] == in_order[offset : offset + limit], (wanted, limit, offset)
        assert (total, is_exact) == (len(expected), True), (wanted, limit, offset)
    assert await by_cursor(store, company, wanted, oldest_first=oldest_first) == in_order


async def by_cursor(store: ListStore, company: Tenant, wanted: LeadFilter, *, oldest_first: bool) -> list[UUID]:
    """Return all leads, two a page."""
    seen: list[UUID] = []
    behind = None
    while found := await store.page(company.company_id, wanted, limit=2, behind=behind, oldest_first=oldest_first):
        seen += [row["id"] for row in found]
        behind = place_of(found[-1])
    return seen


async def test_a_word_that_the_newest_leads_have_costs_no_index(postgres: Postgres, company: Tenant) -> None:
    """The index of words is everybody's: what it finds of a common name is the whole platform's."""
    for number in range(3):
        await capture(postgres, company, number, name="Maria Souza")
    store = ListStore(postgres)
    with statements(postgres) as seen:
        found = await store.page(company.company_id, LeadFilter(q="mari sou"), limit=2)
        small = await store.page(company.company_id, LeadFilter(q="mari"), limit=20)
    assert (len(found), len(small)) == (2, 3)
    assert not [each for each in seen if any(name in each for name in BY_INDEX)]


async def test_many_who_look_for_the_same_at_once_have_it_counted_once(
    postgres: Postgres, company: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And one more time for those who came while it was counted: somebody may have made a lead meanwhile."""
    for number in range(4):
        await capture(postgres, company, number, name="Maria Souza")
    count, counts, may_end = listing._count, itertools.count(), asyncio.Event()

    async def slow_count(*asked: Any) -> tuple[int, bool]:
        next(counts)
        await may_end.wait()
        return await count(*asked)

    monkeypatch.setattr(listing, "_count", slow_count)
    store = ListStore(postgres)
    asked = (company.company_id, LeadFilter(q="maria"), PageStart(1))
    with statements(postgres) as seen:
        calls = [asyncio.create_task(store.counted_page(*asked)) for _ in range(30)]

        async def all_pages() -> bool:
            asking = cast("QueuePool", postgres.engine.sync_engine.pool).checkedout()
            return len([each for each in seen if "lead_search" in each]) == len(calls) and asking == 1

        await eventually(all_pages, what="that all pages are read, and one caller counts")
        may_end.set()
        answers = await asyncio.gather(*calls)
    assert {(total, is_exact) for _, total, is_exact in answers} == {(4, True)}
    assert next(counts) <= 2
