"""Leads and their chats, portion by portion, and how far an undo is.

Every transaction locks the undo's row first, and does nothing when another run has gone on since.
"""

from collections.abc import Collection, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from bson import ObjectId
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.clock import Clock
from libs.common.errors import BadMessage, NotFinished
from libs.common.outbox.event_outbox import add_event, add_events
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_undo.events import ImportUndone
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.contracts.lead_undo.topics import IMPORT_UNDONE
from libs.contracts.leads.events import LeadDeleted
from libs.contracts.leads.topics import LEAD_DELETED
from libs.imports import import_tags
from libs.imports.chat_ids import chat_prefix, row_of_chat
from libs.imports.chats import UNTOUCHED, chats_of
from services.undoer.domain import CHAT_CHANGED, PHONE_TAKEN, KeptLead, LeadFacts, Portion, divide

PORTION = 1_000
"""Leads that are locked and taken back together."""
UNIQUE_VIOLATION = "23505"
NO_SUCH_UNDO = "nobody asked to undo an import of this id, company and time of acceptance"

_LOCK_UNDO = text(
    """
    SELECT u.requester_id, u.through, u.portion, u.finished_at
    FROM amigocare.lead_import_undos u
    JOIN amigocare.lead_imports i
         ON i.id = u.import_id AND i.company_id = :company_id AND i.created_at = :accepted_at
    WHERE u.import_id = :import_id
    FOR UPDATE OF u
    """
)
# By the unique index on chat ids, in which the leads of an import lie together.
_NEXT = text(
    """
    SELECT id, chat_id FROM amigocare.amigocare_leads
    WHERE chat_id > :after AND chat_id <= :last AND import_id = :import_id
    ORDER BY chat_id LIMIT :leads
    """
)
_TAKEN = text(
    """
    SELECT id, chat_id FROM amigocare.amigocare_leads l
    WHERE chat_id > :after AND chat_id <= :end AND import_id = :import_id
      AND NOT EXISTS (SELECT FROM amigocare.lead_import_kept k WHERE k.import_id = l.import_id AND k.lead_id = l.id)
    """
)
# A chat_tag that somebody inserts holds its lead's key until it is committed. This statement waits for that, and the
# next one sees it. In order of ids, as everybody who locks several.
_LOCK_LEADS = text(
    "SELECT id FROM amigocare.amigocare_leads WHERE id = ANY(CAST(:ids AS int[])) ORDER BY id FOR UPDATE"
)
# The import makes lead and chat_tags in one transaction, so that they have one time. What has another one, or was
# changed since, is somebody else's doing.
_FACTS = text(
    """
    SELECT l.id, l.chat_id, l.is_deleted,
           coalesce(l.converted_at::text, l.converted_by::text, l.converted_from) IS NOT NULL,
           coalesce(l.patient_id, l.attendance_id) IS NOT NULL,
           l.updated_at <> l.created_at,
           EXISTS (SELECT FROM amigocare.chat_tags c
                   WHERE c.lead_id = l.id AND (c.is_deleted OR c.created_at <> l.created_at
                                               OR c.updated_at <> c.created_at))
    FROM amigocare.amigocare_leads l WHERE l.id = ANY(CAST(:ids AS int[])) ORDER BY l.id
    """
)
_KEEP = text(
    """
    INSERT INTO amigocare.lead_import_kept (import_id, lead_id, row_number, reason)
    SELECT :import_id, given.lead_id, given.row_number, given.reason
    FROM unnest(CAST(:lead_ids AS int[]), CAST(:row_numbers AS int[]), CAST(:reasons AS text[]))
         AS given (lead_id, row_number, reason)
    """
)
_DELETE_LEADS = text(
    """
    UPDATE amigocare.amigocare_leads SET is_deleted = true, destroyer_id = :user_id, updated_at = now()
    WHERE id = ANY(CAST(:ids AS int[]))
    """
)
_BEGIN_PORTION = text(
    "UPDATE amigocare.lead_import_undos SET portion = :end, kept = kept + :kept WHERE import_id = :import_id"
)
_DELETE_CHAT_TAGS = text(
    """
    UPDATE amigocare.chat_tags SET is_deleted = true, destroyer_id = :user_id, updated_at = now()
    WHERE lead_id = ANY(CAST(:ids AS int[])) AND company_id = :company_id AND NOT is_deleted
    """
)
# Back to what it was: nobody had changed it. Not where another lead has its phone by now.
_RESTORE_LEADS = text(
    """
    UPDATE amigocare.amigocare_leads l SET is_deleted = false, destroyer_id = NULL, updated_at = created_at
    WHERE id = ANY(CAST(:ids AS int[]))
      AND NOT EXISTS (
          SELECT FROM amigocare.amigocare_leads other
          WHERE other.company_id = l.company_id
            AND other.amigocare_messaging_account_id = l.amigocare_messaging_account_id
            AND other.contact_cellphone_country_code = l.contact_cellphone_country_code
            AND other.contact_cellphone = l.contact_cellphone AND NOT other.is_deleted)
    RETURNING id
    """
)
_LEAVE_LISTS = text(
    "DELETE FROM crm.lead_list_members WHERE lead_id = ANY(CAST(:ids AS int[])) AND company_id = :company_id"
)
# Those from before leads had public ids, and that nobody has given any yet, nobody outside knows.
_PUBLIC_IDS = text(
    """
    SELECT public_id FROM amigocare.amigocare_leads
    WHERE id = ANY(CAST(:ids AS int[])) AND company_id = :company_id AND public_id IS NOT NULL ORDER BY id
    """
)
_END_PORTION = text(
    """
    UPDATE amigocare.lead_import_undos
    SET through = portion, portion = NULL, reversed = reversed + :reversed, kept = kept + :kept,
        failed = failed + :failed
    WHERE import_id = :import_id
    """
)
# Somebody gave them another chat.
_STRAYS = text(
    """
    SELECT id FROM amigocare.amigocare_leads
    WHERE import_id = :import_id AND (chat_id IS NULL OR chat_id <= :after OR chat_id > :last)
    """
)
_FINISH = text(
    """
    UPDATE amigocare.lead_import_undos u
    SET finished_at = now(), kept = kept + :kept, total = reversed + kept + :kept + failed
    FROM amigocare.lead_imports i
    WHERE u.import_id = :import_id AND i.id = u.import_id
    RETURNING u.import_id, i.company_id, i.account_id, u.reversed, u.kept, u.failed, i.created_at AS accepted_at,
              u.finished_at AS undone_at
    """
)


class _Undo(NamedTuple):
    """The undo's row, held until the commit."""

    user_id: int
    through: str
    portion: str | None
    is_finished: bool


class Store:
    """What is taken back stays in the tables, deleted; chats leave MongoDB."""

    def __init__(self, postgres: Postgres, mongo: Mongo, *, clock: Clock, portion: int = PORTION) -> None:
        self._postgres = postgres
        self._mongo = mongo
        self._clock = clock
        self._portion = portion

    async def next_portion(self, request: UndoRequested) -> Portion | None:
        """Return the portion that is in work, or else the next one; None when all are done."""
        async with self._transaction(request) as connection:
            undo = await _lock(connection, request)
            after, last = _range(request)
            place = {"import_id": request.import_id, "after": max(after, undo.through)}
            if undo.is_finished:
                return None
            if undo.portion is not None:
                rows = await connection.execute(_TAKEN, place | {"end": undo.portion})
                return Portion(undo.through, undo.portion, {row.id: row.chat_id for row in rows}, taken_back=True)
            rows = await connection.execute(_NEXT, place | {"last": last, "leads": self._portion})
            chat_ids = {row.id: row.chat_id for row in rows}
        return Portion(undo.through, max(chat_ids.values()), chat_ids, taken_back=False) if chat_ids else None

    async def changed_chats(self, portion: Portion) -> set[str]:
        """Return the portion's chats that are no longer as the import made them."""
        changed = chats_of(self._mongo).find(_by_id(portion) | {"$nor": [UNTOUCHED]}, {"_id": 1})
        return {str(chat["_id"]) async for chat in changed}

    async def take_leads(
        self, request: UndoRequested, portion: Portion, changed_chats: Collection[str]
    ) -> Portion | None:
        """Delete the leads that nobody has touched, list the others; return the portion of those that are deleted.

        None when another run was faster.
        """
        async with self._transaction(request) as connection:
            undo = await _lock(connection, request)
            if undo.is_finished or undo.portion is not None or undo.through != portion.after:
                return None
            ids = {"ids": sorted(portion.chat_ids)}
            await connection.execute(_LOCK_LEADS, ids)
            facts = [LeadFacts(*row) for row in await connection.execute(_FACTS, ids)]
            taken, kept = divide(facts, changed_chats)
            await _keep(connection, request, kept)
            await connection.execute(_DELETE_LEADS, {"ids": sorted(taken), "user_id": undo.user_id})
            begun = {"import_id": request.import_id, "end": portion.end, "kept": len(kept)}
            await connection.execute(_BEGIN_PORTION, begun)
        return Portion(portion.after, portion.end, taken, taken_back=True)

    async def delete_chats(self, request: UndoRequested, portion: Portion) -> None:
        """Delete the portion's chats, but those that somebody has changed: MongoDB decides that for each of them."""
        await chats_of(self._mongo).delete_many(_by_id(portion) | {"import_id": request.import_id} | UNTOUCHED)

    async def chats_left(self, portion: Portion) -> set[str]:
        """Return the portion's chats that are there."""
        return {str(chat["_id"]) async for chat in chats_of(self._mongo).find(_by_id(portion), {"_id": 1})}

    async def end_portion(self, request: UndoRequested, portion: Portion, chats_left: Collection[str]) -> None:
        """Restore and list the leads whose chats stayed, take the others' chat_tags back and tell of their end; the
        portion is done.

        A lead whose phone another lead has by now stays deleted and counts as failed; it is listed, too. Raises
        NotFinished when another lead took a phone at this very moment.
        """
        async with self._transaction(request) as connection:
            undo = await _lock(connection, request)
            if undo.portion != portion.end or undo.through != portion.after:
                return
            staying = {lead_id: chat for lead_id, chat in portion.chat_ids.items() if chat in chats_left}
            restored = await _restore(connection, sorted(staying))
            kept = [
                KeptLead(lead_id, chat, CHAT_CHANGED if lead_id in restored else PHONE_TAKEN)
                for lead_id, chat in sorted(staying.items())
            ]
            await _keep(connection, request, kept)
            gone = sorted(portion.chat_ids.keys() - staying.keys())
            named = {"ids": gone, "user_id": undo.user_id, "company_id": request.company_id}
            await connection.execute(_DELETE_CHAT_TAGS, named)
            # Those that stay deleted because another lead has their phone are no more, too.
            await self._say_deleted(connection, request, sorted(portion.chat_ids.keys() - restored))
            counted = {"reversed": len(gone), "kept": len(restored), "failed": len(staying) - len(restored)}
            await connection.execute(_END_PORTION, {"import_id": request.import_id} | counted)

    async def _say_deleted(self, connection: AsyncConnection, request: UndoRequested, gone: Sequence[int]) -> None:
        named = {"ids": list(gone), "company_id": request.company_id}
        await connection.execute(_LEAVE_LISTS, named)
        now = self._clock()
        events = [
            LeadDeleted(lead_id=public_id, company_id=request.company_id, erased=False, timestamp=now)
            for public_id in (await connection.execute(_PUBLIC_IDS, named)).scalars()
        ]
        await add_events(connection, LEAD_DELETED, events, source="undoer", time=now)

    async def finish(self, request: UndoRequested) -> bool:
        """Note the end, clean the tags and put the event into the outbox; False when that was done before."""
        async with self._transaction(request) as connection:
            undo = await _lock(connection, request)
            if undo.is_finished:
                return False
            after, last = _range(request)
            strays = await connection.execute(_STRAYS, {"import_id": request.import_id, "after": after, "last": last})
            kept = [KeptLead(lead_id, "", "lead_changed") for lead_id in strays.scalars()]
            await _keep(connection, request, kept)
            finished = await connection.execute(_FINISH, {"import_id": request.import_id, "kept": len(kept)})
            event = ImportUndone.model_validate(dict(finished.mappings().one()))
            await add_event(connection, IMPORT_UNDONE, event, source="undoer", time=self._clock())
            await import_tags.clean_unused(connection, request.import_id, destroyer_id=undo.user_id)
        return True

    def _transaction(self, request: UndoRequested) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._postgres.transaction(company_id=request.company_id, by_index=True)


async def _lock(connection: AsyncConnection, request: UndoRequested) -> _Undo:
    named = {"import_id": request.import_id, "company_id": request.company_id, "accepted_at": request.accepted_at}
    row = (await connection.execute(_LOCK_UNDO, named)).one_or_none()
    if row is None:
        raise BadMessage(NO_SUCH_UNDO)
    return _Undo(row.requester_id, row.through, row.portion, row.finished_at is not None)


async def _keep(connection: AsyncConnection, request: UndoRequested, kept: Sequence[KeptLead]) -> None:
    if kept:
        columns: dict[str, Any] = {
            "lead_ids": [each.lead_id for each in kept],
            "row_numbers": [row_of_chat(each.chat_id) if each.chat_id else None for each in kept],
            "reasons": [each.reason for each in kept],
        }
        await connection.execute(_KEEP, columns | {"import_id": request.import_id})


async def _restore(connection: AsyncConnection, lead_ids: Sequence[int]) -> set[int]:
    if not lead_ids:
        return set()
    try:
        return set((await connection.execute(_RESTORE_LEADS, {"ids": lead_ids})).scalars())
    except IntegrityError as error:
        if getattr(error.orig, "sqlstate", None) == UNIQUE_VIOLATION:
            raise NotFinished from None
        raise


def _range(request: UndoRequested) -> tuple[str, str]:
    """Return between which chat ids those of the import lie: behind the first, up to the second."""
    prefix = chat_prefix(request.import_id, request.accepted_at)
    return prefix, prefix + "f" * 8


def _by_id(portion: Portion) -> dict[str, Any]:
    return {"_id": {"$in": [ObjectId(chat_id) for chat_id in sorted(portion.chat_ids.values())]}}
