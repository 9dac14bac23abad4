"""Tags and who holds them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.errors import BadDay
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkDeduplicated
from libs.imports import chunk_life, import_tags
from libs.imports.chunk_states import HeldChunk

# In key order: two chunks with the same names in different orders would deadlock.
_MAKE = text(
    """
    INSERT INTO amigocare.tags (name, company_id, creator_id)
    SELECT DISTINCT ON (lower(name)) name, :company_id, :creator_id
    FROM unnest(CAST(:names AS text[])) AS given (name)
    ORDER BY lower(name), name
    ON CONFLICT (company_id, lower(name)) WHERE NOT is_deleted DO NOTHING
    RETURNING id
    """
)
# FOR SHARE: the finalizer must not delete these tags as unused before the hold (below), by which they are used, is
# committed. All in one statement and in order of their ids, because it locks them in that order, too. By the function,
# because from behind the wall no index on lower(name) is used (migrations/imports/v0010_names_by_their_index.py).
_FIND = text(
    """
    WITH wanted AS MATERIALIZED (
        SELECT named.name, named.id FROM amigocare.tags_named(CAST(:names AS text[])) AS named
        UNION ALL
        SELECT NULL, requested.id FROM unnest(CAST(:requested AS int[])) AS requested (id)
    )
    SELECT wanted.name, t.id
    FROM wanted JOIN amigocare.tags t ON t.id = wanted.id AND t.company_id = :company_id AND NOT t.is_deleted
    ORDER BY t.id
    FOR SHARE OF t
    """
)
_HOLD = text(
    """
    INSERT INTO amigocare.lead_import_tags (import_id, tag_id, created_here)
    SELECT :import_id, id, id = ANY(CAST(:made AS int[])) FROM unnest(CAST(:ids AS int[])) AS held (id) ORDER BY id
    ON CONFLICT (import_id, tag_id) DO NOTHING
    """
)


@dataclass(frozen=True, slots=True)
class FoundTags:
    """The tag of each name, and those of the request that are not deleted."""

    ids: Mapping[str, int]
    requested: AbstractSet[int]


class TagStore:
    """Queries of one transaction."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def hold(self, chunk: ChunkDeduplicated) -> HeldChunk:
        """Tell whether the chunk has ended, or is being canceled; hold it in its present state until the commit.

        A tag that was made after the finalizer had ended the import, and cleaned up, would stay for ever. Raises
        BadMessage when there is no such chunk of the import that the message speaks of.
        """
        return await chunk_life.hold(self._connection, chunk)

    async def find_or_make(self, chunk: ChunkDeduplicated, names: Sequence[str]) -> FoundTags:
        """Return the tag id of each name, and which tags of the request are still there.

        All are held by the chunk's import until that ends. Names match as PostgreSQL's ``lower`` says. A tag of the
        request that somebody deleted since is noted as left out. Raises BadDay when a tag was deleted this very moment.
        """
        if not names and not chunk.tag_ids:
            return FoundTags({}, frozenset())
        scope = {"company_id": chunk.company_id, "names": list(names)}
        made_ids: list[int] = []
        if names:
            made = await self._connection.execute(_MAKE, scope | {"creator_id": chunk.creator_id})
            made_ids = list(made.scalars())
        found = (await self._connection.execute(_FIND, scope | {"requested": chunk.tag_ids})).all()
        ids = {row.name: row.id for row in found if row.name is not None}
        if len(ids) < len(names):
            raise BadDay("a tag was deleted while it was looked up")
        if names:
            # Those of the request are held since the import was accepted.
            held = {"import_id": chunk.import_id, "ids": sorted(set(ids.values())), "made": made_ids}
            await self._connection.execute(_HOLD, held)
        requested = frozenset(row.id for row in found if row.name is None)
        await import_tags.note_left_out(self._connection, chunk.import_id, set(chunk.tag_ids) - requested)
        return FoundTags(ids, requested)


class Store:
    """Opens the handler's transaction."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    @asynccontextmanager
    async def transaction(self, company_id: int) -> AsyncIterator[TagStore]:
        async with self._postgres.transaction(company_id=company_id) as connection:
            yield TagStore(connection)
