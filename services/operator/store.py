"""Imports and chunks as the people on call need them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.imports import chunk_life
from libs.imports.chunk_states import Place
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

    async def reopen(self, chunks: Sequence[Place]) -> list[Place]:
        """Hand dead-lettered chunks to the relay again; return those that were.

        Their imports are in progress again until the finalizer ends them with the next revision. A second
        run finds nothing: the chunks are no longer dead-lettered.
        """
        async with self._postgres.transaction() as connection:
            return await chunk_life.reopen(connection, chunks)
