"""enroller's one handler."""

import asyncio
from collections.abc import Awaitable, Callable

from libs.common.traces import leaving_no_spans
from libs.contracts.lead_import.internal.messages import ChunkCreated
from libs.contracts.leads.events import LeadCreated
from services.enroller.domain import news_of
from services.enroller.store import Store

AT_ONCE = 500
"""Events that are on their way to Kafka together."""


async def enroll_chunk(chunk: ChunkCreated, *, store: Store, publish: Callable[[LeadCreated], Awaitable[None]]) -> None:
    """Give each lead of the chunk its history, its place in the search and its list, and tell of it.

    A second run finds what the first has written, writes nothing, and publishes the same events, with the same ids:
    whether the first one's arrived nobody knows. A lead that somebody has taken out of the list in between is in it
    again. Leads that were taken back meanwhile are left out. Of an import that asks for silence nothing is told.
    """
    if not len(chunk.live):
        return
    leads, is_silent = await store.enroll(chunk)
    if is_silent:
        return
    news = news_of(leads, company_id=chunk.company_id, import_id=chunk.import_id)
    with leaving_no_spans():
        for first in range(0, len(news), AT_ONCE):
            await asyncio.gather(*(publish(event) for event in news[first : first + AT_ONCE]))
