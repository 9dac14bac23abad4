"""What people do with a lead: each a transaction that holds the lead's row, with its audit, history and event."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus, LeadStatusChanged
from libs.contracts.leads.topics import LEAD_STATUS_CHANGED
from services.leads.domain.transitions import CLOSED, Move, move
from services.leads.recording.store import Actor, Entry, Expected, changed_event, lock_lead, record, write_history

_MOVE = """
    UPDATE amigocare.amigocare_leads
    SET status = :status, version = version + 1, updated_at = :at,
        closed_at = CASE WHEN :closed THEN CAST(:at AS timestamptz) END
    WHERE id = :lead_id
    RETURNING public_id AS id, status, updated_at, version
"""
_ASSIGN = """
    UPDATE amigocare.amigocare_leads
    SET assigned_to = CAST(:assigned_to AS int), version = version + 1, updated_at = :at
    WHERE id = :lead_id
    RETURNING public_id AS id, assigned_to, updated_at, version
"""
_TOUCH = text(
    """
    UPDATE amigocare.amigocare_leads SET updated_at = clock_timestamp() WHERE id = :lead_id RETURNING updated_at
    """
)
_IS_COLLEAGUE = text("SELECT EXISTS (SELECT FROM amigocare.users WHERE id = :user_id AND company_id = :company_id)")


class Moved(NamedTuple):
    """Where a lead stands."""

    id: UUID
    status: LeadStatus
    updated_at: datetime
    version: int


class Assigned(NamedTuple):
    """Whose a lead is."""

    id: UUID
    assigned_to: int | None
    updated_at: datetime
    version: int


class WrongTransition(Exception):
    """The lead cannot go there from where it stands."""

    def __init__(self, status: LeadStatus) -> None:
        super().__init__(status)
        self.status = status


class NotAColleague(Exception):
    """The company has no such user."""


class ChangeStore:
    """Changes leads. Each call returns None when the company has no such lead."""

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._source = source

    async def move(
        self, actor: Actor, lead_id: UUID, status: LeadStatus, notes: str | None, expected: Expected = None
    ) -> Moved | None:
        """Move a lead in the pipeline; where it stands already, nothing is written. Raises WrongTransition, MovedOn."""
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await lock_lead(connection, actor, lead_id, expected)
            if lead is None:
                return None
            old = LeadStatus(lead.status)
            wish = move(old, status)
            if wish is Move.REFUSED:
                raise WrongTransition(old)
            if wish is Move.NOWHERE:
                return Moved(lead.id, old, lead.updated_at, lead.version)
            words = f"Status changed from {old} to {status}" + (f": {notes}" if notes else "")
            entry = Entry("status", {"status": old}, {"status": status}, ("status_changed", words))
            event = LeadStatusChanged(
                lead_id=lead.id, old_status=old, new_status=status, timestamp=lead.at, company_id=actor.company_id
            )
            values = {"status": status.value, "closed": status in CLOSED}
            said = (LEAD_STATUS_CHANGED, event)
            row = await record(connection, actor, lead, _MOVE, values, entry, said, source=self._source)
        return Moved(row.id, LeadStatus(row.status), row.updated_at, row.version)

    async def assign(
        self, actor: Actor, lead_id: UUID, assigned_to: int | None, expected: Expected = None
    ) -> Assigned | None:
        """Give a lead to a colleague, or to nobody. Raises NotAColleague, MovedOn."""
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await lock_lead(connection, actor, lead_id, expected)
            if lead is None:
                return None
            if assigned_to is not None:
                colleague = {"user_id": assigned_to, "company_id": actor.company_id}
                if not (await connection.execute(_IS_COLLEAGUE, colleague)).scalar_one():
                    raise NotAColleague
            if lead.assigned_to == assigned_to:
                return Assigned(lead.id, lead.assigned_to, lead.updated_at, lead.version)
            words = "Assigned to nobody" if assigned_to is None else f"Assigned to user {assigned_to}"
            before, after = {"assigned_to": lead.assigned_to}, {"assigned_to": assigned_to}
            entry = Entry("assign", before, after, ("assigned", words))
            said = changed_event(actor, lead, ["assigned_to"])
            row = await record(connection, actor, lead, _ASSIGN, after, entry, said, source=self._source)
        return Assigned(row.id, row.assigned_to, row.updated_at, row.version)

    async def add_activity(
        self, actor: Actor, lead_id: UUID, activity_type: str, description: str
    ) -> dict[str, Any] | None:
        """Write a note, or that somebody was in touch, into a lead's history."""
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await lock_lead(connection, actor, lead_id)
            if lead is None:
                return None
            # An undo of its import keeps what somebody has written about.
            at = (await connection.execute(_TOUCH, {"lead_id": lead.lead_id})).scalar_one()
            return await write_history(connection, actor, lead.lead_id, activity_type, description, at)
