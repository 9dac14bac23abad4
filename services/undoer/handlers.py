"""undoer's one handler."""

from collections.abc import Callable

import structlog

from libs.common.errors import NotFinished
from libs.contracts.lead_undo.internal.messages import UndoRequested
from services.undoer.domain import Portion
from services.undoer.store import Store

RUN_SECONDS = 8.0
"""After so long no portion begins, and the message comes again: less than a stop waits for a handler."""

log = structlog.get_logger()


async def undo_import(
    request: UndoRequested, *, store: Store, stopping: Callable[[], bool], monotonic: Callable[[], float]
) -> None:
    """Take the import's untouched leads back, portion by portion, and say so when the last one is done.

    A portion's leads are deleted first, and noted as such: from then on nobody changes them, and whoever dies, the next
    run goes on with their chats. A chat that somebody changed meanwhile stays, and its lead is restored. A second run
    goes on behind the portions that are done; when all are it changes nothing. Raises NotFinished after a while.
    """
    until = monotonic() + RUN_SECONDS
    while (portion := await store.next_portion(request)) is not None:
        if monotonic() >= until or stopping():
            raise NotFinished
        await _undo_portion(request, portion, store)
    if await store.finish(request):
        log.info("import undone", import_id=request.import_id)


async def _undo_portion(request: UndoRequested, portion: Portion, store: Store) -> None:
    taken: Portion | None = portion
    if not portion.taken_back:
        changed = await store.changed_chats(portion)
        taken = await store.take_leads(request, portion, changed)
    if taken is None:
        return  # another run of the same message has done it meanwhile
    await store.delete_chats(request, taken)
    await store.end_portion(request, taken, await store.chats_left(taken))
