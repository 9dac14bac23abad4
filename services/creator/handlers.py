"""creator's one handler."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import structlog

from libs.contracts.lead_import.internal.messages import ChunkCreated, ChunkTagged, Verdict
from services.creator.domain import (
    CHAT_EXISTS,
    NOT_ON_WHATSAPP,
    chat_ids,
    created_chunk,
    is_long_ago,
    rows_to_insert,
)
from services.creator.store import ChunkEnded, NotAllNew, Store
from services.creator.whatsapp import WhatsApp

log = structlog.get_logger()


async def create_leads(
    chunk: ChunkTagged,
    *,
    store: Store,
    whatsapp: WhatsApp | None,
    publish: Callable[[ChunkCreated], Awaitable[None]],
    clock: Callable[[], datetime],
) -> None:
    """Make lead and chat_tags in one transaction, then the chat that names its lead, then say so.

    Lead first: a unique index decides who owns a phone, so that no chat is ever without its lead. A second
    run recognises its own leads and chats by the chat id, makes what is missing and publishes the same
    message. Where the platform has rules of its own on chats, a lead whose chat they refuse is taken back, and its
    row says why; a second run makes it, is refused and takes it back again. A message of a chunk that has ended is
    dropped: it would make again what was taken back since.
    """
    try:
        created = await _create(chunk, store=store, whatsapp=whatsapp, clock=clock)
    except ChunkEnded:
        log.info("message of a chunk that has ended", import_id=chunk.import_id, chunk_index=chunk.chunk_index)
        return
    await publish(created)


async def _create(
    chunk: ChunkTagged, *, store: Store, whatsapp: WhatsApp | None, clock: Callable[[], datetime]
) -> ChunkCreated:
    ids = chat_ids(chunk)
    verdicts: dict[int, Verdict] = dict.fromkeys(await store.chats_of_others(chunk), CHAT_EXISTS)
    own: dict[str, int] = {}
    if verdicts or whatsapp:
        async with store.transaction(chunk.company_id) as leads:
            own = await leads.leads_of_chats(chunk, ids)
    if whatsapp:
        asked = [index for index, chat_id in enumerate(ids) if index not in verdicts and chat_id not in own]
        absent = await whatsapp.absent(chunk.live, asked)
        verdicts |= dict.fromkeys(absent, NOT_ON_WHATSAPP)
    skipped = {index for index in verdicts if ids[index] not in own}
    inserting = rows_to_insert(len(ids), skipped)
    began = clock()
    try:
        lead_ids = await _insert_leads(store, chunk, ids, inserting, all_new=True)
    except NotAllNew:
        lead_ids = await _insert_leads(store, chunk, ids, inserting, all_new=False)
    now = clock()
    refused = await store.insert_chats(chunk, ids, lead_ids, now=now)
    if is_long_ago(began, clock()):
        await _look_again(store, chunk, lead_ids, made_at=now)
    if refused:
        async with store.transaction(chunk.company_id) as leads:
            await leads.delete_leads(chunk, [lead_ids.pop(chat_id) for chat_id in refused])
        verdicts |= {index: refused[chat_id] for index, chat_id in enumerate(ids) if chat_id in refused}
    return created_chunk(chunk, ids, lead_ids, verdicts)


async def _insert_leads(
    store: Store, chunk: ChunkTagged, ids: Sequence[str], indexes: Sequence[int], *, all_new: bool
) -> dict[str, int]:
    async with store.transaction(chunk.company_id) as leads:
        lead_ids = await leads.insert_leads(chunk, ids, indexes, all_new=all_new)
        await leads.insert_chat_tags(chunk, ids, lead_ids, all_new=all_new)
    return lead_ids


async def _look_again(store: Store, chunk: ChunkTagged, lead_ids: dict[str, int], *, made_at: datetime) -> None:
    """Take back the chats that this run made of leads that are gone, when the chunk has ended meanwhile.

    This process stood still after it made the leads; others thought it dead, ended the chunk, and somebody took the
    import back. Raises ChunkEnded then.
    """
    try:
        async with store.transaction(chunk.company_id) as leads:
            await leads.hold_open(chunk)
    except ChunkEnded:
        async with store.transaction(chunk.company_id) as leads:
            there = await leads.leads_of_chats(chunk, list(lead_ids), deleted=False)
        await store.delete_chats(chunk, lead_ids.keys() - there.keys(), made_at=made_at)
        raise
