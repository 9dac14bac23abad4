"""What people do with a lead: in a transaction that holds the lead's row, with its audit, history and event."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus, LeadStatusChanged
from libs.contracts.leads.topics import LEAD_CHANGED, LEAD_STATUS_CHANGED
from services.leads.domain.transitions import CLOSED, Move, move
from services.leads.recording.joined import Call, JoinedChanges
from services.leads.recording.store import (
    Actor,
    Entry,
    Expected,
    Lead,
    LeadChange,
    changed_event,
    lock_lead,
    write_history,
)

_TOUCH = text(
    """
    UPDATE amigocare.amigocare_leads SET updated_at = clock_timestamp() WHERE id = :lead_id RETURNING updated_at
    """
)
_COLLEAGUES = text(
    "SELECT id FROM amigocare.users WHERE id = ANY(CAST(:user_ids AS int[])) AND company_id = :company_id"
)


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


class _MoveWish(NamedTuple):
    status: LeadStatus
    notes: str | None


class _Moves(JoinedChanges[_MoveWish, None]):
    topic = LEAD_STATUS_CHANGED

    async def known(self, connection: AsyncConnection, company_id: int, wishes: Sequence[_MoveWish]) -> None:
        return None

    def decide(self, call: Call[_MoveWish], lead: Lead, known: None) -> LeadChange | None:
        old, (status, notes) = LeadStatus(lead["status"]), call.wish
        wish = move(old, status)
        if wish is Move.REFUSED:
            raise WrongTransition(old)
        if wish is Move.NOWHERE:
            return None
        words = f"Status changed from {old} to {status}" + (f": {notes}" if notes else "")
        entry = Entry("status", {"status": old}, {"status": status}, ("status_changed", words))
        event = LeadStatusChanged(
            lead_id=lead["id"],
            old_status=old,
            new_status=status,
            timestamp=lead["at"],
            company_id=call.actor.company_id,
        )
        values = {"status": status.value, "closed_at": lead["at"] if status in CLOSED else None}
        return LeadChange(lead, call.actor, values, entry, event, call.trace)


class _Assignments(JoinedChanges[int | None, Collection[int]]):
    topic = LEAD_CHANGED

    async def known(
        self, connection: AsyncConnection, company_id: int, wishes: Sequence[int | None]
    ) -> Collection[int]:
        """Return those of the users who are colleagues."""
        wanted = {user_id for user_id in wishes if user_id is not None}
        if not wanted:
            return wanted
        asked = {"user_ids": list(wanted), "company_id": company_id}
        return set((await connection.execute(_COLLEAGUES, asked)).scalars())

    def decide(self, call: Call[int | None], lead: Lead, known: Collection[int]) -> LeadChange | None:
        assigned_to = call.wish
        if assigned_to is not None and assigned_to not in known:
            raise NotAColleague
        if lead["assigned_to"] == assigned_to:
            return None
        words = "Assigned to nobody" if assigned_to is None else f"Assigned to user {assigned_to}"
        before, after = {"assigned_to": lead["assigned_to"]}, {"assigned_to": assigned_to}
        entry = Entry("assign", before, after, ("assigned", words))
        event = changed_event(call.actor, lead, ["assigned_to"])
        return LeadChange(lead, call.actor, after, entry, event, call.trace)


class ChangeStore:
    """Changes leads. Each call returns None when the company has no such lead."""

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._moves = _Moves(postgres, source=source)
        self._assignments = _Assignments(postgres, source=source)

    async def move(
        self, actor: Actor, lead_id: UUID, status: LeadStatus, notes: str | None, expected: Expected = None
    ) -> Moved | None:
        """Move a lead in the pipeline; where it stands already, nothing is written. Raises WrongTransition, MovedOn."""
        lead = await self._moves.make(actor, lead_id, _MoveWish(status, notes), expected)
        if lead is None:
            return None
        return Moved(lead["id"], LeadStatus(lead["status"]), lead["updated_at"], lead["version"])

    async def assign(
        self, actor: Actor, lead_id: UUID, assigned_to: int | None, expected: Expected = None
    ) -> Assigned | None:
        """Give a lead to a colleague, or to nobody. Raises NotAColleague, MovedOn."""
        lead = await self._assignments.make(actor, lead_id, assigned_to, expected)
        if lead is None:
            return None
        return Assigned(lead["id"], lead["assigned_to"], lead["updated_at"], lead["version"])

    async def add_activity(
        self, actor: Actor, lead_id: UUID, activity_type: str, description: str
    ) -> dict[str, Any] | None:
        """Write a note, or that somebody was in touch, into a lead's history."""
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await lock_lead(connection, actor, lead_id)
            if lead is None:
                return None
            # An undo of its import keeps what somebody has written about.
            at = (await connection.execute(_TOUCH, {"lead_id": lead["lead_id"]})).scalar_one()
            return await write_history(connection, actor, lead["lead_id"], activity_type, description, at)
