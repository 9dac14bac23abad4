"""Who has seen which lead is written down before it is shown; calls that run at once share a write."""

from collections.abc import Awaitable, Callable, Hashable, Sequence
from datetime import datetime
from itertools import chain
from typing import Literal, NamedTuple, cast

from libs.common.joined_calls import Together

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


class AccessLog:
    """One write of a company at a time; what comes meanwhile goes together with the next one. So many calls cost few
    transactions, however many of them there are, and nobody sees a lead of which that is not written down.
    """

    def __init__(self, write: Write) -> None:
        self._write = write
        self._together: Together[Sequence[Seen], None] = Together(self._write_all, most=MOST, size=len)

    async def note(self, company_id: int, seen: Sequence[Seen]) -> None:
        """Return when it is written down. Raises what the write raises."""
        if seen:
            await self._together.do(company_id, seen)

    async def _write_all(self, company_id: Hashable, calls: Sequence[Sequence[Seen]]) -> Sequence[None]:
        await self._write(cast("int", company_id), list(chain.from_iterable(calls)))
        return [None] * len(calls)
