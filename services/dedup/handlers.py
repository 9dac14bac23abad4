"""dedup's one handler."""

from collections.abc import Awaitable, Callable

from libs.contracts.lead_import.internal.messages import ChunkAccepted, ChunkDeduplicated
from services.dedup.domain import settle_known
from services.dedup.store import Store


async def settle_existing(
    chunk: ChunkAccepted, *, store: Store, publish: Callable[[ChunkDeduplicated], Awaitable[None]]
) -> None:
    """Settle the rows whose phone a lead, patient or chat of the account already has.

    A second run publishes the same message: leads and chats of the chunk's own import do not count.
    """
    await publish(settle_known(chunk, await store.known_phones(chunk)))
