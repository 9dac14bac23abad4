"""Whose file is read next: companies take turns."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from libs.common.web.refusals import Refused
from services.api.reading.domain.job import ReadingJob, ReadingResult
from services.api.reading.turns import FairReading


def job(company_id: int) -> ReadingJob:
    return ReadingJob("upload", "spool", {"company_id": company_id}, chunk_rows=1)


class Pool:
    """Reads until it is told to go on, and notes whose files it was given."""

    def __init__(self) -> None:
        self.given: list[int] = []
        self.at_work: Counter[int] = Counter()
        self._go_on: dict[int, asyncio.Event] = {}

    async def read(self, job: ReadingJob) -> ReadingResult:
        company_id = job.envelope["company_id"]
        self.given.append(company_id)
        self.at_work[company_id] += 1
        try:
            await self._go_on.setdefault(company_id, asyncio.Event()).wait()
        finally:
            self.at_work[company_id] -= 1
        return ReadingResult()

    def go_on(self, company_id: int) -> None:
        self._go_on.setdefault(company_id, asyncio.Event()).set()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_company_that_sends_all_it_can_leaves_a_process_to_others() -> None:
    pool = Pool()
    reading = FairReading(pool, size=2, max_waiting=8)
    theirs = [asyncio.create_task(reading.read(job(1))) for _ in range(20)]
    await settled()
    refused = [task for task in theirs if task.done()]
    assert len(refused) == 15, "one in work, four that wait"
    for task in refused:
        with pytest.raises(Refused, match="busy"):
            await task
    pool.go_on(2)
    assert await asyncio.wait_for(reading.read(job(2)), 2) == ReadingResult()
    assert pool.given == [1, 2]
    for task in theirs:
        task.cancel()
        with suppress(asyncio.CancelledError, Refused):
            await task


async def test_companies_that_wait_take_turns_and_nobody_is_forgotten() -> None:
    pool = Pool()
    reading = FairReading(pool, size=1, max_waiting=32)
    tasks = [asyncio.create_task(reading.read(job(company))) for company in (1, 1, 1, 2, 3, 1)]
    await settled()
    for company in (1, 2, 3):
        pool.go_on(company)
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert Counter(pool.given) == {1: 4, 2: 1, 3: 1}
    assert pool.at_work.total() == 0


async def test_a_place_in_the_queue_that_is_left_is_free_again() -> None:
    pool = Pool()
    reading = FairReading(pool, size=1, max_waiting=1)
    first = asyncio.create_task(reading.read(job(1)))
    await settled()
    for _ in range(3):
        waiting = asyncio.create_task(reading.read(job(2)))
        await settled()
        with pytest.raises(Refused) as refusal:
            await reading.read(job(3))
        assert (refusal.value.code, refusal.value.retry_after) == ("busy", 2)
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting
    first.cancel()
    with suppress(asyncio.CancelledError):
        await first
    pool.go_on(3)
    assert await asyncio.wait_for(reading.read(job(3)), 2) == ReadingResult()


async def test_a_turn_that_comes_when_its_caller_leaves_goes_to_the_next() -> None:
    pool = Pool()
    reading = FairReading(pool, size=1, max_waiting=4)
    first = asyncio.create_task(reading.read(job(1)))
    await settled()
    leaves = asyncio.create_task(reading.read(job(2)))
    stays = asyncio.create_task(reading.read(job(3)))
    await settled()
    pool.go_on(1)
    pool.go_on(3)
    await first
    leaves.cancel()
    assert await asyncio.wait_for(stays, 2) == ReadingResult()
