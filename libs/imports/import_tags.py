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

# This statement locks the tags, and the next one finds out which of them are unused. tagger and api lock a tag, too
# (FOR SHARE), before they hold it for an import. So each of them has either committed its hold by now, and the next
# statement sees it; or it waits for this transaction, and then finds the tag deleted. In order of ids, because two
# transactions that lock the same tags in different orders would deadlock.
_LOCK_TAGS = text(
    """
    SELECT t.id FROM amigocare.tags t
    JOIN amigocare.lead_import_tags held ON held.tag_id = t.id AND held.import_id = :import_id
    WHERE NOT t.is_deleted
      AND EXISTS (SELECT FROM amigocare.lead_import_tags made WHERE made.tag_id = t.id AND made.created_here)
    ORDER BY t.id
    FOR NO KEY UPDATE OF t
    """
)
# A chat_tag that somebody inserts, the platform above all, holds its tag's key until it is committed, and until then
# the next statement does not see it. The lock above lets it pass. This one does not, and skips the tags that it meets:
# an open transaction is putting them to use. It does not wait, because how long those last is for the platform to say,
# and because they lock their tags in any order: two that waited for each other would be a deadlock.
_UNTOUCHED_TAGS = text(
    "SELECT id FROM amigocare.tags WHERE id = ANY(CAST(:ids AS int[])) ORDER BY id FOR UPDATE SKIP LOCKED"
)
_CLEAN_TAGS = text(
    """
    UPDATE amigocare.tags t
    SET is_deleted = true, updated_at = now(),
        destroyer_id = coalesce(CAST(:destroyer_id AS int),
                                (SELECT creator_id FROM amigocare.lead_imports WHERE id = :import_id))
    WHERE t.id = ANY(CAST(:ids AS int[]))
      AND NOT EXISTS (SELECT FROM amigocare.chat_tags c WHERE c.tag_id = t.id AND NOT c.is_deleted)
      AND NOT EXISTS (SELECT FROM amigocare.lead_import_tags held
                      JOIN amigocare.lead_imports i ON i.id = held.import_id
                      WHERE held.tag_id = t.id AND i.status = 'PROCESSING')
    """
)


async def note_left_out(connection: AsyncConnection, import_id: int, tag_ids: Collection[int]) -> None:
    """Note those of the tags that are deleted: rows of the import became leads without them."""
    if tag_ids:
        await connection.execute(_NOTE_LEFT_OUT, {"import_id": import_id, "tag_ids": sorted(tag_ids)})


async def clean_unused(connection: AsyncConnection, import_id: int, *, destroyer_id: int | None = None) -> None:
    """Delete those of an import's tags that imports made, that no chat has and no import in progress holds.

    A tag to which an open transaction of anybody else refers stays. ``destroyer_id`` None: whoever uploaded the file.
    """
    ids = list((await connection.execute(_LOCK_TAGS, {"import_id": import_id})).scalars())
    if ids:
        ids = list((await connection.execute(_UNTOUCHED_TAGS, {"ids": ids})).scalars())
        await connection.execute(_CLEAN_TAGS, {"import_id": import_id, "ids": ids, "destroyer_id": destroyer_id})
