"""Deletes leads, and forgets who they were."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from bson import ObjectId
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.event_outbox import add_event
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadDeleted
from libs.contracts.leads.topics import LEAD_DELETED
from services.leads.recording.store import Actor, Expected, MovedOn, write_audit

CHATS = "chats"

# Also one that is deleted: to erase is asked for afterwards as well.
_LOCK = text(
    """
    SELECT id, public_id, version, is_deleted, chat_id, coalesce(contact_cellphone LIKE 'erased-%', false) AS is_erased
    FROM amigocare.amigocare_leads WHERE public_id = :id AND company_id = :company_id FOR NO KEY UPDATE
    """
)
_DELETE = text(
    """
    UPDATE amigocare.amigocare_leads
    SET is_deleted = true, destroyer_id = :user_id, version = version + 1, updated_at = clock_timestamp()
    WHERE id = :lead_id RETURNING updated_at
    """
)
# The phone of a lead that was imported may not be empty. Ids and what is counted by stay.
_ERASE = text(
    """
    UPDATE amigocare.amigocare_leads
    SET name = NULL, email = NULL, cpf = NULL, contact_cellphone = 'erased-' || id, phone_as_written = NULL,
        first_name = NULL, last_name = NULL, company_name = NULL, job_title = NULL, linkedin_url = NULL,
        message = NULL, notes = NULL, custom_fields = NULL,
        is_deleted = true, destroyer_id = coalesce(destroyer_id, :user_id), version = version + 1,
        updated_at = clock_timestamp()
    WHERE id = :lead_id RETURNING updated_at
    """
)
_NOT_FOUND_ANY_MORE = (
    text("DELETE FROM crm.lead_list_members WHERE lead_id = :lead_id AND company_id = :company_id"),
    text("DELETE FROM crm.lead_search WHERE lead_id = :lead_id AND company_id = :company_id"),
)
# What people wrote of him: that there was something, and when, stays.
_FORGOTTEN = (
    text("UPDATE crm.lead_activities SET description = '' WHERE lead_id = :lead_id AND company_id = :company_id"),
    text("UPDATE crm.opportunities SET title = '' WHERE lead_id = :lead_id AND company_id = :company_id"),
    text(
        """
        UPDATE crm.audit_log
        SET before = (SELECT jsonb_object_agg(key, NULL) FROM jsonb_object_keys(before) key),
            after = (SELECT jsonb_object_agg(key, NULL) FROM jsonb_object_keys(after) key)
        WHERE lead_id = :lead_id AND company_id = :company_id AND action = 'edit'
        """
    ),
)


class _Held(NamedTuple):
    """The lead's row, held until the commit."""

    lead_id: int
    public_id: UUID
    is_deleted: bool
    chat_id: str | None
    is_erased: bool


class DeletionStore:
    """Each call returns whether the company has such a lead."""

    def __init__(self, postgres: Postgres, mongo: Mongo, *, source: str) -> None:
        self._postgres = postgres
        self._mongo = mongo
        self._source = source

    async def close(self) -> None:
        """Close the connections to MongoDB, which nobody else has."""
        await self._mongo.close()

    async def delete(self, actor: Actor, lead_id: UUID, expected: Expected = None) -> bool:
        """Delete a lead; it leaves its lists. Its chat stays: people may be talking there. Raises MovedOn."""
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await _held(connection, actor, lead_id, expected)
            if lead is None or lead.is_deleted:
                return False
            at = (await connection.execute(_DELETE, _named(actor, lead))).scalar_one()
            await self._note(connection, actor, lead, at, erased=False)
        return True

    async def erase(self, actor: Actor, lead_id: UUID, expected: Expected = None) -> bool:
        """Overwrite what says who a lead was, also one that is deleted; its id, its counts and its times stay.

        The chat first: when MongoDB is away nothing is said to be erased, and whoever asks again begins anew. A second
        call finds nothing to do. Raises MovedOn.
        """
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            lead = await _held(connection, actor, lead_id, expected)
            if lead is None or lead.is_erased:
                return lead is not None
            await self._erase_chat(actor, lead)
            at = (await connection.execute(_ERASE, _named(actor, lead))).scalar_one()
            for statement in _FORGOTTEN:
                await connection.execute(statement, {"lead_id": lead.lead_id, "company_id": actor.company_id})
            await self._note(connection, actor, lead, at, erased=True)
        return True

    async def _note(
        self, connection: AsyncConnection, actor: Actor, lead: _Held, at: datetime, *, erased: bool
    ) -> None:
        for statement in _NOT_FOUND_ANY_MORE:
            await connection.execute(statement, {"lead_id": lead.lead_id, "company_id": actor.company_id})
        before, after = {"is_deleted": lead.is_deleted}, {"is_deleted": True}
        await write_audit(connection, actor, lead.lead_id, "erase" if erased else "delete", before, after, at)
        event = LeadDeleted(lead_id=lead.public_id, company_id=actor.company_id, erased=erased, timestamp=at)
        await add_event(connection, LEAD_DELETED, event, source=self._source, time=at)

    async def _erase_chat(self, actor: Actor, lead: _Held) -> None:
        """Empty name and phone of the lead's chat; what was said in it is the platform's."""
        if lead.chat_id is None or not ObjectId.is_valid(lead.chat_id):
            return
        named = {"_id": ObjectId(lead.chat_id), "company_id": actor.company_id}
        emptied: dict[str, Any] = {
            "name": None,
            "contact_cellphone": {"$concat": ["erased-", {"$toString": "$_id"}]},
            "updated_at": "$$NOW",
        }
        await self._mongo.collection(CHATS).update_one(named, [{"$set": emptied}])


async def _held(connection: AsyncConnection, actor: Actor, lead_id: UUID, expected: Expected) -> _Held | None:
    row = (await connection.execute(_LOCK, {"id": lead_id, "company_id": actor.company_id})).one_or_none()
    if row is None:
        return None
    if expected is not None and row.version not in expected:
        raise MovedOn
    return _Held(row.id, row.public_id, row.is_deleted, row.chat_id, row.is_erased)


def _named(actor: Actor, lead: _Held) -> dict[str, Any]:
    return {"lead_id": lead.lead_id, "user_id": actor.user_id}
