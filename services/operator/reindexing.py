"""Every lead gets what enroller gives those of an import: leads from before, and after a restore of some tables.

As who owns the tables, in portions that are committed one by one: nobody waits for it, and a second run goes on.
"""

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.leads.enrolled_lead import EnrolledLead
from libs.leads.enrolling import enroll

PORTION = 5_000

# By how many leads there are, not by how far their ids go: a restore may leave millions of ids out.
_NEXT = text(
    """
    SELECT min(id) AS first, max(id) AS last
    FROM (SELECT id FROM amigocare.amigocare_leads WHERE id > :after ORDER BY id LIMIT :portion) AS portion
    """
)
_PUBLIC_IDS = text(
    """
    UPDATE amigocare.amigocare_leads SET public_id = uuidv7()
    WHERE id BETWEEN :first AND :last AND public_id IS NULL
    """
)
# Nobody edits one meanwhile: what is read here is what is found by.
_LEADS = text(
    """
    SELECT l.company_id, l.id AS lead_id, l.public_id, l.name, l.email, l.contact_cellphone AS phone,
           l.contact_cellphone_dial_code AS dial_code, l.contact_cellphone_country_code AS country_code,
           l.company_name, l.first_name, l.last_name, l.source_id, s.name AS source, l.created_at
    FROM amigocare.amigocare_leads l JOIN amigocare.lead_sources s ON s.id = l.source_id
    WHERE l.id BETWEEN :first AND :last AND NOT l.is_deleted ORDER BY l.id FOR SHARE OF l
    """
)
_FORGET = text("DELETE FROM crm.lead_search WHERE lead_id BETWEEN :first AND :last")


async def reindex_leads(postgres: Postgres, *, say: Callable[[str], None], portion: int = PORTION) -> int:
    """Give every lead its public id, its first entry of history and its place in the search anew; return how many."""
    done = after = 0
    while True:
        async with postgres.transaction() as connection:
            ids = (await connection.execute(_NEXT, {"after": after, "portion": portion})).one()
            if ids.last is None:
                return done
            done += await _reindex(connection, {"first": ids.first, "last": ids.last})
        after = ids.last
        say(f"{done:,} leads")


async def _reindex(connection: AsyncConnection, of: dict[str, int]) -> int:
    await connection.execute(_PUBLIC_IDS, of)
    by_company: dict[int, list[EnrolledLead]] = {}
    for row in (await connection.execute(_LEADS, of)).mappings():
        values = dict(row)
        by_company.setdefault(values.pop("company_id"), []).append(EnrolledLead(**values))
    await connection.execute(_FORGET, of)
    for company_id, leads in sorted(by_company.items()):
        await enroll(connection, company_id, leads)
    return sum(map(len, by_company.values()))
