"""Every query of the calls that show imports. All of them are scoped to the caller's company."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.common.web.caller import Caller
from services.api.http.shared_reads import SharedReads

BYTES_A_READ = 1 << 20
"""Of cells, at a time: a row may have 25 cells of 1,000 characters, and 500 such rows would hold the event loop."""

_IMPORT_COLUMNS = """
    i.id, i.name, i.status, i.total_rows, i.failure_reason, i.account_id, i.source_id, i.company_id, i.creator_id,
    i.file_name, i.created_at, i.finished_at, i.revision, i.chunk_count,
    i.options -> 'file' ->> 'separator' AS separator,
    CASE WHEN i.status = 'PROCESSING' THEN c.created ELSE i.total_created END AS total_created,
    CASE WHEN i.status = 'PROCESSING' THEN c.existing ELSE i.total_existing END AS total_existing,
    CASE WHEN i.status = 'PROCESSING' THEN c.errors ELSE i.total_errors END AS total_errors,
    CASE WHEN i.status = 'PROCESSING' THEN c.canceled ELSE i.total_canceled END AS canceled, i.cancel_requested_at,
    CASE WHEN i.status = 'PROCESSING' THEN c.settled ELSE i.chunk_count END AS chunks_settled,
    (SELECT json_build_object('state', CASE WHEN finished_at IS NULL THEN 'RUNNING' ELSE 'DONE' END, 'total', total,
                              'reversed', reversed, 'kept', kept, 'failed', failed, 'requested_at', requested_at,
                              'finished_at', finished_at)
     FROM amigocare.lead_import_undos WHERE import_id = i.id) AS undo,
    ARRAY(SELECT tag_id FROM amigocare.lead_import_tags WHERE import_id = i.id AND left_out ORDER BY tag_id)
        AS tags_left_out
"""
# Totals of an import in progress are those of its settled chunks; an ended one has its own.
_LIVE_TOTALS = """
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(total_created), 0)::int AS created, coalesce(sum(total_existing), 0)::int AS existing,
               coalesce(sum(total_errors), 0)::int AS errors,
               coalesce(sum(total_canceled), 0)::int AS canceled, count(*)::int AS settled
        FROM amigocare.lead_import_chunks
        WHERE import_id = i.id AND settled_at IS NOT NULL AND i.status = 'PROCESSING'
    ) c ON true
"""
IN_SCOPE = """
    i.company_id = :company_id AND NOT i.is_deleted
    AND (CAST(:accounts AS int[]) IS NULL OR i.account_id = ANY(CAST(:accounts AS int[])))
"""
"""The imports ``i`` that a caller sees; its parameters are ``scoped``."""
_GET = text(
    f"SELECT {_IMPORT_COLUMNS} FROM amigocare.lead_imports i {_LIVE_TOTALS} WHERE i.id = :import_id AND {IN_SCOPE}"
)
_LIST = text(
    f"SELECT {_IMPORT_COLUMNS} FROM amigocare.lead_imports i {_LIVE_TOTALS}"
    f" WHERE {IN_SCOPE} AND (CAST(:before AS int) IS NULL OR i.id < CAST(:before AS int))"
    " AND (CAST(:account_id AS int) IS NULL OR i.account_id = CAST(:account_id AS int))"
    " AND (CAST(:status AS text) IS NULL OR i.status = CAST(:status AS text))"
    " ORDER BY i.id DESC LIMIT :limit"
)
_ROWS = text(
    """
    SELECT row_number, outcome, reason, detail, cells, found FROM (
        SELECT *, count(*) OVER () AS found, sum(octet_length(cells::text)) OVER (ORDER BY row_number) AS bytes,
               row_number() OVER (ORDER BY row_number) AS place
        FROM (
            SELECT row_number, outcome, reason, detail, cells FROM amigocare.lead_import_rows
            WHERE import_id = :import_id AND row_number > :after
              AND (CAST(:outcome AS text) IS NULL OR outcome = CAST(:outcome AS text))
            ORDER BY row_number LIMIT :limit
        ) next_rows
    ) measured
    WHERE bytes <= :max_bytes OR place = 1
    ORDER BY row_number
    """
)
_DELETE = text(
    f"UPDATE amigocare.lead_imports i SET is_deleted = true, updated_at = now()"
    f" WHERE i.id = :import_id AND {IN_SCOPE} AND i.status <> 'PROCESSING' RETURNING i.id"
)


@dataclass(frozen=True, slots=True)
class Scope:
    """What a caller may see: one company, and of it some accounts (None: all)."""

    company_id: int
    accounts: tuple[int, ...] | None


def scope_of(caller: Caller) -> Scope:
    return Scope(caller.company_id, None if caller.accounts is None else tuple(sorted(caller.accounts)))


class Store:
    """Reads imports, and takes ended ones out of the history."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._imports = SharedReads(self._read_import)

    async def get_import(self, scope: Scope, import_id: int) -> dict[str, Any] | None:
        """Return the import with its live totals, or None when it does not exist for this scope."""
        return await self._imports.get((scope, import_id))

    async def _read_import(self, asked: tuple[Scope, int]) -> dict[str, Any] | None:
        scope, import_id = asked
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            row = await connection.execute(_GET, scoped(scope) | {"import_id": import_id})
            found = row.mappings().one_or_none()
            return dict(found) if found else None

    async def list_imports(
        self, scope: Scope, *, before: int | None, limit: int, account_id: int | None, status: str | None
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` imports with ids below ``before``, newest first."""
        filters = {"before": before, "limit": limit, "account_id": account_id, "status": status}
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            rows = await connection.execute(_LIST, scoped(scope) | filters)
            return [dict(row) for row in rows.mappings()]

    async def rows(
        self,
        scope: Scope,
        import_id: int,
        *,
        after: int,
        limit: int,
        outcome: str | None,
        max_bytes: int = BYTES_A_READ,
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` rows that did not become leads, with numbers above ``after``.

        Fewer when their cells would have more than ``max_bytes``, but one at least; ``found`` of each says how many
        there are within the limit. The caller has looked the import up in its scope before.
        """
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            rows = await connection.execute(
                _ROWS,
                {
                    "import_id": import_id,
                    "after": after,
                    "limit": limit,
                    "max_bytes": max_bytes,
                    "outcome": outcome,
                },
            )
            return [dict(row) for row in rows.mappings()]

    async def delete_import(self, scope: Scope, import_id: int) -> bool:
        """Soft-delete an ended import; False when there is none."""
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            deleted = await connection.execute(_DELETE, scoped(scope) | {"import_id": import_id})
            return deleted.one_or_none() is not None


def scoped(scope: Scope) -> dict[str, Any]:
    """Return the parameters of ``IN_SCOPE``."""
    return {
        "company_id": scope.company_id,
        "accounts": None if scope.accounts is None else list(scope.accounts),
    }
