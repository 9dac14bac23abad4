"""Which chunks wait for a relay, and how many. What moves them is in ``chunk_sending.py``."""

from collections.abc import Sequence

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.source import LEASE_SECONDS
from libs.imports.chunk_states import Place

# A lease counts as chunk_sending's claim says: while it has not ended, and ends no later than anybody can have written
# it.
_COUNT = text(
    """
    SELECT count(*)
    FROM amigocare.lead_import_chunks c JOIN amigocare.lead_imports i ON i.id = c.import_id
    WHERE i.status = 'PROCESSING' AND c.sent_at IS NULL AND c.settled_at IS NULL
      AND (c.lease IS NULL
           OR c.lease_until NOT BETWEEN now() AND clock_timestamp() + make_interval(secs => :seconds))
    """
)
_AMONG = text(
    """
    SELECT c.import_id, c.chunk_index
    FROM unnest(CAST(:imports AS int[]), CAST(:indexes AS int[])) AS given (import_id, chunk_index)
    JOIN amigocare.lead_import_chunks c ON c.import_id = given.import_id AND c.chunk_index = given.chunk_index
    WHERE c.sent_at IS NULL AND c.settled_at IS NULL
    """
)


async def count(connection: AsyncConnection) -> int:
    """Return how many chunks nobody has in hand: not sent, and of no relay's lease. Those given back count, too."""
    waiting: int = (await connection.execute(_COUNT, {"seconds": LEASE_SECONDS})).scalar_one()
    return waiting


async def among(connection: AsyncConnection, chunks: Sequence[Place]) -> set[Place]:
    """Return those of the chunks that are not sent yet, whoever has them in hand."""
    rows = await connection.execute(
        _AMONG, {"imports": [chunk[0] for chunk in chunks], "indexes": [chunk[1] for chunk in chunks]}
    )
    return {(import_id, chunk_index) for import_id, chunk_index in rows}
