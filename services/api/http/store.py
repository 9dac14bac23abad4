"""Every query of the calls that show imports. All of them are scoped to the caller's company."""

import time
from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TextualSelect, column, text

from libs.common.stores.postgres import Postgres
from libs.common.web.caller import Caller
from libs.contracts.lead_import.internal.import_options import SILENT
from libs.imports.chat_ids import LAST_ROW, chat_ids_of_rows, row_of_chat
from libs.imports.chunk_states import added_up
from services.api.http.shared_reads import SharedReads
from services.api.http.views import PACE_SECONDS

BYTES_A_READ = 1 << 20
"""Of cells and of what is wrong with them, at a time: a row may have 80,000 characters, or 7,000 about its faults, and
500 such rows would hold the event loop."""

_IMPORT_COLUMNS = {
    **{
        name: f"i.{name}"
        for name in (
            *("id", "name", "status", "total_rows", "failure_reason", "account_id", "source_id", "company_id"),
            *("creator_id", "file_name", "created_at", "finished_at", "revision", "chunk_count"),
        )
    },
    "file": "i.options -> 'file'",
    "total_created": "CASE WHEN i.status = 'PROCESSING' THEN c.created ELSE i.total_created END",
    "total_existing": "CASE WHEN i.status = 'PROCESSING' THEN c.existing ELSE i.total_existing END",
    "total_errors": "CASE WHEN i.status = 'PROCESSING' THEN c.errors ELSE i.total_errors END",
    "canceled": "CASE WHEN i.status = 'PROCESSING' THEN c.canceled ELSE i.total_canceled END",
    "cancel_requested_at": "i.cancel_requested_at",
    "rows_expired_at": "i.rows_expired_at",
    "chunks_settled": "CASE WHEN i.status = 'PROCESSING' THEN c.settled ELSE i.chunk_count END",
    "undo": """
        (SELECT json_build_object('state', CASE WHEN finished_at IS NULL THEN 'RUNNING' ELSE 'DONE' END, 'total', total,
                                  'reversed', reversed, 'kept', kept, 'failed', failed, 'requested_at', requested_at,
                                  'finished_at', finished_at)
         FROM amigocare.lead_import_undos WHERE import_id = i.id)
    """,
    "tags_left_out": """
        ARRAY(SELECT tag_id FROM amigocare.lead_import_tags WHERE import_id = i.id AND left_out ORDER BY tag_id)
    """,
}
# Totals of an import in progress are those of its settled chunks; an ended one has its own.
_LIVE_TOTALS = """
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(total_created), 0)::int AS created, coalesce(sum(total_existing), 0)::int AS existing,
               coalesce(sum(total_errors), 0)::int AS errors, count(*)::int AS settled, {and_more}
        FROM amigocare.lead_import_chunks
        WHERE import_id = i.id AND settled_at IS NOT NULL AND i.status = 'PROCESSING'
    ) c ON true
"""
_TOTALS = _LIVE_TOTALS.format(and_more="coalesce(sum((reasons ->> 'canceled')::int), 0)::int AS canceled")
# ``uncounted``: a chunk was settled before its reasons were counted.
_DETAIL_TOTALS = _LIVE_TOTALS.format(
    and_more=f"""
        min(sent_at) AS began,
        sum(row_count) FILTER (WHERE settled_at > statement_timestamp() - interval '{PACE_SECONDS} seconds')::int
            AS recent_rows,
        json_agg(reasons) FILTER (WHERE total_existing + total_errors > 0) AS reasons,
        bool_or(reasons IS NULL AND total_existing + total_errors > 0) AS uncounted
    """
)


def _in_scope(alias: str) -> str:
    return f"""
        {alias}.company_id = :company_id AND NOT {alias}.is_deleted
        AND (CAST(:accounts AS int[]) IS NULL OR {alias}.account_id = ANY(CAST(:accounts AS int[])))
    """


IN_SCOPE = _in_scope("i")
"""The imports ``i`` that a caller sees; its parameters are ``scoped``."""
_RELATED_IN_SCOPE = _in_scope("related")
_DETAIL_COLUMNS = _IMPORT_COLUMNS | {
    "parent_id": f"""
        (SELECT id FROM amigocare.lead_imports related WHERE related.id = i.parent_id AND {_RELATED_IN_SCOPE})
    """,
    "silent": f"i.options ? '{SILENT}'",
    "server_time": "clock_timestamp()",
    "reasons": "i.reasons",
    "canceled": "i.total_canceled",  # of an import in progress its reasons tell
    "began": "c.began",
    "recent_rows": "c.recent_rows",
    "live_reasons": "c.reasons",
    "uncounted": """
        CASE WHEN i.status = 'PROCESSING' THEN c.uncounted
             ELSE i.reasons IS NULL AND i.total_existing + i.total_errors > 0 END
    """,
    "child_ids": f"""
        ARRAY(SELECT id FROM amigocare.lead_imports related WHERE related.parent_id = i.id AND {_RELATED_IN_SCOPE}
              ORDER BY id)
    """,
}


def _selecting(columns: Mapping[str, str], source: str) -> TextualSelect:
    """Return a statement whose columns are named to SQLAlchemy: it finds out anew what others give at every run."""
    wanted = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return text(f"SELECT {wanted} FROM {source}").columns(*map(column, columns))


_COUNT_REASONS = text(
    "SELECT reason, CAST(count(*) AS int) AS rows FROM amigocare.lead_import_rows"
    " WHERE import_id = :import_id GROUP BY reason"
)
_GET = _selecting(_DETAIL_COLUMNS, f"amigocare.lead_imports i {_DETAIL_TOTALS} WHERE i.id = :import_id AND {IN_SCOPE}")
# Of all companies: they share the processes.
_IN_PROGRESS = text("SELECT id FROM amigocare.lead_imports WHERE status = 'PROCESSING' ORDER BY id LIMIT 10000")
_LIST = _selecting(
    _IMPORT_COLUMNS,
    f"amigocare.lead_imports i {_TOTALS}"
    f" WHERE {IN_SCOPE} AND (CAST(:before AS int) IS NULL OR i.id < CAST(:before AS int))"
    " AND (CAST(:account_id AS int) IS NULL OR i.account_id = CAST(:account_id AS int))"
    " AND (CAST(:status AS text) IS NULL OR i.status = CAST(:status AS text))"
    " ORDER BY i.id DESC LIMIT :limit",
)
_ROWS = text(
    """
    SELECT row_number, outcome, reason, detail, cells, found FROM (
        SELECT *, count(*) OVER () AS found, row_number() OVER (ORDER BY row_number) AS place,
               sum(octet_length(cells::text) + octet_length(detail)) OVER (ORDER BY row_number) AS bytes
        FROM (
            SELECT row_number, outcome, reason, detail, cells FROM amigocare.lead_import_rows
            WHERE import_id = :import_id AND row_number > :after
              AND (CAST(:outcome AS text) IS NULL OR outcome = CAST(:outcome AS text))
              AND (CAST(:reason AS text) IS NULL OR reason = CAST(:reason AS text))
            ORDER BY row_number LIMIT :limit
        ) next_rows
    ) measured
    WHERE bytes <= :max_bytes OR place = 1
    ORDER BY row_number
    """
)
# A lead does not say which row it was, but the id of its chat does (``libs/imports/chat_ids.py``): those of an import
# stand together in the index, in order of their rows.
_CREATED_ROWS = text(
    """
    SELECT id AS lead_id, chat_id, name FROM amigocare.amigocare_leads
    WHERE company_id = :company_id AND import_id = :import_id AND NOT is_deleted
      AND chat_id > :after AND chat_id <= :last
    ORDER BY chat_id LIMIT :limit
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

    def __init__(self, postgres: Postgres, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._postgres = postgres
        self._imports = SharedReads(self._read_import)
        self._monotonic = monotonic
        self._in_progress: list[int] = []
        self._in_progress_until = 0.0

    async def get_import(self, scope: Scope, import_id: int) -> dict[str, Any] | None:
        """Return the import with its live totals, or None when it does not exist for this scope."""
        return await self._imports.get((scope, import_id))

    async def _read_import(self, asked: tuple[Scope, int]) -> dict[str, Any] | None:
        scope, import_id = asked
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            row = await connection.execute(_GET, scoped(scope) | {"import_id": import_id})
            found = row.mappings().one_or_none()
            if found is None:
                return None
            is_running = found["status"] == "PROCESSING"
            if found["uncounted"]:
                counted = await connection.execute(_COUNT_REASONS, {"import_id": import_id})
                reasons = {row.reason: row.rows for row in counted}
            else:
                reasons = added_up(found["live_reasons"] or ()) if is_running else found["reasons"] or {}
        waits = is_running and not found["chunks_settled"]
        position = await self._place_in_queue(import_id) if waits else None
        canceled = reasons.get("canceled", 0) if is_running else found["canceled"]
        return {**found, "reasons": reasons, "canceled": canceled, "queue_position": position}

    async def _place_in_queue(self, import_id: int) -> int:
        """Return how many imports in progress were accepted before this one, and one.

        What is a second old is near enough, so that all who watch waiting imports cost one look a second.
        """
        if self._monotonic() >= self._in_progress_until:
            self._in_progress_until = self._monotonic() + 1
            async with self._postgres.transaction() as connection:
                self._in_progress = list((await connection.execute(_IN_PROGRESS)).scalars())
        return 1 + bisect_left(self._in_progress, import_id)

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
        reason: str | None = None,
        max_bytes: int = BYTES_A_READ,
    ) -> list[dict[str, Any]]:
        """Return up to ``limit`` rows that did not become leads, with numbers above ``after``.

        Fewer when their cells and details would have more than ``max_bytes``, but one at least; ``found`` of each says
        how many there are within the limit. The caller has looked the import up in its scope before.
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
                    "reason": reason,
                },
            )
            return [dict(row) for row in rows.mappings()]

    async def created_rows(
        self, scope: Scope, found: Mapping[str, Any], *, after: int, limit: int, reason: str | None = None
    ) -> list[dict[str, Any]]:
        """Return ``row, lead_id, chat_id, name`` of up to ``limit`` rows above ``after`` that became leads.

        ``found`` is the import as ``get_import`` returned it. Of a ``reason`` there are none: it is of others.
        """
        if reason is not None:
            return []
        behind, last = chat_ids_of_rows(found["id"], found["created_at"], (after, LAST_ROW))
        given = {
            "company_id": scope.company_id,
            "import_id": found["id"],
            "after": behind,
            "last": last,
            "limit": limit,
        }
        async with self._postgres.transaction(company_id=scope.company_id) as connection:
            rows = await connection.execute(_CREATED_ROWS, given)
            return [{"row": row_of_chat(row["chat_id"]), **row} for row in rows.mappings()]

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
