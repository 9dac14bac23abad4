"""The row of a lead that is changed, held; and what is written beside each change, in the same transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.event_outbox import add_event
from libs.contracts.leads.events import LeadChanged
from libs.contracts.leads.topics import LEAD_CHANGED

# Whoever comes second waits here, and sees what the first has made of the lead.
_LOCK = text(
    """
    SELECT id AS lead_id, public_id AS id, status, assigned_to, version, updated_at, opportunity_id, import_id
    FROM amigocare.amigocare_leads
    WHERE public_id = :id AND company_id = :company_id AND NOT is_deleted
    FOR NO KEY UPDATE
    """
)
_ACTIVITY = text(
    """
    INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, performed_by, created_at)
    VALUES (:lead_id, :company_id, :activity_type, :description, :user_id, :at)
    RETURNING id, activity_type, description, performed_by, created_at
    """
)
_AUDIT = text(
    """
    INSERT INTO crm.audit_log (company_id, lead_id, user_id, action, before, after, at)
    VALUES (:company_id, :lead_id, :user_id, :action, CAST(:before AS jsonb), CAST(:after AS jsonb), :at)
    """
)


class Actor(NamedTuple):
    """Who does it."""

    company_id: int
    user_id: int


Expected = Collection[int] | None
"""Versions that the caller has in mind; None: whichever it is."""


class MovedOn(Exception):
    """The lead is none of the versions that the caller has in mind: it was changed meanwhile."""


async def lock_lead(
    connection: AsyncConnection, actor: Actor, lead_id: UUID, expected: Expected = None
) -> Row[Any] | None:
    """Return the lead and hold it until the end of the transaction, or None when the company has no such lead.

    Raises MovedOn.
    """
    lead = (await connection.execute(_LOCK, {"id": lead_id, "company_id": actor.company_id})).one_or_none()
    if lead is not None and expected is not None and lead.version not in expected:
        raise MovedOn
    return lead


async def write_history(
    connection: AsyncConnection, actor: Actor, lead_id: int, activity_type: str, description: str, at: datetime
) -> dict[str, Any]:
    """Write an entry of a lead's history; return it."""
    row = {"lead_id": lead_id, "activity_type": activity_type, "description": description, "at": at}
    return dict((await connection.execute(_ACTIVITY, row | actor._asdict())).mappings().one())


async def write_audit(
    connection: AsyncConnection,
    actor: Actor,
    lead_id: int,
    action: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    at: datetime,
) -> None:
    """Write down who changed what, from what to what."""
    given = {"before": json.dumps(before, default=str), "after": json.dumps(after, default=str)}
    row = {"lead_id": lead_id, "action": action, "at": at} | given
    await connection.execute(_AUDIT, row | actor._asdict())


async def say_changed(
    connection: AsyncConnection,
    actor: Actor,
    lead_id: UUID,
    version: int,
    fields: Sequence[str],
    at: datetime,
    *,
    source: str,
) -> None:
    """Tell which fields of a lead have other values."""
    event = LeadChanged(
        lead_id=lead_id, company_id=actor.company_id, version=version, fields=sorted(fields), timestamp=at
    )
    await add_event(connection, LEAD_CHANGED, event, source=source, time=at)
