"""Taking a few leads back reads a few pages, however many chat_tags the platform holds."""

import pytest
from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from tests.support.chunks import new_phones
from tests.support.contacts import insert_lead
from tests.support.imports import accepted_chunk, insert_import, live_rows, tagged
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored

MANY = 40_000
TAKEN_BACK = 10
PAGES_A_LEAD = 20
"""Measured: 6.3, for three chat_tags a lead and its foreign key. A scan of the table would be 500 more."""

_CHAT_TAGS = """
    INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
    SELECT lpad(to_hex(n), 24, '0'), :tag, :lead, :company, :user FROM generate_series(1, :many) n
"""


@pytest.fixture
async def crowded(db: Stored, tenant: Tenant) -> Tenant:
    """Chat_tags of others: 40,000 of one lead."""
    lead_id = await insert_lead(db, tenant, new_phones(1)[0])
    values = {"tag": tenant.tag_ids[0], "lead": lead_id, "company": tenant.company_id, "user": tenant.user_id}
    async with db.engine.begin() as connection:
        await connection.execute(text("SET LOCAL session_replication_role = replica"))
        await connection.execute(text(_CHAT_TAGS), values | {"many": MANY})
    return tenant


_PAGES = text(
    """
    SELECT sum(pg_stat_get_xact_blocks_fetched(relation)) FROM (
        SELECT 'amigocare.chat_tags'::regclass AS relation
        UNION ALL SELECT indexrelid FROM pg_index WHERE indrelid = 'amigocare.chat_tags'::regclass
    ) AS relations
    """
)
"""Pages of chat_tags and its indexes that this session has asked for and not reported yet."""


async def test_leads_are_taken_back_by_a_few_pages_each(
    pipeline: Pipeline, postgres: Postgres, db: Stored, crowded: Tenant
) -> None:
    """Their chat_tags, and the foreign key of each lead that goes."""
    import_id = await insert_import(postgres, crowded, row_counts=[TAKEN_BACK], name=unique("n"))
    chunk = tagged(
        accepted_chunk(crowded, import_id, live_rows(new_phones(TAKEN_BACK))), [crowded.tag_ids] * TAKEN_BACK
    )
    await pipeline.create(chunk)
    leads = "SELECT id FROM amigocare.amigocare_leads WHERE import_id = :i"
    lead_ids = [row["id"] for row in await db.rows(leads, i=import_id)]
    assert len(lead_ids) == TAKEN_BACK
    async with pipeline.creator_store.transaction(crowded.company_id) as store:
        before = (await store._connection.execute(_PAGES)).scalar_one()
        await store.delete_leads(chunk, lead_ids)
        read = (await store._connection.execute(_PAGES)).scalar_one() - before
    assert await db.rows(leads, i=import_id) == []
    assert 0 < read <= PAGES_A_LEAD * TAKEN_BACK
