"""tagger's one handler."""

from collections.abc import Awaitable, Callable

from libs.contracts.lead_import.internal.messages import ChunkDeduplicated, ChunkTagged
from services.tagger.domain import tag_names, tag_rows
from services.tagger.store import Store


async def tag_chunk(
    chunk: ChunkDeduplicated, *, store: Store, publish: Callable[[ChunkTagged], Awaitable[None]]
) -> None:
    """Find or make the tags of the live rows, and hold them until the import ends.

    A tag of the request that is deleted by now is given to no row. A second run finds what the first made and publishes
    the same message. A repeat of a chunk that has ended is dropped: it would make tags again that the finalizer has
    cleaned up.
    """
    async with store.transaction(chunk.company_id) as tags:
        if await tags.is_settled(chunk):
            return
        found = await tags.find_or_make(chunk, tag_names(chunk.live))
    await publish(tag_rows(chunk, found.ids, found.requested))
