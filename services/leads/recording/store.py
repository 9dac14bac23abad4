"""The row of a lead that is changed, held; and what is written beside each change, in the same transaction."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.event_outbox import ADDED, added_events
from libs.common.topics import EventT, Topic
from libs.contracts.leads.events import LeadChanged
from libs.contracts.leads.topics import LEAD_CHANGED

# Whoever comes second waits here, and sees what the first has made of the lead; the time is then a later one, too.
HELD = """
    SELECT l.id AS lead_id, l.public_id AS id, l.status, l.assigned_to, l.version, l.updated_at, l.opportunity_id,
           l.import_id, clock_timestamp() AS at {more}
    FROM amigocare.amigocare_leads l
    WHERE l.public_id = :id AND l.company_id = :company_id AND NOT l.is_deleted
    FOR NO KEY UPDATE OF l
"""
_HELD = text(HELD.format(more=""))
_HISTORY = """
    INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, performed_by, created_at)
    VALUES (:lead_id, :company_id, :activity_type, :description, :user_id, :at)
"""
_ACTIVITY = text(f"{_HISTORY} RETURNING id, activity_type, description, performed_by, created_at")
_AUDITED = """
    INSERT INTO crm.audit_log (company_id, lead_id, user_id, action, before, after, at)
    VALUES (:company_id, :lead_id, :user_id, :action, CAST(:before AS jsonb), CAST(:after AS jsonb), :at)
"""
_AUDIT = text(_AUDITED)


class Actor(NamedTuple):
    """Who does it."""

    company_id: int
    user_id: int


Expected = Collection[int] | None
"""Versions that the caller has in mind; None: whichever it is."""


class MovedOn(Exception):
    """The lead is none of the versions that the caller has in mind: it was changed meanwhile."""


class Entry(NamedTuple):
    """What is written down of a change. ``history``: the type and the words of an entry of the lead's own history."""

    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    history: tuple[str, str] | None = None


async def lock_lead(
    connection: AsyncConnection, actor: Actor, lead_id: UUID, expected: Expected = None, statement: TextClause = _HELD
) -> Row[Any] | None:
    """Return the lead and hold it until the end of the transaction, or None when the company has no such lead.

    ``statement`` is one of ``HELD``, with more columns. Raises MovedOn.
    """
    lead = (await connection.execute(statement, {"id": lead_id, "company_id": actor.company_id})).one_or_none()
    if lead is not None and expected is not None and lead.version not in expected:
        raise MovedOn
    return lead


async def record(
    connection: AsyncConnection,
    actor: Actor,
    lead: Row[Any],
    change: str,
    values: Mapping[str, Any],
    entry: Entry,
    said: tuple[Topic[EventT], EventT],
    *,
    source: str,
) -> Row[Any]:
    """Change a lead that is held, and write down all that is written of it: one statement, at the lead's ``at``.

    ``change`` is an UPDATE of ``:lead_id`` with these ``values``; return what it returns.
    """
    topic, event = said
    given = {"lead_id": lead.lead_id, "at": lead.at, "action": entry.action, **actor._asdict(), **values}
    given |= {"before": json.dumps(entry.before, default=str), "after": json.dumps(entry.after, default=str)}
    given |= added_events(topic, [event], source=source, times=[lead.at])
    if entry.history is not None:
        given["activity_type"], given["description"] = entry.history
    return (await connection.execute(_recorded(change, has_history=entry.history is not None), given)).one()


@lru_cache(maxsize=256)
def _recorded(change: str, *, has_history: bool) -> TextClause:
    history = f"history AS ({_HISTORY})," if has_history else ""
    return text(f"WITH changed AS ({change}), audit AS ({_AUDITED}), {history} said AS ({ADDED}) SELECT * FROM changed")


def changed_event(actor: Actor, lead: Row[Any], fields: Sequence[str]) -> tuple[Topic[LeadChanged], LeadChanged]:
    """Return what tells which fields of a lead that is held get other values."""
    return LEAD_CHANGED, LeadChanged(
        lead_id=lead.id,
        company_id=actor.company_id,
        version=lead.version + 1,
        fields=sorted(fields),
        timestamp=lead.at,
    )


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
