"""Every query of api. All of them are scoped to the caller's company."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from libs.imports import chunk_life
from services.api.domain.idempotency import IdempotencyKey, KeptAnswer
from services.api.domain.problems import Refused
from services.api.domain.quota import PastImport
from services.api.domain.references import References
from services.api.shared_reads import SharedReads

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
_NAME_TAKEN = text(
    """
    SELECT EXISTS (SELECT FROM amigocare.lead_imports
                   WHERE company_id = :company_id AND account_id = :account_id AND lower(name) = lower(:name)
                     AND NOT is_deleted)
    """
)
_RESERVE = text("SELECT nextval(pg_get_serial_sequence('amigocare.lead_imports', 'id')), now()")
# Two simultaneous uploads of an account would each see only the quota the other has not used yet.
_LOCK_QUOTA = text("SELECT pg_advisory_xact_lock(:company_id, :account_id)")
_LAST_HOUR = text(
    """
    SELECT created_at, total_rows FROM amigocare.lead_imports
    WHERE company_id = :company_id AND account_id = :account_id AND created_at > now() - interval '1 hour'
    ORDER BY created_at
    """
)
_NOW = text("SELECT clock_timestamp()")
_INSERT_IMPORT = text(
    """
    INSERT INTO amigocare.lead_imports
        (id, name, creator_id, company_id, source_id, account_id, total_rows, chunk_count, file_name, file_sha256,
         options, created_at, updated_at)
    VALUES (:import_id, :name, :creator_id, :company_id, :source_id, :account_id, :total_rows, :chunk_count,
            :file_name, :file_sha256, CAST(:options AS jsonb), :accepted_at, :accepted_at)
    """
)
# FOR SHARE: the finalizer must not clean these up before the hold is committed.
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
# A key older than 24 hours is as good as new. Nothing comes back while another request has it.
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
_IMPORT_COLUMNS = """
    i.id, i.name, i.status, i.total_rows, i.failure_reason, i.account_id, i.source_id, i.company_id, i.creator_id,
    i.file_name, i.created_at, i.finished_at, i.revision, i.chunk_count,
    CASE WHEN i.status = 'PROCESSING' THEN c.created ELSE i.total_created END AS total_created,
    CASE WHEN i.status = 'PROCESSING' THEN c.existing ELSE i.total_existing END AS total_existing,
    CASE WHEN i.status = 'PROCESSING' THEN c.errors ELSE i.total_errors END AS total_errors,
    CASE WHEN i.status = 'PROCESSING' THEN c.settled ELSE i.chunk_count END AS chunks_settled
"""
# Totals of an import in progress are those of its settled chunks; an ended one has its own.
_LIVE_TOTALS = """
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(total_created), 0)::int AS created, coalesce(sum(total_existing), 0)::int AS existing,
               coalesce(sum(total_errors), 0)::int AS errors, count(*)::int AS settled
        FROM amigocare.lead_import_chunks
        WHERE import_id = i.id AND settled_at IS NOT NULL AND i.status = 'PROCESSING'
    ) c ON true
"""
_SCOPE = """
    i.company_id = :company_id AND NOT i.is_deleted
    AND (CAST(:accounts AS int[]) IS NULL OR i.account_id = ANY(CAST(:accounts AS int[])))
"""
_GET = text(
    f"SELECT {_IMPORT_COLUMNS} FROM amigocare.lead_imports i {_LIVE_TOTALS} WHERE i.id = :import_id AND {_SCOPE}"
)
_LIST = text(
    f"SELECT {_IMPORT_COLUMNS} FROM amigocare.lead_imports i {_LIVE_TOTALS}"
    f" WHERE {_SCOPE} AND (CAST(:before AS int) IS NULL OR i.id < CAST(:before AS int))"
    " AND (CAST(:account_id AS int) IS NULL OR i.account_id = CAST(:account_id AS int))"
    " AND (CAST(:status AS text) IS NULL OR i.status = CAST(:status AS text))"
    " ORDER BY i.id DESC LIMIT :limit"
)
_ROWS = text(
    """
    SELECT row_number, outcome, reason, detail, cells FROM amigocare.lead_import_rows
    WHERE import_id = :import_id AND row_number > :after
      AND (CAST(:outcome AS text) IS NULL OR outcome = CAST(:outcome AS text))
    ORDER BY row_number LIMIT :limit
    """
)
_DELETE = text(
    f"UPDATE amigocare.lead_imports i SET is_deleted = true, updated_at = now()"
    f" WHERE i.id = :import_id AND {_SCOPE} AND i.status <> 'PROCESSING' RETURNING i.id"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: one company, and of it some accounts (None: all)."""

    company_id: int
    accounts: tuple[int, ...] | None


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


class AcceptStore:
    """Queries of the accepting transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self.connection = connection

    async def references(
        self, *, company_id: int, account_id: int, source_id: int, tag_ids: Sequence[int], creator_id: int
    ) -> References:
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
        return References(*found.one())

    async def name_taken(self, *, company_id: int, account_id: int, name: str) -> bool:
        found = await self.connection.execute(
            _NAME_TAKEN, {"company_id": company_id, "account_id": account_id, "name": name}
        )
        return bool(found.scalar_one())

    async def reserve(self) -> tuple[int, datetime]:
        """Return the id of the import to come, and the database's time."""
        import_id, now = (await self.connection.execute(_RESERVE)).one()
        return import_id, now

    async def last_hour(self, *, company_id: int, account_id: int) -> tuple[list[PastImport], datetime]:
        """Return the account's imports of the last hour, deleted and failed ones too, and the database's time."""
        past = await self.connection.execute(_LAST_HOUR, {"company_id": company_id, "account_id": account_id})
        imports = [PastImport(*row) for row in past]
        return imports, (await self.connection.execute(_NOW)).scalar_one()

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


class Store:
    """Opens the accepting transaction, and reads imports."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._imports = SharedReads(self._read_import)

    @asynccontextmanager
    async def transaction(self, company_id: int) -> AsyncIterator[AcceptStore]:
        async with self._postgres.transaction(company_id=company_id) as connection:
            yield AcceptStore(connection)

    async def get_import(self, scope: Scope, import_id: int) -> dict[str, Any] | None:
        """Return the import with its live totals, or None when it does not exist for this scope."""
        return await self._imports.get((scope, import_id))

    async def _read_import(self, asked: tuple[Scope, int]) -> dict[str, Any] | None:
        scope, import_id = asked
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            row = await connection.execute(_GET, _scoped(scope) | {"import_id": import_id})
            found = row.mappings().one_or_none()
            return dict(found) if found else None

    async def list_imports(
        self, scope: Scope, *, before: int | None, limit: int, account_id: int | None, status: str | None
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` imports with ids below ``before``, newest first."""
        filters = {"before": before, "limit": limit, "account_id": account_id, "status": status}
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            rows = await connection.execute(_LIST, _scoped(scope) | filters)
            return [dict(row) for row in rows.mappings()]

    async def rows(
        self, scope: Scope, import_id: int, *, after: int, limit: int, outcome: str | None
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` rows that did not become leads, with numbers above ``after``.

        The caller has looked the import up in its scope before.
        """
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            rows = await connection.execute(
                _ROWS, {"import_id": import_id, "after": after, "limit": limit, "outcome": outcome}
            )
            return [dict(row) for row in rows.mappings()]

    async def delete_import(self, scope: Scope, import_id: int) -> bool:
        """Soft-delete an ended import; False when there is none."""
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            deleted = await connection.execute(_DELETE, _scoped(scope) | {"import_id": import_id})
            return deleted.one_or_none() is not None

    async def ping(self) -> None:
        async with self._postgres.transaction() as connection:
            await connection.execute(text("SELECT 1"))


def _scoped(scope: Scope) -> dict[str, Any]:
    return {
        "company_id": scope.company_id,
        "accounts": None if scope.accounts is None else list(scope.accounts),
    }
