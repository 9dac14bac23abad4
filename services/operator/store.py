"""Imports and chunks as the people on call need them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from libs.common.postgres import Postgres
from services.operator.domain import ChunkLine

_IMPORT = text(
    """
    SELECT id, company_id, account_id, status, total_rows, chunk_count, total_created, total_existing, total_errors,
           failure_reason, revision, created_at, finished_at
    FROM amigocare.lead_imports WHERE id = :import_id
    """
)
_CHUNKS = text(
    """
    SELECT chunk_index, row_count, sent_at, sent_count, settled_at, dead_lettered
    FROM amigocare.lead_import_chunks WHERE import_id = :import_id ORDER BY chunk_index
    """
)
# The import is locked first, as the finalizer locks it.
_LOCK = text(
    "SELECT id FROM amigocare.lead_imports WHERE id = ANY(CAST(:imports AS int[])) ORDER BY id FOR NO KEY UPDATE"
)
_REOPEN = text(
    """
    WITH dead AS (
        UPDATE amigocare.lead_import_chunks c
        SET settled_at = NULL, sent_at = NULL, dead_lettered = false,
            total_created = NULL, total_existing = NULL, total_errors = NULL
        FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[])) AS given (import_id, chunk_index)
        WHERE c.import_id = given.import_id AND c.chunk_index = given.chunk_index
          AND c.dead_lettered AND c.payload IS NOT NULL
        RETURNING c.import_id, c.chunk_index
    ), forgotten AS (
        DELETE FROM amigocare.lead_import_rows r USING dead
        WHERE r.import_id = dead.import_id AND r.chunk_index = dead.chunk_index
    ), opened AS (
        UPDATE amigocare.lead_imports i SET status = 'PROCESSING', finished_at = NULL, failure_reason = NULL,
               updated_at = now()
        WHERE i.id IN (SELECT import_id FROM dead)
    )
    SELECT import_id, chunk_index FROM dead
    """
)


class Store:
    """Reads everything, and hands dead-lettered chunks back to the relay."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def lead_import(self, import_id: int) -> tuple[dict[str, Any], list[ChunkLine]] | None:
        """Return the import and its chunks, or None when there is no such import."""
        async with self._postgres.transaction() as connection:
            found = (await connection.execute(_IMPORT, {"import_id": import_id})).mappings().one_or_none()
            if found is None:
                return None
            chunks = await connection.execute(_CHUNKS, {"import_id": import_id})
            return dict(found), [ChunkLine(*row) for row in chunks]

    async def reopen(self, chunks: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Hand dead-lettered chunks to the relay again; return those that were.

        Their imports are in progress again until the finalizer ends them with the next revision. A second
        run finds nothing: the chunks are no longer dead-lettered.
        """
        imports = [chunk[0] for chunk in chunks]
        async with self._postgres.transaction() as connection:
            await connection.execute(_LOCK, {"imports": imports})
            reopened = await connection.execute(
                _REOPEN, {"imports": imports, "indexes": [chunk[1] for chunk in chunks]}
            )
            return sorted((row.import_id, row.chunk_index) for row in reopened)
