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
"""Leads of a transaction. While PostgreSQL takes the next ones, Kafka takes the events of those before."""


async def enroll_chunk(
    chunk: ChunkCreated, *, store: Store, publish: Callable[[Sequence[LeadCreated]], Coroutine[Any, Any, None]]
) -> None:
    """Give each lead of the chunk its history, its place in the search and its list, and tell of it.

    A second run finds what the first has written, writes what it has not, and publishes the same events, with the same
    ids: whether the first one's arrived nobody knows. A lead that somebody has taken out of the list in between is in
    it again. Leads that were taken back meanwhile are left out. Of an import that asks for silence nothing is told.
    """
    ids = sorted(chunk.live.lead_id)
    # What has been begun ends before the message is taken again, or committed.
    async with all_ended_then_first_error() as telling:
        with leaving_no_spans():
            for first in range(0, len(ids), PORTION):
                leads, is_silent = await store.enroll(chunk, ids[first : first + PORTION])
                if is_silent:
                    continue
                news = news_of(leads, company_id=chunk.company_id, import_id=chunk.import_id)
                telling.append(asyncio.create_task(publish(news)))
