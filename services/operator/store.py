"""Imports and chunks as the people on call need them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from libs.imports import chunk_life
from libs.imports.chunk_states import NamedChunk, Place, place_columns
from services.operator.domain import ChunkLine, ImportLine

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
# A letter may name ids that no column of ours can hold.
_NAMED_CHUNKS = text(
    """
    SELECT DISTINCT n.import_id, n.chunk_index, i.created_at,
           c.chunk_index, c.row_count, c.sent_at, c.sent_count, c.settled_at, c.dead_lettered
    FROM unnest(CAST(:imports AS bigint[]), CAST(:indexes AS bigint[])) AS n (import_id, chunk_index)
    JOIN amigocare.lead_imports i ON i.id = n.import_id
    LEFT JOIN amigocare.lead_import_chunks c ON c.import_id = i.id AND c.chunk_index = n.chunk_index
    """
)
_DEAD_CHUNKS = text(
    "SELECT chunk_index FROM amigocare.lead_import_chunks WHERE import_id = :import_id AND dead_lettered"
)
# That a silent chunk is sent again is no progress of its import: only the first time counts.
_IMPORTS = text(
    """
    SELECT id, company_id, account_id, status, total_rows, waiting, in_flight, settled, dead_lettered,
           CAST(extract(epoch FROM now() - created_at) AS float8), CAST(extract(epoch FROM now() - moved) AS float8)
    FROM (
        SELECT i.*, c.waiting, c.in_flight, c.settled, c.dead_lettered,
               CASE WHEN i.status = 'PROCESSING' THEN greatest(i.created_at, i.updated_at, c.moved)
                    ELSE coalesce(i.finished_at, i.updated_at) END AS moved
        FROM amigocare.lead_imports i
        CROSS JOIN LATERAL (
            SELECT count(*) FILTER (WHERE sent_at IS NULL AND settled_at IS NULL) AS waiting,
                   count(*) FILTER (WHERE sent_at IS NOT NULL AND settled_at IS NULL) AS in_flight,
                   count(*) FILTER (WHERE settled_at IS NOT NULL AND NOT dead_lettered) AS settled,
                   count(*) FILTER (WHERE settled_at IS NOT NULL AND dead_lettered) AS dead_lettered,
                   greatest(max(settled_at), max(sent_at) FILTER (WHERE sent_count = 1)) AS moved
            FROM amigocare.lead_import_chunks WHERE import_id = i.id
        ) c
        WHERE i.status = 'PROCESSING' OR NOT :stuck
    ) each
    WHERE NOT :stuck OR moved <= now() - make_interval(secs => :seconds)
    ORDER BY id DESC LIMIT :most
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

    async def named(self, chunks: Sequence[NamedChunk]) -> dict[Place, tuple[datetime, ChunkLine | None]]:
        """Return, of those chunks whose import there is, when it was accepted, and the chunk: None, it has no such."""
        given = place_columns([(chunk.import_id, chunk.chunk_index) for chunk in chunks])
        async with self._postgres.transaction() as connection:
            found = await connection.execute(_NAMED_CHUNKS, given)
        return {
            (import_id, chunk_index): (accepted_at, None if line[0] is None else ChunkLine(*line))
            for import_id, chunk_index, accepted_at, *line in found
        }

    async def imports(self, *, most: int, stuck_seconds: float | None = None) -> list[ImportLine]:
        """Return the newest imports; with ``stuck_seconds`` those in progress that have stood still for so long."""
        given = {"most": most, "stuck": stuck_seconds is not None, "seconds": stuck_seconds or 0.0}
        async with self._postgres.transaction() as connection:
            return [ImportLine(*row) for row in await connection.execute(_IMPORTS, given)]

    async def reopen(self, chunks: Sequence[NamedChunk]) -> list[Place]:
        """Hand dead-lettered chunks to the relay again; return those that were.

        Their imports are in progress again until the finalizer ends them with the next revision. A second
        run finds nothing: the chunks are no longer dead-lettered. Nor does a letter of an import that is gone.
        """
        async with self._postgres.transaction() as connection:
            return await chunk_life.reopen(connection, chunks)

    async def reopen_import(self, import_id: int) -> list[Place]:
        """Do the same with all dead-lettered chunks of an import: their payloads are here, whatever Kafka forgot."""
        async with self._postgres.transaction() as connection:
            dead = (await connection.execute(_DEAD_CHUNKS, {"import_id": import_id})).scalars()
            return await chunk_life.reopen(connection, [NamedChunk(import_id, index) for index in dead])
