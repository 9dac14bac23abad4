"""The tags of an import, ``lead_import_tags``: it holds them until it ends, so that nobody cleans them up meanwhile."""

from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# In order of the tags' ids, because chunks of one import note the same tags at the same time.
_NOTE_LEFT_OUT = text(
    """
    UPDATE amigocare.lead_import_tags h SET left_out = true
    FROM (SELECT held.import_id, held.tag_id
          FROM amigocare.lead_import_tags held JOIN amigocare.tags t ON t.id = held.tag_id AND t.is_deleted
          WHERE held.import_id = :import_id AND held.tag_id = ANY(CAST(:tag_ids AS int[])) AND NOT held.left_out
          ORDER BY held.tag_id FOR NO KEY UPDATE OF held) gone
    WHERE h.import_id = gone.import_id AND h.tag_id = gone.tag_id
    """
)


async def note_left_out(connection: AsyncConnection, import_id: int, tag_ids: Collection[int]) -> None:
    """Note those of the tags that are deleted: rows of the import became leads without them."""
    if tag_ids:
        await connection.execute(_NOTE_LEFT_OUT, {"import_id": import_id, "tag_ids": sorted(tag_ids)})
