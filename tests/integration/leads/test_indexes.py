"""What an import pays for the list, three indexes more; and that the list and its filters take them."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import text

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from services.leads.domain.lead_filter import LeadFilter
from services.leads.domain.list_cursor import ListPlace
from services.leads.listing import store as listing
from services.leads.listing.store import ListStore, PageStart, place_of
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

OF_THE_IMPORT = {"amigocare_leads_pkey", "amigocare_leads_phone", "amigocare_leads_chat", "amigocare_leads_import"}
OURS = {"amigocare_leads_public", "amigocare_leads_by_time", "amigocare_leads_of_source"}

MANY = 3_000

_LEADS = """
    INSERT INTO amigocare.amigocare_leads (contact_cellphone, company_id, amigocare_messaging_account_id, creator_id,
                                           source_id, channel_id)
    SELECT '11' || (910000000 + n), :company, :account, :user, :source, (SELECT min(id) FROM amigocare.lead_channels)
    FROM generate_series(1, :many) n
"""
_THE_LIST = "SELECT idx_scan, idx_tup_read FROM pg_stat_user_indexes WHERE indexrelname = 'amigocare_leads_by_time'"
_LIKE_CREATOR = text(
    """
    INSERT INTO amigocare.amigocare_leads
        (name, email, cpf, contact_cellphone, contact_cellphone_dial_code, contact_cellphone_country_code, chat_id,
         source_id, channel_id, import_id, company_id, amigocare_messaging_account_id, creator_id)
    VALUES ('Ana', 'ana@example.com', NULL, CAST(:phone AS text), '55', 'BR', left(md5(CAST(:phone AS text)), 24),
            :source_id,
            (SELECT id FROM amigocare.lead_channels WHERE name = 'IMPORT' AND NOT is_deleted),
            :import_id, :company_id, :account_id, :creator_id)
    RETURNING id
    """
)
_INDEXES = text(
    """
    SELECT indexrelid::regclass::text, pg_get_expr(indpred, indrelid) FROM pg_index
    WHERE indrelid = 'amigocare.amigocare_leads'::regclass
    """
)


async def test_a_plain_imported_lead_enters_three_indexes_more(postgres: Postgres, tenant: Tenant) -> None:
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("import"))
    async with postgres.transaction() as connection:
        lead = {
            "phone": unique("")[-11:],
            "source_id": tenant.source_id,
            "import_id": import_id,
            "company_id": tenant.company_id,
            "account_id": tenant.account_id,
            "creator_id": tenant.user_id,
        }
        lead_id = (await connection.execute(_LIKE_CREATOR, lead)).scalar_one()
        entered = set()
        for name, predicate in (await connection.execute(_INDEXES)).all():
            row = text(
                f"SELECT EXISTS (SELECT FROM amigocare.amigocare_leads WHERE id = :id AND {predicate or 'true'})"
            )
            if (await connection.execute(row, {"id": lead_id})).scalar_one():
                entered.add(name.removeprefix("amigocare."))
    assert entered == OF_THE_IMPORT | OURS


_READ = text(
    """
    SELECT sum(coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables
    WHERE relname IN ('amigocare_leads', 'chat_tags', 'lead_list_members')
    """
)
_LIST = "INSERT INTO crm.lead_lists (id, company_id, name, created_by) VALUES (:id, :company, 'Some', 1)"
_TAGGED = """
    INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
    SELECT lpad(to_hex(id), 24, '0'), :tag, id, company_id, :user FROM amigocare.amigocare_leads
    WHERE company_id = :company
"""
_LISTED = """
    INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
    SELECT :list_id, id, company_id FROM amigocare.amigocare_leads WHERE company_id = :company
"""


async def test_a_page_of_what_all_leads_of_a_company_have_reads_a_few_of_them(
    postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """Whoever collects all that have it first reads them all; whoever walks along all leads, those of others."""
    import_id = await insert_import(postgres, tenant, row_counts=[1], name=unique("import"))
    for each in (tenant, await create_tenant(db.engine)):
        lead = {"account": each.account_id, "user": each.user_id, "source": each.source_id}
        await db.execute(_LEADS, **lead, company=each.company_id, many=MANY)
    mine = {"company": tenant.company_id}
    await db.execute(_TAGGED, **mine, tag=tenant.tag_ids[0], user=tenant.user_id)
    list_id = uuid4()
    await db.execute(_LIST, id=list_id, **mine)
    await db.execute(_LISTED, **mine, list_id=list_id)
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET import_id = :i, chat_id = lpad(to_hex(id), 24, '0')"
        " WHERE company_id = :company",
        **mine,
        i=import_id,
    )
    await db.execute("ANALYZE amigocare.amigocare_leads, amigocare.chat_tags, crm.lead_list_members")
    store = ListStore(postgres)
    for wanted in (
        LeadFilter(tag="Cliente"),
        LeadFilter(list_id=list_id),
        LeadFilter(source="Feira"),
        LeadFilter(channel="IMPORT"),
        LeadFilter(created_from=datetime(2020, 1, 1, tzinfo=UTC)),
        LeadFilter(import_id=import_id),
    ):
        async with store._reading(tenant.company_id, wanted) as connection:
            before = (await connection.execute(_READ)).scalar_one()
            page = await listing._page(connection, tenant.company_id, wanted, PageStart(50))
            read = (await connection.execute(_READ)).scalar_one() - before
        assert len(page) == 50, wanted
        assert 50 <= read <= 300, wanted


_HOURS = """
    UPDATE amigocare.amigocare_leads l SET created_at = timestamptz '2020-05-01Z' + made.place * interval '1 hour'
    FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM amigocare.amigocare_leads
          WHERE company_id = :company) made WHERE made.id = l.id
"""
_SOME_ARE_OF = """
    UPDATE amigocare.amigocare_leads SET source_id = :source
    WHERE id IN (SELECT id FROM amigocare.amigocare_leads WHERE company_id = :company ORDER BY id OFFSET 21 LIMIT 3)
"""


async def test_a_few_leads_of_a_source_or_a_period_are_found_without_a_look_at_all_the_others(
    postgres: Postgres, db: Stored, tenant: Tenant
) -> None:
    """However long ago they were made, and whatever else is asked of those of a period."""
    lead = {"account": tenant.account_id, "user": tenant.user_id, "source": tenant.source_id}
    await db.execute(_LEADS, **lead, company=tenant.company_id, many=MANY)
    await db.execute(_HOURS, company=tenant.company_id)
    name = unique("Feira")
    await db.execute("INSERT INTO amigocare.lead_sources (name) VALUES (:name)", name=name)
    source = await db.value("SELECT id FROM amigocare.lead_sources WHERE name = :name", name=name)
    await db.execute(_SOME_ARE_OF, company=tenant.company_id, source=source)
    await db.execute("ANALYZE amigocare.amigocare_leads")
    second, third = datetime(2020, 5, 2, tzinfo=UTC), datetime(2020, 5, 3, tzinfo=UTC)
    for wanted, expected in (
        (LeadFilter(source=name), 3),
        (LeadFilter(source=name, created_from=second), 1),
        (LeadFilter(created_to=second), 23),
        (LeadFilter(created_from=second, created_to=third), 24),
        (LeadFilter(created_from=second, created_to=third, status=LeadStatus.NEW), 24),
        (LeadFilter(created_from=second, created_to=third, channel="IMPORT"), 24),
        (LeadFilter(created_to=third, tag="VIP"), 0),
    ):
        async with ListStore(postgres)._reading(tenant.company_id, wanted) as connection:
            before = (await connection.execute(_READ)).scalar_one()
            page = await listing._page(connection, tenant.company_id, wanted, PageStart(50))
            if not wanted.may_be_common:
                assert await listing._count(connection, tenant.company_id, wanted, most=50) == (expected, True)
            read = (await connection.execute(_READ)).scalar_one() - before
        assert len(page) == expected, wanted
        assert read <= 150, wanted


@pytest.mark.parametrize("of_a_source", [False, True])
async def test_the_list_is_in_the_order_of_time_whatever_numbers_leads_have(
    postgres: Postgres, db: Stored, tenant: Tenant, of_a_source: bool
) -> None:
    """As after leads were taken over from somewhere else; those of the same moment are told apart by their numbers."""
    lead = {"account": tenant.account_id, "user": tenant.user_id, "source": tenant.source_id}
    await db.execute(_LEADS, **lead, company=tenant.company_id, many=20)
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET created_at = timestamptz '2020-05-01Z' + id * 7 % 10 * interval '1 day'"
        " WHERE company_id = :company",
        company=tenant.company_id,
    )
    there = await db.rows(
        "SELECT id FROM amigocare.amigocare_leads WHERE company_id = :company ORDER BY created_at, id",
        company=tenant.company_id,
    )
    expected = [row["id"] for row in there]
    assert expected != sorted(expected)
    store, wanted = ListStore(postgres), LeadFilter(source="Feira" if of_a_source else None)
    for oldest_first in (False, True):
        seen: list[int] = []
        behind = None
        while page := await store.page(tenant.company_id, wanted, limit=3, behind=behind, oldest_first=oldest_first):
            seen += [row["lead_id"] for row in page]
            behind = place_of(page[-1])
        assert seen == (expected if oldest_first else expected[::-1])
    assert await by_number(store, tenant, wanted, 3) == expected[::-1]


async def by_number(store: ListStore, tenant: Tenant, wanted: LeadFilter, limit: int) -> list[int]:
    """Return all leads, so many a page, by pages that pass over those before."""
    pages = [await store.page(tenant.company_id, wanted, limit=limit, offset=n) for n in range(0, 20, limit)]
    return [row["lead_id"] for page in pages for row in page]


async def test_sources_of_one_name_are_one_list(postgres: Postgres, db: Stored, tenant: Tenant) -> None:
    name = unique("Feira")
    for each in (name, name.upper()):
        await db.execute("INSERT INTO amigocare.lead_sources (name) VALUES (:name)", name=each)
        source = await db.value("SELECT id FROM amigocare.lead_sources WHERE name = :name", name=each)
        lead = {"account": tenant.account_id, "user": tenant.user_id, "source": source}
        await db.execute(_LEADS.replace("910000000", f"{source:d} * 100"), **lead, company=tenant.company_id, many=5)
    await db.execute(
        "UPDATE amigocare.amigocare_leads SET created_at = timestamptz '2020-05-01Z' + id % 5 * interval '1 day'"
        " WHERE company_id = :company",
        company=tenant.company_id,
    )
    store = ListStore(postgres)
    expected = await store.page(tenant.company_id, LeadFilter(), limit=20)
    for offset, limit in ((0, 20), (0, 3), (4, 4), (9, 3)):
        page = await store.page(tenant.company_id, LeadFilter(source=name), limit=limit, offset=offset)
        assert page == expected[offset : offset + limit]


@pytest.mark.parametrize("behind", [None, 1_500])
async def test_a_page_of_a_large_company_reads_as_many_entries_of_the_lists_index(
    stores: tuple[PostgresSettings, MongoSettings], db: Stored, tenant: Tenant, behind: int | None
) -> None:
    # Each company more lets PostgreSQL expect fewer leads of this one.
    for _ in range(40):
        other = await create_tenant(db.engine)
        lead = {"account": other.account_id, "user": other.user_id, "source": other.source_id}
        await db.execute(_LEADS, **lead, company=other.company_id, many=20)
    # Others' leads, ten times as many, are newer than its own: whoever walks along all leads reads them first.
    for each, many in ((tenant, MANY), (await create_tenant(db.engine), 10 * MANY)):
        lead = {"account": each.account_id, "user": each.user_id, "source": each.source_id}
        await db.execute(_LEADS, **lead, company=each.company_id, many=many)
    await db.execute("ANALYZE amigocare.amigocare_leads")
    newest = "SELECT id, created_at FROM amigocare.amigocare_leads WHERE company_id = :c ORDER BY id DESC LIMIT 1"
    last, created_at = (await db.rows(newest, c=tenant.company_id))[0].values()
    before = (await db.rows(_THE_LIST))[0]
    fresh = Postgres(stores[0], application_name="tests")
    page = await ListStore(fresh).page(
        tenant.company_id,
        LeadFilter(),
        limit=50,
        behind=None if behind is None else ListPlace(created_at, last - behind),
    )
    await fresh.close()  # a session counts its reads at its end
    assert [each["lead_id"] for each in page] == [last - (behind or -1) - 1 - n for n in range(50)]

    async def counted() -> dict[str, int] | None:
        now = (await db.rows(_THE_LIST))[0]
        return now if now["idx_scan"] > before["idx_scan"] else None

    after = await eventually(counted, what="a walk along the list's index")
    assert after["idx_tup_read"] - before["idx_tup_read"] <= 60
