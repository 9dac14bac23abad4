"""A lead's fields get other values, with all that is written of that."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.leads.search_text import email_key, folded, phone_forms
from services.leads.domain.custom_fields import FieldType, Value, merged
from services.leads.editing.domain import PHONE, changed_fields, public_name
from services.leads.recording.store import HELD, Actor, Entry, Expected, changed_event, lock_lead, record

UNIQUE_VIOLATION = "23505"

# The source's name not by a join: whoever waited for another one who gave it another source would find no lead.
_PRESENT = """,
    l.name, l.email, l.company_name, l.priority, l.first_name, l.last_name, l.job_title, l.linkedin_url, l.message,
    l.notes, l.custom_fields, l.phone_as_written, l.contact_cellphone, l.contact_cellphone_dial_code,
    l.contact_cellphone_country_code, (SELECT s.name FROM amigocare.lead_sources s WHERE s.id = l.source_id) AS source
"""
_HELD = text(HELD.format(more=_PRESENT))
_SET = {
    "custom_fields": "custom_fields = CAST(:custom_fields AS jsonb)",
    "source": "source_id = (SELECT min(id) FROM amigocare.lead_sources WHERE name = :source AND NOT is_deleted)",
}
_COLUMNS = (
    *("name", "email", "company_name", "priority", "first_name", "last_name", "job_title", "linkedin_url"),
    *("message", "notes", "custom_fields", "source", *PHONE),
)
"""What may be written: names of columns come from here alone."""
_SEARCHED = frozenset({"name", "email", "company_name", "first_name", "last_name", "source", *PHONE})
"""What a lead is found by."""
_UPDATE = """
    UPDATE amigocare.amigocare_leads SET {changes}, version = version + 1, updated_at = :at
    WHERE id = :lead_id RETURNING version, updated_at, source_id
"""
_TYPES = text("SELECT key, type FROM crm.field_definitions WHERE company_id = :company_id")
# enroller writes it for leads of an import, and leaves alone what is there.
_SEARCH = text(
    """
    INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
    VALUES (:lead_id, :company_id, :folded, to_tsvector('simple', :folded), :email, CAST(:phones AS text[]), :source_id)
    ON CONFLICT (lead_id) DO UPDATE
    SET folded = excluded.folded, words = excluded.words, email = excluded.email, phones = excluded.phones,
        source_id = excluded.source_id
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


class EditStore:
    """Edits leads."""

    def __init__(self, postgres: Postgres, *, source: str) -> None:
        self._postgres = postgres
        self._source = source

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
        try:
            async with self._postgres.transaction(company_id=actor.company_id) as connection:
                return await self._edit(connection, actor, lead_id, wanted, custom, expected)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) != UNIQUE_VIOLATION:
                raise
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            named = {"company_id": actor.company_id} | {name: wanted.get(name) for name in PHONE}
            raise PhoneTaken((await connection.execute(_WHO_HAS, named)).scalar_one_or_none())

    async def _edit(
        self,
        connection: AsyncConnection,
        actor: Actor,
        lead_id: UUID,
        wanted: Mapping[str, Any],
        custom: Mapping[str, Value | None],
        expected: Expected,
    ) -> Edited | None:
        lead = await lock_lead(connection, actor, lead_id, expected, _HELD)
        if lead is None:
            return None
        before = {column: getattr(lead, column) for column in _COLUMNS}
        if custom:
            types = await _types(connection, actor.company_id)
            wanted = {**wanted, "custom_fields": merged(before["custom_fields"], custom, types)}
        changed = changed_fields(before, wanted)
        if not changed:
            return Edited(lead.version, lead.updated_at)
        if lead.import_id is not None and "contact_cellphone" in changed and wanted["contact_cellphone"] is None:
            raise PhoneRequired
        after = {**before, **wanted}
        was, now = ({name: each[name] for name in changed} for each in (before, after))
        said = changed_event(actor, lead, sorted({public_name(column) for column in changed}))
        entry, values = Entry("edit", was, now), _bound(wanted, changed)
        row = await record(connection, actor, lead, _update_of(changed), values, entry, said, source=self._source)
        # Else its place in the search stays, or enroller is still to write it: from the row, as it is by then.
        if not _SEARCHED.isdisjoint(changed):
            await _find_by(connection, actor.company_id, lead.lead_id, row.source_id, after)
        return Edited(row.version, row.updated_at)


async def _types(connection: AsyncConnection, company_id: int) -> dict[str, FieldType]:
    return {row.key: row.type for row in await connection.execute(_TYPES, {"company_id": company_id})}


def _update_of(changed: list[str]) -> str:
    unknown = [column for column in changed if column not in _COLUMNS]
    if unknown:
        raise ValueError(f"no column of a lead: {', '.join(unknown)}")
    return _UPDATE.format(changes=", ".join(_SET.get(column, f"{column} = :{column}") for column in changed))


def _bound(wanted: Mapping[str, Any], changed: list[str]) -> dict[str, Any]:
    return {column: _json(wanted[column]) if column == "custom_fields" else wanted[column] for column in changed}


def _json(value: Any) -> str | None:
    return None if value is None else json.dumps(value)


async def _find_by(
    connection: AsyncConnection, company_id: int, lead_id: int, source_id: int, lead: Mapping[str, Any]
) -> None:
    words = folded(lead["name"], lead["email"], lead["company_name"], lead["first_name"], lead["last_name"])
    forms = phone_forms(
        lead["contact_cellphone_dial_code"], lead["contact_cellphone_country_code"], lead["contact_cellphone"]
    )
    place = {"folded": words, "email": email_key(lead["email"]), "phones": forms, "source_id": source_id}
    await connection.execute(_SEARCH, place | {"lead_id": lead_id, "company_id": company_id})
