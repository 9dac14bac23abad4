"""What each lead has beside its row, whoever gives it: the start of its history, its place in the search."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.leads.enrolled_lead import EnrolledLead, search_columns

ACTIVITIES = text(
    """
    INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, created_at)
    SELECT given.lead_id, :company_id, 'created', given.description, given.at
    FROM unnest(CAST(:lead_ids AS int[]), CAST(:descriptions AS text[]), CAST(:times AS timestamptz[]))
         AS given (lead_id, description, at)
    ORDER BY given.lead_id
    ON CONFLICT (lead_id) WHERE activity_type = 'created' DO NOTHING
    """
)
# What somebody has edited since is newer than what this has read.
SEARCH = text(
    """
    INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
    SELECT given.lead_id, :company_id, given.folded, to_tsvector('simple', given.folded), given.email,
           coalesce(string_to_array(nullif(given.phones, ''), ' '), '{}'), given.source_id
    FROM unnest(CAST(:lead_ids AS int[]), CAST(:folded AS text[]), CAST(:emails AS text[]), CAST(:phones AS text[]),
                CAST(:source_ids AS int[])) AS given (lead_id, folded, email, phones, source_id)
    ORDER BY given.lead_id
    ON CONFLICT (lead_id) DO NOTHING
    """
)


async def enroll(connection: AsyncConnection, company_id: int, leads: list[EnrolledLead]) -> None:
    """Write both for leads of a company, a statement each; what is there already stays as it is."""
    columns: Mapping[str, Any] = search_columns(leads) | {"company_id": company_id}
    history = ("lead_ids", "company_id", "descriptions", "times")
    await connection.execute(ACTIVITIES, {name: columns[name] for name in history})
    place = ("lead_ids", "company_id", "folded", "emails", "phones", "source_ids")
    await connection.execute(SEARCH, {name: columns[name] for name in place})
