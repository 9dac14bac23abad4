"""Whose file is read next: companies take turns, and none takes all the processes that read."""

import math
import time
from collections.abc import Callable
from typing import Protocol

from libs.common.web.refusals import Refused
from libs.common.web.shares import PlacesInTurn, Shares
from services.api.reading.domain.job import ReadingJob, ReadingResult


class Reads(Protocol):
    """What reads a file: a pool of processes, or who hands out its turns."""

    async def read(self, job: ReadingJob) -> ReadingResult: ...


class FairReading:
    """Hands jobs to ``pool``, at most ``size`` at a time; up to ``max_waiting`` others wait.

    A company may have as many files in work as processes are free besides, and as many waiting as further ones may
    wait, so that another's file never finds all of both taken by one. Among those that wait, whoever has the fewest
    in work is next. Raises Refused ``busy`` when there is no place to wait.
    """

    def __init__(
        self, pool: Reads, *, size: int, max_waiting: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pool = pool
        self._size = size
        self._running = PlacesInTurn(size)
        self._places = Shares(max_waiting)
        self._clock = clock
        self._usual_seconds = 1.0

    async def read(self, job: ReadingJob) -> ReadingResult:
        """Return what the pool answers to the job, when it is its company's turn."""
        company_id: int = job.envelope["company_id"]
        await self._turn(company_id)
        began = self._clock()
        try:
            return await self._pool.read(job)
        finally:
            self._usual_seconds += (self._clock() - began - self._usual_seconds) / 8
            self._running.give_back(company_id)

    async def _turn(self, company_id: int) -> None:
        """Wait until a process is for this company, and take it."""
        if self._running.has_one_for(company_id):
            await self._running.take(company_id)
            return
        if not self._places.has_one_for(company_id):
            files = self._running.length + 1
            raise Refused("busy", retry_after=max(1, math.ceil(self._usual_seconds * files / self._size)))
        with self._places.one(company_id, code="busy"):
            await self._running.take(company_id)
