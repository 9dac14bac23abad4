"""A lead's fields get other values, with all that is written of that."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.contracts.leads.topics import LEAD_CHANGED
from libs.leads.search_text import email_key, folded, phone_forms
from services.leads.domain.custom_fields import FieldType, Value, merged
from services.leads.editing.domain import PHONE, changed_fields, public_name
from services.leads.recording.joined import Call, JoinedChanges
from services.leads.recording.store import Actor, Entry, Expected, Lead, LeadChange, changed_event, holding

UNIQUE_VIOLATION = "23505"

# The source's name not by a join: whoever waited for another one who gave it another source would find no lead.
_PRESENT = """,
    l.name, l.email, l.company_name, l.priority, l.first_name, l.last_name, l.job_title, l.linkedin_url, l.message,
    l.notes, l.custom_fields, l.phone_as_written, l.contact_cellphone, l.contact_cellphone_dial_code,
    l.contact_cellphone_country_code, (SELECT s.name FROM amigocare.lead_sources s WHERE s.id = l.source_id) AS source
"""
_HOLDING = holding(_PRESENT)
_COLUMNS = (
    *("name", "email", "company_name", "priority", "first_name", "last_name", "job_title", "linkedin_url"),
    *("message", "notes", "custom_fields", "source", *PHONE),
)
"""What may be edited."""
_SEARCHED = frozenset({"name", "email", "company_name", "first_name", "last_name", "source", *PHONE})
"""What a lead is found by."""
_TYPES = text("SELECT key, type FROM crm.field_definitions WHERE company_id = :company_id")
# enroller writes it for leads of an import, and leaves alone what is there.
_SEARCH = text(
    """
    INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
    SELECT l.id, l.company_id, given.folded, to_tsvector('simple', given.folded), given.email,
           coalesce(string_to_array(nullif(given.phones, ''), ' '), '{}'), l.source_id
    FROM unnest(CAST(:lead_ids AS int[]), CAST(:folded AS text[]), CAST(:emails AS text[]), CAST(:phones AS text[]))
         AS given (lead_id, folded, email, phones)
    JOIN amigocare.amigocare_leads l ON l.id = given.lead_id AND l.company_id = :company_id
    ORDER BY l.id
    ON CONFLICT (lead_id) DO UPDATE
    SET folded = excluded.folded, words = excluded.words, email = excluded.email, phones = excluded.phones,
        source_id = excluded.source_id
    """
)
# enroller may be about to write it, and a lead's own lock does not keep it from that.
_PLACES = text(
    """
    SELECT lead_id FROM crm.lead_search
    WHERE lead_id = ANY(CAST(:lead_ids AS int[])) AND company_id = :company_id
    FOR NO KEY UPDATE SKIP LOCKED
    """
)
_WHO_HAS = text(
    """
    SELECT public_id FROM amigocare.amigocare_leads
    WHERE company_id = :company_id AND contact_cellphone = :contact_cellphone
      AND contact_cellphone_country_code = :contact_cellphone_country_code AND NOT is_deleted
    ORDER BY id LIMIT 1
    """
)


class PhoneRequired(Exception):
    """A lead of an import has a phone: its chat stands on it."""


class PhoneTaken(Exception):
    """Another lead of the account has this phone."""

    def __init__(self, lead_id: UUID | None) -> None:
        super().__init__(lead_id)
        self.lead_id = lead_id


class Edited(NamedTuple):
    """How often a lead was changed, and when last."""

    version: int
    updated_at: datetime


class _Wish(NamedTuple):
    wanted: Mapping[str, Any]
    custom: Mapping[str, Value | None]


class _Edits(JoinedChanges[_Wish, Mapping[str, FieldType]]):
    topic = LEAD_CHANGED
    holding = _HOLDING

    async def known(
        self, connection: AsyncConnection, company_id: int, wishes: Sequence[_Wish]
    ) -> Mapping[str, FieldType]:
        """Return the types of the company's own fields, where anybody wants one."""
        if not any(wish.custom for wish in wishes):
            return {}
        return {row.key: row.type for row in await connection.execute(_TYPES, {"company_id": company_id})}

    def decide(self, call: Call[_Wish], lead: Lead, known: Mapping[str, FieldType]) -> LeadChange | None:
        wanted, custom = call.wish
        if custom:
            wanted = {**wanted, "custom_fields": merged(lead["custom_fields"], custom, known)}
        changed = changed_fields(lead, wanted)
        if not changed:
            return None
        if lead["import_id"] is not None and "contact_cellphone" in changed and wanted["contact_cellphone"] is None:
            raise PhoneRequired
        values = {column: wanted[column] for column in changed}
        entry = Entry("edit", {column: lead[column] for column in changed}, values)
        said = changed_event(call.actor, lead, sorted({public_name(column) for column in changed}))
        return LeadChange(lead, call.actor, values, entry, said, call.trace)

    async def free(
        self, connection: AsyncConnection, company_id: int, calls: Sequence[Call[_Wish]], leads: Mapping[UUID, Lead]
    ) -> Mapping[UUID, Lead]:
        wanted = {call.lead_id for call in calls if _is_searched(call.wish.wanted)} & leads.keys()
        if not wanted:
            return leads
        asked = {"lead_ids": [leads[lead_id]["lead_id"] for lead_id in wanted], "company_id": company_id}
        places = set((await connection.execute(_PLACES, asked)).scalars())
        return {key: lead for key, lead in leads.items() if key not in wanted or lead["lead_id"] in places}

    async def finish(self, connection: AsyncConnection, company_id: int, changes: Sequence[LeadChange]) -> None:
        # Others' place in the search stays, or enroller is still to write it: from the row, as it is by then.
        found = {change.lead["id"] for change in changes if _is_searched(change.values)}
        leads = {change.lead["id"]: change.changed for change in changes}
        if found:
            await _find_by(connection, company_id, [leads[lead_id] for lead_id in found])


class EditStore:
    """Edits leads."""

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._edits = _Edits(postgres, source=source)

    async def edit(
        self,
        actor: Actor,
        lead_id: UUID,
        wanted: Mapping[str, Any],
        custom: Mapping[str, Value | None],
        expected: Expected = None,
    ) -> Edited | None:
        """Give columns these values; where they have them already, nothing is written. None when there is no such lead.

        Raises MovedOn, PhoneRequired, PhoneTaken, and Refused for custom fields that the company does not have so.
        """
        unknown = [column for column in wanted if column not in _COLUMNS]
        if unknown:
            raise ValueError(f"no column that is edited: {', '.join(unknown)}")
        try:
            # Whoever gives two leads each other's phones, and somebody else the other way round, wait for each other.
            lead = await self._edits.make(
                actor, lead_id, _Wish(wanted, custom), expected, apart="contact_cellphone" in wanted
            )
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != UNIQUE_VIOLATION:
                raise
        else:
            return None if lead is None else Edited(lead["version"], lead["updated_at"])
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            named = {"company_id": actor.company_id} | {name: wanted.get(name) for name in PHONE}
            raise PhoneTaken((await connection.execute(_WHO_HAS, named)).scalar_one_or_none())


def _is_searched(columns: Iterable[str]) -> bool:
    return not _SEARCHED.isdisjoint(columns)


async def _find_by(connection: AsyncConnection, company_id: int, leads: Sequence[Lead]) -> None:
    names = ("name", "email", "company_name", "first_name", "last_name")
    phone = ("contact_cellphone_dial_code", "contact_cellphone_country_code", "contact_cellphone")
    places = {
        "lead_ids": [lead["lead_id"] for lead in leads],
        "folded": [folded(*(lead[name] for name in names)) for lead in leads],
        "emails": [email_key(lead["email"]) for lead in leads],
        "phones": [" ".join(phone_forms(*(lead[name] for name in phone))) for lead in leads],
    }
    await connection.execute(_SEARCH, places | {"company_id": company_id})
