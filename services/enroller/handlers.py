"""enroller's one handler."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from libs.common.together import all_ended_then_first_error
from libs.common.traces import leaving_no_spans
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.leads.events import LeadCreated
from services.enroller.domain import news_of
from services.enroller.store import Store

PORTION = 500
"""Leads of a transaction."""
AT_ONCE = 2
"""Transactions. While PostgreSQL writes one portion, this process, which has a third of the work, has the next one;
three make each other slower on two cores."""


async def enroll_chunk(
    chunk: ChunkCreated, *, store: Store, publish: Callable[[Sequence[LeadCreated]], Coroutine[Any, Any, None]]
) -> None:
    """Give each lead of the chunk its history, its place in the search and its list, and tell of it.

    A second run finds what the first has written, writes what it has not, and publishes the same events, with the same
    ids: whether the first one's arrived nobody knows. A lead that somebody has taken out of the list in between is in
    it again. Leads that were taken back meanwhile are left out. Of an import that asks for silence nothing is told.
    """
    ids = sorted(chunk.live.lead_id)
    turns = asyncio.Semaphore(AT_ONCE)

    async def enroll(portion: list[int]) -> None:
        async with turns:
            leads, is_silent = await store.enroll(chunk, portion)
        if not is_silent:
            await publish(news_of(leads, company_id=chunk.company_id, import_id=chunk.import_id))

    # What has been begun ends before the message is taken again, or committed.
    async with all_ended_then_first_error() as begun:
        with leaving_no_spans():
            for first in range(0, len(ids), PORTION):
                begun.append(asyncio.create_task(enroll(ids[first : first + PORTION])))
