"""Who has seen which lead is written down before it is shown; calls that run at once share a write."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

Shown = Literal["lead", "list", "export"]

MOST = 2_000
"""Leads that are written together: a batch beyond that is closed, and the next one begun."""


class Seen(NamedTuple):
    """Somebody was shown a lead: alone, in a list or in a file."""

    lead_id: int
    user_id: int
    at: datetime
    shown: Shown


Write = Callable[[int, Sequence[Seen]], Awaitable[None]]
"""Writes down what was seen of a company's leads, in one transaction."""


class _Batch(NamedTuple):
    seen: list[Seen]
    written: asyncio.Task[None]


class AccessLog:
    """One write of a company at a time; what comes meanwhile goes together with the next one. So many calls cost few
    transactions, however many of them there are, and nobody sees a lead of which that is not written down.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._open: dict[int, _Batch] = {}
        self._last: dict[int, asyncio.Task[None]] = {}

    async def note(self, company_id: int, seen: Sequence[Seen]) -> None:
        """Return when it is written down. Raises what the write raises."""
        if not seen:
            return
        batch = self._open.get(company_id)
        if batch is None or len(batch.seen) >= MOST:
            some: list[Seen] = []
            written = asyncio.create_task(self._write_after(self._last.get(company_id), company_id, some))
            batch = self._open[company_id] = _Batch(some, written)
            self._last[company_id] = written
        batch.seen.extend(seen)
        # A caller who goes away does not take the others' entries with him.
        await asyncio.shield(batch.written)

    async def _write_after(self, before: asyncio.Task[None] | None, company_id: int, seen: list[Seen]) -> None:
        if before is not None:
            await asyncio.wait([before])
        if self._open[company_id].seen is seen:
            del self._open[company_id]
        try:
            await self._write(company_id, seen)
        finally:
            if self._last[company_id] is asyncio.current_task():
                del self._last[company_id]
