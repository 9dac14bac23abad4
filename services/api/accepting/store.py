"""Every query of the accepting transaction. All of them are scoped to the caller's company."""

import json
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, Self

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.common.web.caller import Caller
from libs.common.web.refusals import Refused
from libs.fields.custom_values import MOST_FIELDS, FieldType, OwnField
from libs.imports import chunk_life
from services.api.accepting.domain.idempotency import IdempotencyKey, KeptAnswer
from services.api.accepting.domain.quota import PastImport
from services.api.accepting.domain.references import FoundReferences
from services.api.accepting.domain.request import ImportOptions
from services.api.reading.domain.own_names import label_key

MOST_PARENTS = 500
"""Imports that are looked through for the one whose report was sent again, the newest ones."""
LOCK_SECONDS = 5.0
"""How long an upload waits for one of its account that came to another process, with a connection in hand."""
RETRY_SECONDS = 5
_LOCK_NOT_AVAILABLE = "55P03"
CHUNKS_A_STATEMENT = 8
"""Payloads are up to 512 KB: so many are in memory at once while an upload is stored."""

_REFERENCES = text(
    """
    SELECT EXISTS (SELECT FROM amigocare.messaging_accounts WHERE id = :account_id AND company_id = :company_id),
           EXISTS (SELECT FROM amigocare.lead_sources WHERE id = :source_id AND NOT is_deleted),
           ARRAY(SELECT given.id FROM unnest(CAST(:tag_ids AS int[])) AS given (id)
                 WHERE NOT EXISTS (SELECT FROM amigocare.tags t
                                   WHERE t.id = given.id AND t.company_id = :company_id AND NOT t.is_deleted)),
           EXISTS (SELECT FROM amigocare.users WHERE id = :creator_id AND company_id = :company_id)
    """
)
_FURTHER = text(
    """
    SELECT (SELECT coalesce(jsonb_object_agg(key, type), '{}') FROM crm.field_definitions
            WHERE company_id = :company_id AND key = ANY(CAST(:keys AS text[]))),
           CAST(:list_id AS text) IS NULL OR EXISTS (
               SELECT FROM crm.lead_lists WHERE id = CAST(CAST(:list_id AS text) AS uuid) AND company_id = :company_id)
    """
)
_OWN_FIELDS = text(
    "SELECT key, label, type FROM crm.field_definitions WHERE company_id = :company_id ORDER BY created_at, key"
)
# The same lock as who makes a field by hand: whoever makes one at this moment is waited for, and then counted.
_LOCK_FIELDS = text("SELECT pg_advisory_xact_lock(hashtextextended('crm.field_definitions', :company_id))")
# In the file's order, which is safe in any order under the lock, and in which people look for them.
_MAKE_FIELDS = text(
    """
    INSERT INTO crm.field_definitions (company_id, key, label, type, created_by, created_at)
    SELECT :company_id, given.key, given.label, given.type, :user_id, clock_timestamp()
    FROM unnest(CAST(:keys AS text[]), CAST(:labels AS text[]), CAST(:types AS text[]))
         WITH ORDINALITY AS given (key, label, type, at)
    ORDER BY given.at
    ON CONFLICT DO NOTHING
    """
)
# Of the transaction's company. From behind the wall no index on lower(name) is used, but by this function
# (migrations/imports/v0010_names_by_their_index.py).
_NAME_TAKEN = text("SELECT amigocare.import_name_taken(CAST(:account_id AS int), CAST(:name AS text))")
_RESERVE = text("SELECT nextval(pg_get_serial_sequence('amigocare.lead_imports', 'id')), now()")
# Without it, two simultaneous uploads of an account would each find the quota that is left, not see the other, and use
# it twice.
_LOCK_QUOTA = text("SELECT pg_advisory_xact_lock(:company_id, :account_id)")
# Compared with the new import's own time of acceptance, not with now: it is kept as that, and may be long ago when the
# file has waited and been read. What others accepted since then and stored first counts, too. What is dated after now
# was dated by a clock that has jumped back since: it counts for the hour that follows its date, and does not lock the
# account until then. The clock is the database's, one for all replicas, and not now(), which stands still since this
# transaction began, before it waited for its turn.
_LAST_HOUR = text(
    """
    SELECT created_at, total_rows FROM amigocare.lead_imports
    WHERE company_id = :company_id AND account_id = :account_id
      AND created_at > CAST(:accepted_at AS timestamptz) - interval '1 hour' AND created_at <= :now
    ORDER BY created_at
    """
)
_NOW = text("SELECT clock_timestamp()")
_INSERT_IMPORT = text(
    """
    INSERT INTO amigocare.lead_imports
        (id, name, creator_id, company_id, source_id, account_id, total_rows, chunk_count, file_name, file_sha256,
         options, corrections, parent_id, created_at, updated_at)
    VALUES (:import_id, :name, :creator_id, :company_id, :source_id, :account_id, :total_rows, :chunk_count,
            :file_name, :file_sha256, CAST(:options AS jsonb), CAST(:corrections AS jsonb), :parent_id, :accepted_at,
            :accepted_at)
    """
)
_IS_PARENT = text(
    """
    SELECT EXISTS (SELECT FROM amigocare.lead_imports
                   WHERE id = :parent_id AND company_id = :company_id AND NOT is_deleted
                     AND (CAST(:accounts AS int[]) IS NULL OR account_id = ANY(CAST(:accounts AS int[]))))
    """
)
# A row of a report is an import's when that has a row of this number that ended so, and one of its cells still says
# what it said: most corrections change one or two.
_FIND_PARENT = text(
    """
    SELECT i.id FROM (
        SELECT id FROM amigocare.lead_imports
        WHERE company_id = :company_id AND NOT is_deleted AND status <> 'PROCESSING'
          AND (CAST(:accounts AS int[]) IS NULL OR account_id = ANY(CAST(:accounts AS int[])))
        ORDER BY id DESC LIMIT :most
    ) i
    WHERE NOT EXISTS (
        SELECT FROM jsonb_to_recordset(CAST(:reported AS jsonb)) AS said ("row" int, outcome text, cells jsonb)
        WHERE NOT EXISTS (
            SELECT FROM amigocare.lead_import_rows r
            WHERE r.import_id = i.id AND r.row_number = said."row" AND r.outcome = said.outcome
              AND EXISTS (SELECT FROM jsonb_array_elements_text(r.cells) AS kept (cell)
                          WHERE cell <> '' AND cell IN (SELECT jsonb_array_elements_text(said.cells)))))
    ORDER BY i.id DESC LIMIT 1
    """
)
# FOR SHARE: the finalizer must not delete these tags as unused before the hold, by which they are used, is committed.
_HOLD_TAGS = text(
    """
    INSERT INTO amigocare.lead_import_tags (import_id, tag_id, created_here)
    SELECT :import_id, held.id, false
    FROM (SELECT id FROM amigocare.tags
          WHERE id = ANY(CAST(:tag_ids AS int[])) AND company_id = :company_id AND NOT is_deleted
          ORDER BY id FOR SHARE) held
    RETURNING tag_id
    """
)
_KEPT_ANSWER = text(
    """
    SELECT fingerprint, response FROM amigocare.idempotency_keys
    WHERE company_id = :company_id AND key = :key AND created_at > now() - interval '24 hours'
    """
)
# A key that was kept more than 24 hours ago may be used anew. A younger one is another request's: no row comes back.
_KEEP_ANSWER = text(
    """
    INSERT INTO amigocare.idempotency_keys AS kept (company_id, key, fingerprint, import_id, response)
    VALUES (:company_id, :key, :fingerprint, :import_id, CAST(:response AS jsonb))
    ON CONFLICT (company_id, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, import_id = excluded.import_id, response = excluded.response,
            created_at = now()
        WHERE kept.created_at <= now() - interval '24 hours'
    RETURNING import_id
    """
)
_FORGET_ANSWERS = text(
    """
    DELETE FROM amigocare.idempotency_keys k USING (
        SELECT company_id, key FROM amigocare.idempotency_keys WHERE created_at <= now() - interval '25 hours'
        LIMIT 100 FOR UPDATE SKIP LOCKED
    ) old
    WHERE k.company_id = old.company_id AND k.key = old.key
    """
)


@dataclass(frozen=True, slots=True)
class NewImport:
    """A validated upload, about to become an import."""

    import_id: int
    name: str
    creator_id: int
    company_id: int
    source_id: int
    account_id: int
    total_rows: int
    chunk_count: int
    file_name: str | None
    file_sha256: str
    options: str
    accepted_at: datetime
    corrections: str | None = None
    parent_id: int | None = None


class FieldsMoved(Exception):
    """The company's own fields are others than those that the file was read by."""


class AcceptStore:
    """Queries of the accepting transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    @classmethod
    @asynccontextmanager
    async def transaction(
        cls, postgres: Postgres, company_id: int, *, lock_seconds: float | None = None
    ) -> AsyncIterator[Self]:
        """Commit at the end of the block, roll back when it raises. No other company's rows exist within it.

        Raises Refused ``busy`` when a lock was waited for in vain for ``lock_seconds``.
        """
        try:
            async with postgres.transaction(company_id=company_id, lock_seconds=lock_seconds) as connection:
                yield cls(connection)
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise Refused("busy", retry_after=RETRY_SECONDS) from None

    async def references(
        self, *, company_id: int, account_id: int, source_id: int, tag_ids: Sequence[int], creator_id: int
    ) -> FoundReferences:
        found = await self.connection.execute(
            _REFERENCES,
            {
                "company_id": company_id,
                "account_id": account_id,
                "source_id": source_id,
                "tag_ids": list(tag_ids),
                "creator_id": creator_id,
            },
        )
        return FoundReferences(*found.one())

    async def custom_types(self, request: ImportOptions, *, company_id: int) -> dict[str, FieldType]:
        """Return the types of the company's own fields that the mapping names, by key.

        Raises Refused when it has no such field, or no such list. Whoever names neither is asked nothing.
        """
        keys = request.custom_keys
        if not keys and request.list_id is None:
            return {}
        given = {"company_id": company_id, "keys": keys, "list_id": request.list_id}
        types, list_exists = (await self.connection.execute(_FURTHER, given)).one()
        request.check_custom(types)
        if not list_exists:
            raise Refused("list_not_found", f"There is no list {request.list_id}.")
        return dict(types)

    async def own_fields(self, request: ImportOptions, *, company_id: int) -> list[OwnField] | None:
        """Return all fields of the company's own; None, without asking, unless the request keeps further columns."""
        if not request.keeps_columns:
            return None
        found = await self.connection.execute(_OWN_FIELDS, {"company_id": company_id})
        return [OwnField(*row) for row in found]

    async def make_fields(self, fields: Sequence[OwnField], *, company_id: int, user_id: int) -> None:
        """Make those of the fields that the company lacks, until the commit alone in the company.

        Raises FieldsMoved when somebody has made one of another label or type, or another one of this label, or deleted
        one meanwhile, or there are too many.
        """
        await self.connection.execute(_LOCK_FIELDS, {"company_id": company_id})
        columns = {f"{name}s": [getattr(field, name) for field in fields] for name in OwnField.__slots__}
        await self.connection.execute(_MAKE_FIELDS, columns | {"company_id": company_id, "user_id": user_id})
        found = await self.connection.execute(_OWN_FIELDS, {"company_id": company_id})
        there = [OwnField(*row) for row in found]
        first = {label_key(field.label): (field.key, field.type) for field in reversed(there)}
        if len(there) > MOST_FIELDS or any(
            first.get(label_key(field.label)) != (field.key, field.type) for field in fields
        ):
            raise FieldsMoved

    async def name_taken(self, *, account_id: int, name: str) -> bool:
        """Tell whether an import of the transaction's company has this name in the account."""
        found = await self.connection.execute(_NAME_TAKEN, {"account_id": account_id, "name": name})
        return bool(found.scalar_one())

    async def parent_of(
        self, caller: Caller, *, given: int | None, reported: Sequence[Mapping[str, Any]]
    ) -> int | None:
        """Return the import that a file corrects: the one that is given, or the one whose report it is.

        ``reported`` is what the report's first rows say of themselves. Raises Refused when there is no such import.
        """
        accounts = None if caller.accounts is None else sorted(caller.accounts)
        scope = {"company_id": caller.company_id, "accounts": accounts}
        if given is not None:
            found = await self.connection.execute(_IS_PARENT, scope | {"parent_id": given})
            if not found.scalar_one():
                raise Refused("parent_not_found", f"There is no import {given}.")
            return given
        if not reported:
            return None
        asked = {"reported": json.dumps(list(reported)), "most": MOST_PARENTS}
        parent: int | None = (await self.connection.execute(_FIND_PARENT, scope | asked)).scalar_one_or_none()
        return parent

    async def reserve(self) -> tuple[int, datetime]:
        """Return the id of the import to come, and the database's time."""
        import_id, now = (await self.connection.execute(_RESERVE)).one()
        return import_id, now

    async def now(self) -> datetime:
        """Return the database's time, as it is now and not when the transaction began."""
        now: datetime = (await self.connection.execute(_NOW)).scalar_one()
        return now

    async def last_hour(
        self, *, company_id: int, account_id: int, accepted_at: datetime, now: datetime
    ) -> list[PastImport]:
        """Return the account's imports since an hour before ``accepted_at`` until now, deleted and failed ones too."""
        given = {"company_id": company_id, "account_id": account_id, "accepted_at": accepted_at, "now": now}
        return [PastImport(*row) for row in await self.connection.execute(_LAST_HOUR, given)]

    async def lock_quota(self, *, company_id: int, account_id: int) -> None:
        await self.connection.execute(_LOCK_QUOTA, {"company_id": company_id, "account_id": account_id})

    async def kept_answer(self, key: IdempotencyKey) -> KeptAnswer | None:
        """Return what the key was answered within the last 24 hours."""
        found = await self.connection.execute(_KEPT_ANSWER, {"company_id": key.company_id, "key": key.key})
        row = found.one_or_none()
        return KeptAnswer(*row) if row else None

    async def keep_answer(self, key: IdempotencyKey, import_id: int, response: str) -> bool:
        """Keep the answer (JSON) with the import that it stands for; False when the key is answered already.

        Waits for a simultaneous request with the same key to commit or fail.
        """
        await self.connection.execute(_FORGET_ANSWERS)
        kept = await self.connection.execute(
            _KEEP_ANSWER,
            {
                "company_id": key.company_id,
                "key": key.key,
                "fingerprint": key.fingerprint,
                "import_id": import_id,
                "response": response,
            },
        )
        return kept.one_or_none() is not None

    async def insert_import(self, new: NewImport) -> None:
        """Insert the import. Raises Refused ``name_taken``: the unique index decides between two uploads."""
        values = {name: getattr(new, name) for name in NewImport.__slots__}
        try:
            await self.connection.execute(_INSERT_IMPORT, values)
        except IntegrityError as error:
            if "lead_imports_name" in str(error.orig):
                raise Refused("name_taken", "Another import of this account has this name.") from None
            raise

    async def hold_tags(self, new: NewImport, tag_ids: Sequence[int]) -> list[int]:
        """Keep the request's tags from being cleaned up until the import ends; return those that were just deleted."""
        if not tag_ids:
            return []
        held = await self.connection.execute(
            _HOLD_TAGS, {"import_id": new.import_id, "company_id": new.company_id, "tag_ids": list(tag_ids)}
        )
        return sorted(set(tag_ids) - set(held.scalars()))

    async def insert_chunks(self, import_id: int, chunks: Iterator[tuple[int, int, bytes]]) -> None:
        """Insert (index, row count, payload) of every chunk, a few at a time."""
        while some := list(islice(chunks, CHUNKS_A_STATEMENT)):
            await chunk_life.accept(self.connection, import_id, some)
