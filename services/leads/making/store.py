"""New leads: the row, its history, its place in the search, its event, of any number of leads by one statement."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.event_outbox import ADDED, added_events
from libs.contracts.leads.events import LeadCreated
from libs.contracts.leads.topics import LEAD_CREATED
from libs.leads.search_text import email_key, folded, phone_forms
from services.leads.making.domain import NewLead

# Each is found again by the id that was chosen for it. Foreign keys are looked at when the statement ends.
_MAKE = text(
    f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM jsonb_to_recordset(CAST(:leads AS jsonb)) AS each (
            id uuid, at timestamptz, name text, email text, phone_as_written text, national text, dial_code text,
            country_code text, company_name text, message text, source text, channel text, creator_id int,
            priority text, assigned_to int, first_name text, last_name text, job_title text, linkedin_url text,
            notes text, description text, folded text, email_key text, phones text[])
    ), made AS (
        INSERT INTO amigocare.amigocare_leads
            (public_id, created_at, name, email, phone_as_written, contact_cellphone, contact_cellphone_dial_code,
             contact_cellphone_country_code, company_name, message, source_id, channel_id, company_id, creator_id,
             priority, assigned_to, first_name, last_name, job_title, linkedin_url, notes)
        SELECT id, at, name, email, phone_as_written, national, dial_code, country_code, company_name, message,
               (SELECT min(s.id) FROM amigocare.lead_sources s WHERE s.name = given.source AND NOT s.is_deleted),
               (SELECT c.id FROM amigocare.lead_channels c WHERE c.name = given.channel AND NOT c.is_deleted),
               :company_id, creator_id, priority, assigned_to, first_name, last_name, job_title, linkedin_url, notes
        FROM given
        RETURNING id AS lead_id, public_id AS id, name, email, status, created_at, source_id
    ), history AS (
        INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, performed_by, created_at)
        SELECT made.lead_id, :company_id, 'created', given.description, given.creator_id, made.created_at
        FROM made JOIN given USING (id)
    ), place AS (
        INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
        SELECT made.lead_id, :company_id, given.folded, to_tsvector('simple', given.folded), given.email_key,
               given.phones, made.source_id
        FROM made JOIN given USING (id)
    ), said AS ({ADDED})
    SELECT id, name, email, status, created_at FROM made
    """
)
_IDS = text("SELECT uuidv7() AS id, now() AS at")


class Captured(NamedTuple):
    """A lead as its maker is told of it; also when he asks again, and somebody has emptied its address since."""

    id: UUID
    name: str
    email: str | None
    status: str
    created_at: datetime


class Making(NamedTuple):
    """A lead that is to be written, under an id and at a time of the database's. ``trace`` is its caller's."""

    id: UUID
    at: datetime
    lead: NewLead
    creator_id: int | None
    trace: Mapping[str, str]


async def id_and_time(connection: AsyncConnection) -> tuple[UUID, datetime]:
    """Return an id for a new lead, and the transaction's time."""
    row = (await connection.execute(_IDS)).one()
    return row.id, row.at


async def make_leads(
    connection: AsyncConnection, company_id: int, new: Sequence[Making], *, source: str
) -> dict[UUID, Captured]:
    """Write leads of a company, with all that is written of each; return them by id. ``source`` is who says so."""
    events = [
        LeadCreated(
            lead_id=each.id,
            email=each.lead.email,
            source=each.lead.source,
            timestamp=each.at,
            company_id=company_id,
            channel=each.lead.channel,
        )
        for each in new
    ]
    said = added_events(
        LEAD_CREATED, events, source=source, times=[each.at for each in new], traces=[each.trace for each in new]
    )
    given = {"leads": json.dumps([_columns(each) for each in new]), "company_id": company_id}
    made = (Captured(*row) for row in await connection.execute(_MAKE, given | said))
    return {each.id: each for each in made}


def forms_of(lead: NewLead) -> list[str]:
    """Return all digits under which the lead's phone is found."""
    return phone_forms(*lead.phone) if lead.phone else []


def _columns(new: Making) -> dict[str, Any]:
    lead, phone = new.lead, new.lead.phone
    columns = {name: getattr(lead, name) for name in NewLead.__dataclass_fields__ if name != "phone"}
    return columns | {
        "id": str(new.id),
        "at": new.at.isoformat(),
        "creator_id": new.creator_id,
        "national": phone.national if phone else None,
        # Columns of the platform that may not be empty: its own defaults.
        "dial_code": phone.dial_code if phone else "55",
        "country_code": phone.country_code if phone else "BR",
        "description": lead.description,
        "folded": folded(lead.name, lead.email, lead.company_name, lead.first_name, lead.last_name),
        "email_key": email_key(lead.email),
        "phones": forms_of(lead),
    }
