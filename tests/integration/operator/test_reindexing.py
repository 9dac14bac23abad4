"""Leads from before are given what enroller gives: a public id, a start of their history, a place in the search."""

from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing.store import ListStore
from services.operator.reindexing import PORTION, reindex_leads
from tests.integration.leads.test_change_store import capture
from tests.support.platform import Tenant
from tests.support.readers import Stored

OF_THE_COMPANY = "(SELECT id FROM amigocare.amigocare_leads WHERE company_id = :c)"

UP_TO = """
    SELECT count(*) FROM amigocare.amigocare_leads
    WHERE id <= (SELECT id FROM amigocare.amigocare_leads WHERE public_id = :id)
"""


async def forget(db: Stored, company: int) -> None:
    """Leave the company's leads as they are before anything of ours knows them."""
    await db.execute(f"DELETE FROM crm.lead_search WHERE lead_id IN {OF_THE_COMPANY}", c=company)
    await db.execute(f"DELETE FROM crm.lead_activities WHERE lead_id IN {OF_THE_COMPANY}", c=company)


async def test_leads_from_before_are_found_and_known_by_an_id(crowd: Postgres, db: Stored, tenant: Tenant) -> None:
    company = tenant.company_id
    known, unknown, deleted = [await capture(crowd, tenant, number, name=f"Zoë {number}") for number in range(3)]
    await forget(db, company)
    await db.execute("UPDATE amigocare.amigocare_leads SET public_id = NULL WHERE public_id = :id", id=unknown)
    await db.execute("UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE public_id = :id", id=deleted)
    portion = await db.value(UP_TO, id=known)  # whatever leads there are besides: one portion ends between these
    said: list[str] = []
    for _ in range(2):  # a second run finds the same
        await reindex_leads(crowd, say=said.append, portion=portion)
        found = await ListStore(crowd).page(company, LeadFilter(q="zoe"), limit=10)
        assert [lead["name"] for lead in found] == ["Zoë 1", "Zoë 0"]
        assert found[0]["id"] not in (None, unknown)
        assert found[1]["id"] == known
        count = f"SELECT count(*) FROM crm.lead_activities WHERE lead_id IN {OF_THE_COMPANY}"
        assert await db.value(count, c=company) == 2


async def test_ids_that_were_left_out_cost_nothing(crowd: Postgres, db: Stored, tenant: Tenant) -> None:
    """A restore sets sequences ahead: the ids between are nobody's."""
    await capture(crowd, tenant)
    far = await capture(crowd, tenant, 2, name="Zoë")
    await forget(db, tenant.company_id)
    await db.execute("UPDATE amigocare.amigocare_leads SET id = 2000000000 WHERE public_id = :id", id=far)
    portions: list[str] = []
    count = await reindex_leads(crowd, say=portions.append)
    assert len(portions) == -(-await db.value("SELECT count(*) FROM amigocare.amigocare_leads") // PORTION)
    assert count > 1
    await forget(db, tenant.company_id)
    await db.execute("DELETE FROM amigocare.amigocare_leads WHERE public_id = :id", id=far)
