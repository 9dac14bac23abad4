"""tagger's one handler."""

from collections.abc import Awaitable, Callable

from libs.contracts.lead_import.internal.messages import ChunkDeduplicated, ChunkTagged
from services.tagger.domain import tag_names, tag_rows, without_tags
from services.tagger.store import Store


async def tag_chunk(
    chunk: ChunkDeduplicated, *, store: Store, publish: Callable[[ChunkTagged], Awaitable[None]]
) -> None:
    """Find or make the tags of the live rows, and hold them until the import ends.

    A tag of the request that is deleted by now is given to no row. A second run finds what the first made and publishes
    the same message. A repeat of a chunk that has ended is dropped: it would make tags again that the finalizer has
    cleaned up. A chunk of an import that is being canceled is passed on without tags: no lead is made of it any more.
    """
    async with store.transaction(chunk.company_id) as tags:
        held = await tags.hold(chunk)
        if held.settled:
            return
        found = None if held.canceled else await tags.find_or_make(chunk, tag_names(chunk.live))
    await publish(tag_rows(chunk, found.ids, found.requested) if found else without_tags(chunk))
