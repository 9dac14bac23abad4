"""The end of what an import knows of people: rows that did not become leads, payloads of dead letters, corrections.

An import that ended long enough ago expires: from then on its rows are not told any more. They are deleted portion by
portion, and in the end it is empty. The import, its chunks and all counts stay. An import that ends once more, by a
repair, is emptied again so long after that.

Every call is part of the caller's transaction.
"""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

SECONDS_A_DAY = 86_400

ROWS_A_PORTION = 5_000
PAYLOADS_A_PORTION = 100

_TO_EMPTY = "finished_at IS NOT NULL AND (rows_emptied_at IS NULL OR rows_emptied_at < finished_at)"
# Whoever settles a chunk, or opens it again, holds the import's row meanwhile; so does another sweeper.
_LOCK_DUE = text(
    f"""
    SELECT id, coalesce(rows_expired_at < finished_at, true) AS is_told FROM amigocare.lead_imports
    WHERE {_TO_EMPTY} AND finished_at < now() - make_interval(secs => :seconds) AND status <> 'PROCESSING'
    ORDER BY finished_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
    """
)
_EXPIRE = text(
    """
    UPDATE amigocare.lead_imports
    SET rows_expired_at = now(), corrections = NULL,
        reasons = coalesce(reasons, (
            SELECT jsonb_object_agg(reason, rows)
            FROM (SELECT reason, count(*) AS rows FROM amigocare.lead_import_rows
                  WHERE import_id = :import_id GROUP BY reason) each), '{}'),
        file_name = CASE WHEN NOT is_deleted THEN file_name END,
        options = CASE WHEN is_deleted THEN '{}' ELSE options END
    WHERE id = :import_id
    """
)
# Chunks of old were not counted by reason when they were settled.
_COUNT_REASONS = text(
    """
    UPDATE amigocare.lead_import_chunks c SET reasons = counted.reasons
    FROM (
        SELECT chunk_index, jsonb_object_agg(reason, rows) AS reasons
        FROM (SELECT chunk_index, reason, count(*) AS rows FROM amigocare.lead_import_rows
              WHERE import_id = :import_id GROUP BY chunk_index, reason) each
        GROUP BY chunk_index
    ) counted
    WHERE c.import_id = :import_id AND c.chunk_index = counted.chunk_index AND c.reasons IS NULL
    """
)
_DELETE_ROWS = text(
    """
    DELETE FROM amigocare.lead_import_rows r USING (
        SELECT row_number FROM amigocare.lead_import_rows WHERE import_id = :import_id ORDER BY row_number LIMIT :most
    ) next
    WHERE r.import_id = :import_id AND r.row_number = next.row_number
    """
)
_DROP_PAYLOADS = text(
    """
    UPDATE amigocare.lead_import_chunks c SET payload = NULL FROM (
        SELECT chunk_index FROM amigocare.lead_import_chunks
        WHERE import_id = :import_id AND payload IS NOT NULL ORDER BY chunk_index LIMIT :most
    ) next
    WHERE c.import_id = :import_id AND c.chunk_index = next.chunk_index
    """
)
_EMPTY = text("UPDATE amigocare.lead_imports SET rows_emptied_at = clock_timestamp() WHERE id = :import_id")
_OVERDUE = text(
    f"""
    SELECT CAST(extract(epoch FROM now() - min(finished_at)) AS float8) FROM amigocare.lead_imports WHERE {_TO_EMPTY}
    """
)


@dataclass(frozen=True, slots=True)
class Emptied:
    """What one portion took away of an import. ``whole``: nothing is left of it."""

    import_id: int
    rows: int
    payloads: int
    whole: bool


async def empty_next(
    connection: AsyncConnection,
    *,
    after_seconds: float,
    most_rows: int = ROWS_A_PORTION,
    most_payloads: int = PAYLOADS_A_PORTION,
) -> Emptied | None:
    """Empty a portion of the import that ended first, and over ``after_seconds`` ago; None when there is none.

    A second run goes on where the first one was. One that somebody else holds is left to the next call.
    """
    due = (await connection.execute(_LOCK_DUE, {"seconds": after_seconds})).one_or_none()
    if due is None:
        return None
    import_id = {"import_id": due.id}
    if due.is_told:
        await connection.execute(_COUNT_REASONS, import_id)
        await connection.execute(_EXPIRE, import_id)
    rows = (await connection.execute(_DELETE_ROWS, import_id | {"most": most_rows})).rowcount
    payloads = (await connection.execute(_DROP_PAYLOADS, import_id | {"most": most_payloads})).rowcount
    is_whole = rows < most_rows and payloads < most_payloads
    if is_whole:
        await connection.execute(_EMPTY, import_id)
    return Emptied(due.id, rows, payloads, is_whole)


async def overdue_seconds(connection: AsyncConnection, *, after_seconds: float) -> float:
    """Return for how long the oldest import that should be empty has been due; 0 when none is."""
    age: float | None = (await connection.execute(_OVERDUE)).scalar_one()
    return max(0.0, (age or 0.0) - after_seconds)
