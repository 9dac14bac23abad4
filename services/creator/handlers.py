"""creator's one handler."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from libs.contracts.lead_import.internal.messages import ChunkCreated, ChunkTagged, Verdict
from services.creator.domain import (
    CHAT_EXISTS,
    chat_ids,
    created_chunk,
    is_long_ago,
    rows_to_insert,
)
from services.creator.portions import Asking
from services.creator.store import ChunkEnded, ColumnsLost, NotAllNew, Store

log = structlog.get_logger()


async def create_leads(
    chunk: ChunkTagged,
    *,
    store: Store,
    asking: Asking | None,
    publish: Callable[[ChunkCreated], Awaitable[None]],
    clock: Callable[[], datetime],
) -> None:
    """Make lead and chat_tags in one transaction, then the chat that names its lead, then say so.

    Lead first: a unique index decides who owns a phone, so that no chat is ever without its lead. A second
    run recognises its own leads and chats by the chat id, makes what is missing and publishes the same
    message. Where the platform has rules of its own on chats, a lead whose chat they refuse is taken back, and its
    row says why; a second run makes it, is refused and takes it back again. A message of a chunk that has ended is
    dropped: it would make again what was taken back since. Of an import that is being canceled no lead is made that is
    not there; those of an earlier run are finished and counted. With ``asking`` the WhatsApp provider is asked first,
    which may take many runs: each raises NotFinished, and the next goes on with the answers of those before. Columns
    that a process of an older version has not passed on are read from the chunk as it was accepted.
    """
    try:
        try:
            created = await _create(chunk, store=store, asking=asking, clock=clock)
        except ColumnsLost:
            async with store.transaction(chunk.company_id) as leads:
                chunk = await leads.whole(chunk)
            created = await _create(chunk, store=store, asking=asking, clock=clock)
    except ChunkEnded:
        log.info("message of a chunk that has ended", import_id=chunk.import_id, chunk_index=chunk.chunk_index)
        return
    await publish(created)


async def _create(
    chunk: ChunkTagged, *, store: Store, asking: Asking | None, clock: Callable[[], datetime]
) -> ChunkCreated:
    ids = chat_ids(chunk)
    verdicts: dict[int, Verdict] = dict.fromkeys(await store.chats_of_others(chunk), CHAT_EXISTS)
    own: dict[str, int] = {}
    canceled = False
    if verdicts or asking:
        async with store.transaction(chunk.company_id) as leads:
            if asking:
                canceled = await leads.is_canceled(chunk)  # nobody is asked about what has ended
            own = await leads.leads_of_chats(chunk, ids)
    if asking and not canceled:
        asked = [index for index, chat_id in enumerate(ids) if index not in verdicts and chat_id not in own]
        verdicts |= await asking.verdicts(chunk, asked)
    skipped = {index for index in verdicts if ids[index] not in own}
    inserting = rows_to_insert(len(ids), skipped)
    began = clock()
    try:
        lead_ids = await _insert_all_new(store, chunk, ids, inserting)
    except NotAllNew:
        lead_ids, canceled = await _insert_missing(store, chunk, ids, inserting)
    now = clock()
    wanted = await _still_there(store, chunk, lead_ids) if is_long_ago(began, now) else lead_ids
    refused = await store.insert_chats(chunk, ids, wanted, now=now)
    if is_long_ago(began, clock()):
        await _look_again(store, chunk, lead_ids, made_at=now)
    if refused:
        async with store.transaction(chunk.company_id) as leads:
            await leads.delete_leads(chunk, [lead_ids.pop(chat_id) for chat_id in refused])
        verdicts |= {index: refused[chat_id] for index, chat_id in enumerate(ids) if chat_id in refused}
    return created_chunk(chunk, ids, lead_ids, verdicts, canceled=canceled)


async def _insert_all_new(
    store: Store, chunk: ChunkTagged, ids: Sequence[str], indexes: Sequence[int]
) -> dict[str, int]:
    async with store.transaction(chunk.company_id) as leads:
        lead_ids = await leads.insert_leads(chunk, ids, indexes, all_new=True)
        await leads.insert_chat_tags(chunk, ids, lead_ids, all_new=True)
    return lead_ids


async def _insert_missing(
    store: Store, chunk: ChunkTagged, ids: Sequence[str], indexes: Sequence[int]
) -> tuple[dict[str, int], bool]:
    """Return the leads that there are in the end, and whether none was made because the import is being canceled."""
    async with store.transaction(chunk.company_id) as leads:
        if await leads.is_canceled(chunk):
            return await leads.leads_of_chats(chunk, [ids[index] for index in indexes]), True
        lead_ids = await leads.insert_leads(chunk, ids, indexes)
        await leads.insert_chat_tags(chunk, ids, lead_ids)
    return lead_ids, False


async def _still_there(store: Store, chunk: ChunkTagged, lead_ids: dict[str, int]) -> dict[str, int]:
    """Return the leads that may have a chat: all of an open chunk; of one that has ended, those that nobody took back.

    Asked before the chats are made when this process stood still after it had made the leads: should it die before it
    looks again, nobody else would take the chats back.
    """
    async with store.transaction(chunk.company_id) as leads:
        try:
            await leads.is_canceled(chunk)
        except ChunkEnded:
            return await leads.leads_of_chats(chunk, list(lead_ids), deleted=False)
    return lead_ids


async def _look_again(store: Store, chunk: ChunkTagged, lead_ids: dict[str, int], *, made_at: datetime) -> None:
    """Take back the chats that this run made of leads that are gone, when the chunk has ended meanwhile.

    This process stood still while it made them; others thought it dead, ended the chunk, and somebody took the
    import back. Raises ChunkEnded then.
    """
    try:
        async with store.transaction(chunk.company_id) as leads:
            await leads.is_canceled(chunk)
    except ChunkEnded:
        async with store.transaction(chunk.company_id) as leads:
            there = await leads.leads_of_chats(chunk, list(lead_ids), deleted=False)
        await store.delete_chats(chunk, lead_ids.keys() - there.keys(), made_at=made_at)
        raise
