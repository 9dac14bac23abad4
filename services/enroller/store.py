"""A chunk's leads, their history and their place in the search: one statement each, however many leads."""

from typing import NamedTuple

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.import_options import SILENT
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.leads.enrolled_lead import EnrolledLead
from libs.leads.enrolling import enroll

# Those of this import alone, by its time too: ids are given again by a database that was restored. What was taken back
# since is left out.
#
# Whoever edits or erases a lead holds it, and then its place in the search. Who takes both here takes them in that
# order: without the first, a lead that is erased in between would be written into the search as it was read, for good.
_LEADS = text(
    f"""
    SELECT l.id AS lead_id, l.public_id, l.name, l.email, l.contact_cellphone AS phone,
           l.contact_cellphone_dial_code AS dial_code, l.contact_cellphone_country_code AS country_code,
           l.company_name, l.first_name, l.last_name, l.source_id, s.name AS source, l.created_at,
           coalesce(i.options ? '{SILENT}', false) AS is_silent
    FROM amigocare.amigocare_leads l
    JOIN amigocare.lead_imports i ON i.id = l.import_id AND i.created_at = :accepted_at
    JOIN amigocare.lead_sources s ON s.id = l.source_id
    WHERE l.id = ANY(CAST(:ids AS int[])) AND l.import_id = :import_id AND l.company_id = :company_id
      AND NOT l.is_deleted
    ORDER BY l.id FOR SHARE OF l
    """
)
# As somebody puts them in by hand: nobody deletes the list meanwhile, and a lead that is being deleted is waited for,
# and then left out. The list is the last that is locked: its row counts its leads, and all of an import's chunks write
# it.
_JOIN = text(
    """
    INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
    SELECT wanted.id, there.id, :company_id
    FROM (SELECT id FROM crm.lead_lists WHERE id = :list_id AND company_id = :company_id FOR KEY SHARE) wanted
    CROSS JOIN (SELECT id FROM amigocare.amigocare_leads
                WHERE id = ANY(CAST(:ids AS int[])) AND company_id = :company_id AND NOT is_deleted
                ORDER BY id FOR SHARE) there
    ON CONFLICT DO NOTHING
    """
)


class Enrolled(NamedTuple):
    """Leads of a chunk, and whether somebody is to be told of them."""

    leads: list[EnrolledLead]
    is_silent: bool


class Store:
    """Writes what the import does not, apart from its speed."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def enroll(self, chunk: ChunkCreated, ids: list[int]) -> Enrolled:
        """Give these leads of the chunk a history, a place in the search and the list that the import names; return
        them, also when that was done before. A list that was deleted meanwhile is left out.
        """
        asked = {
            "ids": ids,
            "import_id": chunk.import_id,
            "company_id": chunk.company_id,
            "accepted_at": chunk.accepted_at,
        }
        async with self._postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
            found = await connection.execute(_LEADS, asked)
            rows = [dict(row) for row in found.mappings()]
            silences = {row.pop("is_silent") for row in rows}
            leads = [EnrolledLead(**row) for row in rows]
            if leads:
                await enroll(connection, chunk.company_id, leads)
            if leads and chunk.list_id:
                joining = {"list_id": chunk.list_id, "ids": [lead.lead_id for lead in leads]}
                await connection.execute(_JOIN, joining | {"company_id": chunk.company_id})
        return Enrolled(leads, True in silences)
