"""Rows of leads that are changed, held; and what is written beside each change, in the same transaction."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.messages import Message
from libs.common.outbox.event_outbox import ADDED, added_events
from libs.common.topics import EventT, Topic
from libs.contracts.leads.events import LeadChanged

# Whoever comes second waits here, and sees what the first has made of the lead; the time is then a later one, too.
_HELD = """
    SELECT l.id AS lead_id, l.public_id AS id, l.status, l.assigned_to, l.version, l.updated_at, l.opportunity_id,
           l.import_id, clock_timestamp() AS at {more}
    FROM amigocare.amigocare_leads l
    WHERE l.public_id = ANY(CAST(:ids AS uuid[])) AND l.company_id = :company_id AND NOT l.is_deleted
    FOR NO KEY UPDATE OF l
"""
_HISTORY = "INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, performed_by, created_at)"
_ACTIVITY = text(
    f"""
    {_HISTORY} VALUES (:lead_id, :company_id, :activity_type, :description, :user_id, :at)
    RETURNING id, activity_type, description, performed_by, created_at
    """
)
_AUDITED = "INSERT INTO crm.audit_log (company_id, lead_id, user_id, action, before, after, at)"
_AUDIT = text(
    f"""
    {_AUDITED}
    VALUES (:company_id, :lead_id, :user_id, :action, CAST(:before AS jsonb), CAST(:after AS jsonb), :at)
    """
)
_TEXTS = (
    *("status", "name", "email", "company_name", "priority", "first_name", "last_name", "job_title", "linkedin_url"),
    *("message", "notes", "phone_as_written", "contact_cellphone", "contact_cellphone_dial_code"),
    "contact_cellphone_country_code",
)
_TYPES = {"assigned_to": "int", "opportunity_id": "uuid", "closed_at": "timestamptz"}
_SET = {
    "custom_fields": "custom_fields = CAST(given.custom_fields AS jsonb)",
    "source": "source_id = (SELECT min(id) FROM amigocare.lead_sources WHERE name = given.source AND NOT is_deleted)",
} | {column: f"{column} = given.{column}" for column in (*_TEXTS, *_TYPES)}
"""What may be written: names of columns come from here alone."""
_RECORDED = f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:lead_ids AS int[]), CAST(:versions AS int[]), CAST(:changed_at AS timestamptz[])
                             {{arrays}}) AS each (lead_id, version, at {{columns}})
    ), changed AS (
        UPDATE amigocare.amigocare_leads l SET {{changes}}, version = given.version, updated_at = given.at
        FROM given WHERE l.id = given.lead_id AND l.company_id = :company_id
        RETURNING l.id
    ), entry AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:entry_ids AS int[]), CAST(:users AS int[]), CAST(:actions AS text[]),
                             CAST(:before AS text[]), CAST(:after AS text[]), CAST(:times AS timestamptz[]),
                             CAST(:activity_types AS text[]), CAST(:descriptions AS text[]))
            AS each (lead_id, user_id, action, before, after, at, activity_type, description)
    ), audit AS (
        {_AUDITED}
        SELECT :company_id, lead_id, user_id, action, CAST(before AS jsonb), CAST(after AS jsonb), at FROM entry
    ), {{history}} said AS ({ADDED})
    SELECT count(*) FROM changed
"""
_NOTED = f"""
    history AS (
        {_HISTORY}
        SELECT lead_id, :company_id, activity_type, description, user_id, at FROM entry
        WHERE activity_type IS NOT NULL
    ),
"""
_LATER = timedelta(microseconds=1)

Lead = Mapping[str, Any]
"""A lead that is held, by columns. ``at`` is the time of what is done with it next."""


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


class LeadChange(NamedTuple):
    """What becomes of a lead that is held. ``values`` by column; ``trace`` is that of the call that wants it."""

    lead: Lead
    actor: Actor
    values: Mapping[str, Any]
    entry: Entry
    event: Message
    trace: Mapping[str, str]

    @property
    def changed(self) -> Lead:
        """The lead as it is afterwards; whatever is done with it next is later."""
        at = self.lead["at"]
        return {**self.lead, **self.values, "version": self.lead["version"] + 1, "updated_at": at, "at": at + _LATER}


class Holding(NamedTuple):
    """The statements that hold leads: ``waiting`` for whoever has one, and ``free``, which leaves those out."""

    waiting: TextClause
    free: TextClause


def holding(more: str = "") -> Holding:
    """Return the statements that read ``more`` columns of what they hold."""
    held = _HELD.format(more=more)
    return Holding(text(held), text(f"{held} SKIP LOCKED"))


HOLDING = holding()


async def lock_leads(
    connection: AsyncConnection, company_id: int, ids: Iterable[UUID], statement: TextClause
) -> dict[UUID, Lead]:
    """Return those of the company's leads that the statement gets, by their ids, held until the transaction's end."""
    found = await connection.execute(statement, {"ids": list(ids), "company_id": company_id})
    return {lead["id"]: dict(lead) for lead in found.mappings()}


async def lock_lead(connection: AsyncConnection, actor: Actor, lead_id: UUID) -> Lead | None:
    """Return the lead and hold it until the end of the transaction, or None when the company has no such lead."""
    return (await lock_leads(connection, actor.company_id, [lead_id], HOLDING.waiting)).get(lead_id)


async def record(
    connection: AsyncConnection, company_id: int, topic: Topic[Any], changes: Sequence[LeadChange], *, source: str
) -> None:
    """Change leads that are held, and write down all that is written of it: one statement for all of the same columns.

    Several changes of a lead come one after another, each from what the one before has made of it.
    """
    of_leads: dict[int, list[LeadChange]] = {}
    for change in changes:
        of_leads.setdefault(change.lead["lead_id"], []).append(change)
    of_columns: dict[tuple[str, ...], list[list[LeadChange]]] = {}
    for of_lead in of_leads.values():
        columns = tuple(sorted({column for change in of_lead for column in change.values}))
        of_columns.setdefault(columns, []).append(of_lead)
    for columns, leads in of_columns.items():
        given = _of_leads(columns, [of_lead[-1].changed for of_lead in leads])
        given |= _of_changes(topic, [change for of_lead in leads for change in of_lead], source)
        is_noted = any(change.entry.history for of_lead in leads for change in of_lead)
        found = await connection.execute(_recorded(columns, is_noted=is_noted), given | {"company_id": company_id})
        if found.scalar_one() != len(leads):
            raise RuntimeError("a lead that is held was not there to be changed")


@lru_cache(maxsize=256)
def _recorded(columns: tuple[str, ...], *, is_noted: bool) -> TextClause:
    unknown = [column for column in columns if column not in _SET]
    if unknown:
        raise ValueError(f"no column of a lead: {', '.join(unknown)}")
    arrays = "".join(f", CAST(:new_{column} AS {_TYPES.get(column, 'text')}[])" for column in columns)
    names = "".join(f", {column}" for column in columns)
    changes = ", ".join(_SET[column] for column in columns)
    history = _NOTED if is_noted else ""
    return text(_RECORDED.format(arrays=arrays, columns=names, changes=changes, history=history))


def _of_leads(columns: Sequence[str], leads: Sequence[Lead]) -> dict[str, Any]:
    given = {"lead_ids": "lead_id", "versions": "version", "changed_at": "updated_at"}
    given |= {f"new_{column}": column for column in columns}
    return {name: [_bound(column, lead[column]) for lead in leads] for name, column in given.items()}


def _bound(column: str, value: Any) -> Any:
    return value if column != "custom_fields" or value is None else json.dumps(value)


def _of_changes(topic: Topic[EventT], changes: Sequence[LeadChange], source: str) -> dict[str, Any]:
    entries = [change.entry for change in changes]
    times = [change.lead["at"] for change in changes]
    events: list[Any] = [change.event for change in changes]
    said = added_events(topic, events, source=source, times=times, traces=[change.trace for change in changes])
    return said | {
        "entry_ids": [change.lead["lead_id"] for change in changes],
        "users": [change.actor.user_id for change in changes],
        "actions": [entry.action for entry in entries],
        "before": [json.dumps(entry.before, default=str) for entry in entries],
        "after": [json.dumps(entry.after, default=str) for entry in entries],
        "times": times,
        "activity_types": [entry.history and entry.history[0] for entry in entries],
        "descriptions": [entry.history and entry.history[1] for entry in entries],
    }


def changed_event(actor: Actor, lead: Lead, fields: Sequence[str]) -> LeadChanged:
    """Return what tells which fields of a lead that is held get other values."""
    return LeadChanged(
        lead_id=lead["id"],
        company_id=actor.company_id,
        version=lead["version"] + 1,
        fields=sorted(fields),
        timestamp=lead["at"],
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
