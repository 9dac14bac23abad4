"""Leads, chat_tags and the WhatsApp provider's answers in PostgreSQL, chats in MongoDB."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from bson import ObjectId
from pymongo.errors import BulkWriteError
from sqlalchemy import CursorResult, TextClause, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkTagged, Verdict
from libs.imports import chunk_life, import_tags
from libs.imports.chats import chats_of, rows_with_others_chats
from libs.imports.chunk_life import OPEN, WANTED, WANTED_WITH_MORE
from services.creator.domain import CHANNEL, CHAT_EXISTS, CHAT_REFUSED, chat_documents, chat_tag_columns
from services.creator.further import FURTHER, carries_more, further_columns, with_more_of
from services.creator.questions import AnswerChange, Kept, Said

DUPLICATE_KEY = 11000
RULES = frozenset({DUPLICATE_KEY, 121})
"""Refusals of one document: a unique index, a validator of the collection (DocumentValidationFailure)."""
UNIQUE_VIOLATION = "23505"

_ON_CONFLICT = {True: "", False: "ON CONFLICT DO NOTHING"}

# Nothing is inserted of a chunk that has ended: what was made of it may have been taken back since. Nor of an import
# that is being canceled. Both are looked at by this statement, because one of its own would be a round trip more for
# every chunk.
# In key order: two chunks with the same phones in different orders would deadlock.
_LEADS = """
    WITH open AS MATERIALIZED ({open})
    INSERT INTO amigocare.amigocare_leads
        (name, email, cpf, contact_cellphone, contact_cellphone_dial_code, contact_cellphone_country_code, chat_id,
         source_id, channel_id, import_id, company_id, amigocare_messaging_account_id, creator_id{more})
    SELECT given.name, given.email, given.cpf, given.phone, given.dial_code, given.country_code, given.chat_id,
           :source_id, (SELECT id FROM amigocare.lead_channels WHERE name = :channel AND NOT is_deleted),
           :import_id, :company_id, :account_id, :creator_id{more_given}
    FROM unnest(CAST(:names AS text[]), CAST(:emails AS text[]), CAST(:cpfs AS text[]), CAST(:phones AS text[]),
                CAST(:dial_codes AS text[]), CAST(:country_codes AS text[]), CAST(:chat_ids AS text[]){more_arrays})
         AS given (name, email, cpf, phone, dial_code, country_code, chat_id{more})
    WHERE EXISTS (SELECT FROM open)
    ORDER BY given.country_code, given.phone
    {on_conflict}
    RETURNING chat_id, id
    """
# A tag may have been deleted since the tagger looked: it is linked no more. FOR SHARE: nor is it deleted between this
# statement and the commit. In order of ids, as everybody locks tags.
_CHAT_TAGS = """
    WITH there AS MATERIALIZED (
        SELECT id FROM amigocare.tags
        WHERE id = ANY(CAST(:distinct_tag_ids AS int[])) AND company_id = :company_id AND NOT is_deleted
        ORDER BY id FOR SHARE
    )
    INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
    SELECT given.chat_id, given.tag_id, given.lead_id, :company_id, :creator_id
    FROM unnest(CAST(:chat_ids AS text[]), CAST(:tag_ids AS int[]), CAST(:lead_ids AS int[]))
         AS given (chat_id, tag_id, lead_id)
    JOIN there ON there.id = given.tag_id
    {on_conflict}
    """
# By ``all_new``. ON CONFLICT looks for a conflict before each row, which costs a sixth of the insert, and nearly every
# chunk has none. So the rows are inserted without it first, and with it only when that has failed.
_NO_MORE = {"more": "", "more_given": "", "more_arrays": ""}
_INSERT_LEADS = {
    True: text(_LEADS.format(open=WANTED, on_conflict=_ON_CONFLICT[True], **_NO_MORE)),
    # The chunk is held, and whether its import is canceled has been looked at: what was decided then, counts.
    False: text(_LEADS.format(open=OPEN, on_conflict=_ON_CONFLICT[False], **_NO_MORE)),
}
# Arrays of a column that the file does not have are empty: unnest makes them as long as the others.
_MORE = {
    "more": "".join(f", {column}" for column in FURTHER),
    "more_given": "".join(f", CAST(given.{column} AS {kind})" for column, kind in FURTHER.items()),
    "more_arrays": "".join(f", CAST(:{column} AS text[])" for column in FURTHER),
}
_INSERT_WIDE_LEADS = {
    True: text(_LEADS.format(open=WANTED_WITH_MORE, on_conflict=_ON_CONFLICT[True], **_MORE)),
    False: text(_LEADS.format(open=OPEN, on_conflict=_ON_CONFLICT[False], **_MORE)),
}
_INSERT_CHAT_TAGS = {all_new: text(_CHAT_TAGS.format(on_conflict=do)) for all_new, do in _ON_CONFLICT.items()}
_DELETE_CHAT_TAGS = text(
    "DELETE FROM amigocare.chat_tags WHERE lead_id = ANY(CAST(:lead_ids AS int[])) AND company_id = :company_id"
)
# IS NOT DISTINCT FROM, because "=" would let stale statistics choose the index on import_id: all leads of the
# import would be read for each of its chunks.
_DELETE_LEADS = text(
    "DELETE FROM amigocare.amigocare_leads"
    " WHERE id = ANY(CAST(:lead_ids AS int[])) AND import_id IS NOT DISTINCT FROM :import_id"
)
_ANSWERS = text(
    "SELECT row_number, answer, tries FROM amigocare.whatsapp_answers"
    " WHERE import_id = :import_id AND row_number = ANY(CAST(:rows AS int[]))"
)
# An answer stays; tries are added up: two processes may ask for the same chunk.
_KEEP_ANSWERS = text(
    """
    INSERT INTO amigocare.whatsapp_answers AS kept (import_id, row_number, answer, tries)
    SELECT :import_id, given.row_number, given.answer, given.tries
    FROM unnest(CAST(:rows AS int[]), CAST(:answers AS text[]), CAST(:tries AS int[]))
         AS given (row_number, answer, tries)
    ORDER BY given.row_number
    ON CONFLICT (import_id, row_number) DO UPDATE
        SET answer = coalesce(kept.answer, excluded.answer), tries = kept.tries + excluded.tries, asked_at = now()
    RETURNING row_number, answer, tries
    """
)
_FORGET_ANSWERS = text(
    """
    DELETE FROM amigocare.whatsapp_answers kept USING (
        SELECT import_id, row_number FROM amigocare.whatsapp_answers WHERE asked_at <= now() - interval '24 hours'
        LIMIT 10000 FOR UPDATE SKIP LOCKED
    ) old
    WHERE kept.import_id = old.import_id AND kept.row_number = old.row_number
    """
)
_LEADS_OF_CHATS = text(
    "SELECT chat_id, id, is_deleted FROM amigocare.amigocare_leads"
    " WHERE chat_id = ANY(CAST(:chat_ids AS text[])) AND import_id IS NOT DISTINCT FROM :import_id"
)


class ChunkEnded(Exception):
    """The chunk has ended meanwhile, well or badly: nothing may be made of it any more."""


class NotAllNew(Exception):
    """A lead or a chat_tag of the chunk exists already, or its import is being canceled.

    Insert again with ``all_new=False``, in a new transaction.
    """


class ColumnsLost(Exception):
    """The chunk's import carries more than this message does: a process of an older version has passed it on."""


class LeadStore:
    """Queries of one PostgreSQL transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def insert_leads(
        self, chunk: ChunkTagged, ids: Sequence[str], indexes: Sequence[int], *, all_new: bool = False
    ) -> dict[str, int]:
        """Insert the rows at ``indexes``; return {chat id: lead id} of those that are this import's now.

        The unique phone decides races: a row whose phone another lead has is missing from the answer. A lead
        of an earlier run is recognised by its chat id. With ``all_new`` either raises NotAllNew instead. Without it the
        caller has asked ``is_canceled`` in this transaction. Raises ChunkEnded when there is nothing to do any more,
        BadMessage when there never was, and with ``all_new`` ColumnsLost when the message has lost some.
        """
        if not indexes:
            return {}
        live = chunk.live
        wanted = [ids[index] for index in indexes]
        inserted = await self._insert(
            (_INSERT_WIDE_LEADS if carries_more(chunk) else _INSERT_LEADS)[all_new],
            {
                "names": [live.name[index] for index in indexes],
                "emails": [live.email[index] for index in indexes],
                "cpfs": [live.cpf[index] for index in indexes],
                "phones": [live.phone[index] for index in indexes],
                "dial_codes": [live.dial_code[index] for index in indexes],
                "country_codes": [live.country_code[index] for index in indexes],
                "chat_ids": wanted,
                "channel": CHANNEL,
                "source_id": chunk.source_id,
                "account_id": chunk.account_id,
                "creator_id": chunk.creator_id,
            }
            | (further_columns(chunk.live, indexes) if carries_more(chunk) else {})
            | chunk_life.meant_chunk(chunk),
        )
        lead_ids: dict[str, int] = {row.chat_id: row.id for row in inserted}
        if all_new and not lead_ids:
            if not await self.is_canceled(chunk) and not carries_more(chunk):
                await self._check_nothing_is_lost(chunk)
            # It is, or it was opened again since the statement looked at it.
            raise NotAllNew
        missing = [chat_id for chat_id in wanted if chat_id not in lead_ids]
        return lead_ids | await self.leads_of_chats(chunk, missing)

    async def _check_nothing_is_lost(self, chunk: ChunkTagged) -> None:
        if await chunk_life.carries_more(self._connection, chunk):
            raise ColumnsLost

    async def whole(self, chunk: ChunkTagged) -> ChunkTagged:
        """Return the chunk with the columns and the list that it was accepted with. Raises ChunkEnded."""
        payload = await chunk_life.payload(self._connection, (chunk.import_id, chunk.chunk_index))
        if payload is None:
            raise ChunkEnded
        return with_more_of(chunk, ChunkAccepted.model_validate_json(payload))

    async def is_canceled(self, chunk: ChunkTagged) -> bool:
        """Tell whether the import is being canceled; keep the chunk open until the commit.

        Raises ChunkEnded, or BadMessage when there is no such chunk.
        """
        held = await chunk_life.hold(self._connection, chunk)
        if held.settled:
            raise ChunkEnded
        return held.canceled

    async def leads_of_chats(self, chunk: ChunkTagged, ids: Sequence[str], *, deleted: bool = True) -> dict[str, int]:
        """Return {chat id: lead id} of the leads that an earlier run of this chunk made.

        A lead that somebody deleted since was made all the same; with ``deleted=False`` it is left out.
        """
        if not ids:
            return {}
        rows = await self._connection.execute(_LEADS_OF_CHATS, {"chat_ids": list(ids), "import_id": chunk.import_id})
        return {row.chat_id: row.id for row in rows if deleted or not row.is_deleted}

    async def insert_chat_tags(
        self, chunk: ChunkTagged, ids: Sequence[str], lead_ids: dict[str, int], *, all_new: bool = False
    ) -> None:
        """Link every lead's chat to its tags; links that exist stay as they are, or raise NotAllNew.

        A tag that was deleted meanwhile is not linked, and noted as left out of the import.
        """
        chats, tags, leads = chat_tag_columns(chunk, ids, lead_ids)
        if not chats:
            return
        distinct = sorted(set(tags))
        linked = await self._insert(
            _INSERT_CHAT_TAGS[all_new],
            {
                "chat_ids": chats,
                "tag_ids": tags,
                "lead_ids": leads,
                "distinct_tag_ids": distinct,
                "company_id": chunk.company_id,
                "creator_id": chunk.creator_id,
            },
        )
        if linked.rowcount < len(chats):
            await import_tags.note_left_out(self._connection, chunk.import_id, distinct)

    async def delete_leads(self, chunk: ChunkTagged, lead_ids: Collection[int]) -> None:
        """Take back leads of this import that can have no chat, and their chat_tags."""
        given = {"lead_ids": sorted(lead_ids)}
        await self._connection.execute(_DELETE_CHAT_TAGS, given | {"company_id": chunk.company_id})
        await self._connection.execute(_DELETE_LEADS, given | {"import_id": chunk.import_id})

    async def _insert(self, statement: TextClause, values: dict[str, Any]) -> CursorResult[Any]:
        try:
            return await self._connection.execute(statement, values)
        except IntegrityError as error:
            if getattr(error.orig, "sqlstate", None) == UNIQUE_VIOLATION:
                raise NotAllNew from None
            raise


class Store:
    """Opens PostgreSQL transactions, and reads and writes chats and answers."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self._postgres = postgres
        self._mongo = mongo

    @asynccontextmanager
    async def transaction(self, company_id: int) -> AsyncIterator[LeadStore]:
        async with self._postgres.transaction(company_id=company_id, by_index=True) as connection:
            yield LeadStore(connection)

    async def chats_of_others(self, chunk: ChunkTagged) -> set[int]:
        """Return the indexes of live rows with whose phone somebody else opened a chat in this account."""
        return await rows_with_others_chats(self._mongo, chunk)

    async def insert_chats(
        self, chunk: ChunkTagged, ids: Sequence[str], lead_ids: dict[str, int], *, now: datetime
    ) -> dict[str, Verdict]:
        """Insert the chats of the rows that have a lead; those of an earlier run stay as they are.

        Return the chats, by their ids, that rules of the platform's own refused, and what becomes of their rows: a
        unique index on phones says that another chat was first; any other index, or a validator, that this row's chat
        cannot be. Raises PyMongoError for all else: then every refusal comes again.
        """
        documents = chat_documents(chunk, ids, lead_ids, now=now, object_id=ObjectId)
        if not documents:
            return {}
        try:
            await chats_of(self._mongo).insert_many(documents, ordered=False)
        except BulkWriteError as error:
            refused = [item for item in error.details["writeErrors"] if not _is_repeat(item)]
            if error.details.get("writeConcernErrors") or any(item["code"] not in RULES for item in refused):
                raise
            return {
                str(documents[item["index"]]["_id"]): CHAT_EXISTS if _is_anothers_phone(item) else CHAT_REFUSED
                for item in refused
            }
        return {}

    async def answers(self, chunk: ChunkTagged, rows: Sequence[int]) -> dict[int, Kept]:
        """Return what is kept of these rows of the chunk."""
        async with self._postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
            return _kept(await connection.execute(_ANSWERS, {"import_id": chunk.import_id, "rows": list(rows)}))

    async def keep_answers(self, chunk: ChunkTagged, changes: Mapping[int, AnswerChange]) -> dict[int, Kept]:
        """Write answers and tries down; return what is kept of these rows now."""
        columns = {
            "rows": list(changes),
            "answers": [change.said for change in changes.values()],
            "tries": [change.tries for change in changes.values()],
        }
        async with self._postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
            return _kept(await connection.execute(_KEEP_ANSWERS, {"import_id": chunk.import_id} | columns))

    async def forget_old_answers(self) -> None:
        """Delete what was last written a day ago, of all companies."""
        async with self._postgres.transaction() as connection:
            await connection.execute(_FORGET_ANSWERS)

    async def delete_chats(self, chunk: ChunkTagged, ids: Collection[str], *, made_at: datetime) -> None:
        """Take back chats of these ids that this very run made: those are of that time."""
        await chats_of(self._mongo).delete_many(
            {
                "_id": {"$in": [ObjectId(chat_id) for chat_id in sorted(ids)]},
                "import_id": chunk.import_id,
                "created_at": made_at,
            }
        )


def _kept(rows: CursorResult[Any]) -> dict[int, Kept]:
    return {row.row_number: Kept(row.answer and Said(row.answer), row.tries) for row in rows}


def _is_repeat(item: Any) -> bool:
    """Tell whether a chat of the same id exists: it is our own, of an earlier run of the chunk."""
    return item["code"] == DUPLICATE_KEY and "_id" in item.get("keyPattern", {"_id": 1})


def _is_anothers_phone(item: Any) -> bool:
    """Tell whether a unique index on phones refused the chat: only the platform has one, so another chat is first."""
    return item["code"] == DUPLICATE_KEY and "contact_cellphone" in item.get("keyPattern", {})
