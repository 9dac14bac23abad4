"""Calls that come while another one of their kind is at work are done together by the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from typing import Generic, NamedTuple, TypeVar

from libs.common.errors import is_bad_day

GivenT = TypeVar("GivenT")
DoneT = TypeVar("DoneT")


class _Batch(NamedTuple, Generic[GivenT, DoneT]):
    given: list[GivenT]
    done: "asyncio.Task[Sequence[DoneT | Exception]]"


class Together(Generic[GivenT, DoneT]):
    """One piece of work of a kind at a time; what is given meanwhile waits and is the next one. At ``most`` calls it
    is closed, and one more begun behind it.

    So a call alone waits for nobody, and many at once cost few transactions. ``do`` returns an outcome for each that it
    was given, in that order: what the call returns, or the error that it raises.
    """

    def __init__(
        self,
        do: Callable[[Hashable, Sequence[GivenT]], Awaitable[Sequence[DoneT | Exception]]],
        *,
        most: int,
    ) -> None:
        self._do = do
        self._most = most
        self._open: dict[Hashable, _Batch[GivenT, DoneT]] = {}
        self._last: dict[Hashable, asyncio.Task[Sequence[DoneT | Exception]]] = {}

    async def do(self, kind: Hashable, given: GivenT) -> DoneT:
        """Return when it is done, with its outcome."""
        batch = self._open.get(kind)
        if batch is None or len(batch.given) >= self._most:
            some: list[GivenT] = []
            task = asyncio.create_task(self._do_after(self._last.get(kind), kind, some))
            batch = self._open[kind] = _Batch(some, task)
            self._last[kind] = task
        place = len(batch.given)
        batch.given.append(given)
        # A caller who goes away does not take the others with him.
        outcome = (await asyncio.shield(batch.done))[place]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    async def _do_after(
        self, before: "asyncio.Task[Sequence[DoneT | Exception]] | None", kind: Hashable, given: list[GivenT]
    ) -> Sequence[DoneT | Exception]:
        if before is not None:
            await asyncio.wait([before])
        if self._open[kind].given is given:
            del self._open[kind]
        try:
            return await self._do_each(kind, given)
        finally:
            if self._last[kind] is asyncio.current_task():
                del self._last[kind]

    async def _do_each(self, kind: Hashable, given: Sequence[GivenT]) -> Sequence[DoneT | Exception]:
        try:
            return await self._do(kind, given)
        except Exception as error:
            if len(given) == 1 or is_bad_day(error):
                raise
        # One of them is at fault, and nobody knows which: the others are done, each alone.
        outcomes: list[DoneT | Exception] = []
        for each in given:
            try:
                outcomes.extend(await self._do(kind, [each]))
            except Exception as error:  # noqa: BLE001 - it is this call's outcome
                outcomes.append(error)
        return outcomes
