"""Changes of a company's leads that are wanted while others are at work are made together, by the next transaction."""

from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.joined_calls import Together
from libs.common.stores.postgres import Postgres
from libs.common.topics import Topic
from libs.common.traces import current_trace_headers
from services.leads.recording.store import (
    HOLDING,
    Actor,
    Expected,
    Holding,
    Lead,
    LeadChange,
    MovedOn,
    lock_leads,
    record,
)

AT_ONCE = 100
"""Calls that one transaction answers at most."""

WishT = TypeVar("WishT")
KnownT = TypeVar("KnownT")


@dataclass(frozen=True, slots=True)
class Call(Generic[WishT]):
    """What somebody wants of a lead. ``trace`` is his own: who writes for him writes for others, too."""

    actor: Actor
    lead_id: UUID
    wish: WishT
    expected: Expected
    trace: Mapping[str, str]


class _NotFree(Exception):
    """Somebody has the lead, or it is none."""


class JoinedChanges(ABC, Generic[WishT, KnownT]):
    """Changes of one kind. Of calls that come at once all leads are held by one statement and written by another one.

    Nobody waits there for anybody: a lead that somebody else has is left out. Its own calls then wait for it, in a
    transaction that is of this lead alone, however many they are; there one that is gone is found to be gone, too.
    So no two transactions wait for each other, and who holds a lead delays nobody but the lead's own callers.
    """

    topic: Topic[Any]
    holding: Holding = HOLDING

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._source = source
        self._of_company: Together[Call[WishT], Lead | None] = Together(self._do_free, most=AT_ONCE)
        self._of_lead: Together[Call[WishT], Lead | None] = Together(self._do_waiting, most=AT_ONCE)

    async def make(
        self, actor: Actor, lead_id: UUID, wish: WishT, expected: Expected = None, *, apart: bool = False
    ) -> Lead | None:
        """Return the lead as it is afterwards, or None when the company has no such lead.

        ``apart`` is for what may wait for more than its lead: it is done with calls of the same lead alone. Raises
        MovedOn, and what ``decide`` does. A caller who goes away is done for, or not; the others are.
        """
        call = Call(actor, lead_id, wish, expected, current_trace_headers())
        if not apart:
            with suppress(_NotFree):
                return await self._of_company.do(actor.company_id, call)
        return await self._of_lead.do((actor.company_id, lead_id), call)

    @abstractmethod
    def decide(self, call: Call[WishT], lead: Lead, known: KnownT) -> LeadChange | None:
        """Return what becomes of the lead, None for nothing. What it raises is this call's own outcome."""

    @abstractmethod
    async def known(self, connection: AsyncConnection, company_id: int, wishes: Sequence[WishT]) -> KnownT:
        """Return what is needed to decide, read once for all."""

    async def free(
        self, connection: AsyncConnection, company_id: int, calls: Sequence[Call[WishT]], leads: Mapping[UUID, Lead]
    ) -> Mapping[UUID, Lead]:
        """Return those of the held leads for which nobody will have to wait, whatever is written of them."""
        return leads

    async def finish(self, connection: AsyncConnection, company_id: int, changes: Sequence[LeadChange]) -> None:
        """Write what else follows from changes, in the same transaction."""

    async def _do_free(self, company: Hashable, calls: Sequence[Call[WishT]]) -> Sequence[Lead | Exception | None]:
        company_id = cast("int", company)
        async with self._postgres.transaction(company_id=company_id, by_index=True) as connection:
            held = await lock_leads(connection, company_id, _ids(calls), self.holding.free)
            leads = await self.free(connection, company_id, calls, held) if held else held
            made = await self._make(connection, company_id, calls, leads)
        return [_NotFree() if outcome is None else outcome for outcome in made]

    async def _do_waiting(self, of: Hashable, calls: Sequence[Call[WishT]]) -> Sequence[Lead | Exception | None]:
        company_id, _ = cast("tuple[int, UUID]", of)
        async with self._postgres.transaction(company_id=company_id, by_index=True) as connection:
            leads = await lock_leads(connection, company_id, _ids(calls), self.holding.waiting)
            return await self._make(connection, company_id, calls, leads)

    async def _make(
        self,
        connection: AsyncConnection,
        company_id: int,
        calls: Sequence[Call[WishT]],
        leads: Mapping[UUID, Lead],
    ) -> Sequence[Lead | Exception | None]:
        if not leads:
            return [None] * len(calls)
        known = await self.known(connection, company_id, [call.wish for call in calls])
        outcomes, changes = self._decide_each(calls, dict(leads), known)
        if changes:
            await record(connection, company_id, self.topic, changes, source=self._source)
            await self.finish(connection, company_id, changes)
        return outcomes

    def _decide_each(
        self, calls: Sequence[Call[WishT]], leads: dict[UUID, Lead], known: KnownT
    ) -> tuple[list[Lead | Exception | None], list[LeadChange]]:
        """Return each call's outcome and all changes, in their order: the second of a lead sees what the first made."""
        outcomes: list[Lead | Exception | None] = []
        changes: list[LeadChange] = []
        for call in calls:
            lead = leads.get(call.lead_id)
            try:
                change = None if lead is None else self._decided(call, lead, known)
            except Exception as error:  # noqa: BLE001 - it is this call's outcome
                outcomes.append(error)
                continue
            if change is not None:
                changes.append(change)
                lead = leads[call.lead_id] = change.changed
            outcomes.append(lead)
        return outcomes, changes

    def _decided(self, call: Call[WishT], lead: Lead, known: KnownT) -> LeadChange | None:
        if call.expected is not None and lead["version"] not in call.expected:
            raise MovedOn
        return self.decide(call, lead, known)


def _ids(calls: Iterable[Call[Any]]) -> set[UUID]:
    return {call.lead_id for call in calls}
