"""Whose upload is stored next: accounts one upload at a time, companies with some connections for others."""

import asyncio
from collections import Counter
from contextlib import suppress

import pytest

from libs.common.web.refusals import Refused
from services.api.accepting.storing_turns import StoringTurns


class Uploads:
    """Uploads that store until they are told to go on."""

    def __init__(self, connections: int, *, seconds: float = 60) -> None:
        self._turns = StoringTurns(connections, seconds=seconds)
        self._go_on = asyncio.Event()
        self.storing: Counter[tuple[int, int]] = Counter()
        self.stored: list[tuple[int, int]] = []

    def store(self, company_id: int, account_id: int) -> "asyncio.Task[None]":
        return asyncio.create_task(self._store(company_id, account_id))

    async def _store(self, company_id: int, account_id: int) -> None:
        async with self._turns.one(company_id, account_id):
            self.storing[company_id, account_id] += 1
            try:
                await self._go_on.wait()
            finally:
                self.storing[company_id, account_id] -= 1
            self.stored.append((company_id, account_id))

    def go_on(self) -> None:
        self._go_on.set()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_uploads_of_one_account_are_stored_one_after_another_in_their_order() -> None:
    uploads = Uploads(connections=5)
    tasks = [uploads.store(1, 1) for _ in range(4)]
    await settled()
    assert uploads.storing == {(1, 1): 1}
    uploads.go_on()
    await asyncio.gather(*tasks)
    assert uploads.stored == [(1, 1)] * 4


@pytest.mark.parametrize("connections", [1, 2, 3, 5, 20])
async def test_a_company_with_many_accounts_leaves_connections_to_others_and_all_leave_one_to_readers(
    connections: int,
) -> None:
    uploads = Uploads(connections)
    theirs = [uploads.store(1, account) for account in range(30)]
    await settled()
    held = sum(uploads.storing.values())
    assert 1 <= held <= max(1, connections // 2)
    others = [uploads.store(company, 1) for company in range(2, 40)]
    await settled()
    assert sum(uploads.storing.values()) == max(1, connections - 1)
    if connections > 2:
        assert uploads.storing[2, 1] == 1, "another company did not wait"
    uploads.go_on()
    await asyncio.wait_for(asyncio.gather(*theirs, *others), 5)
    assert len(uploads.stored) == 68


async def test_whoever_gives_up_or_is_cancelled_leaves_its_turn_to_the_next() -> None:
    uploads = Uploads(connections=5)
    first, second, third = (uploads.store(1, 1) for _ in range(3))
    await settled()
    second.cancel()
    first.cancel()
    await settled()
    assert uploads.storing[1, 1] == 1
    uploads.go_on()
    await asyncio.wait_for(third, 5)
    assert uploads.stored == [(1, 1)]
    for task in (first, second):
        with suppress(asyncio.CancelledError):
            await task


async def test_whoever_is_cancelled_when_its_turn_has_just_come_gives_it_back() -> None:
    turns = StoringTurns(5)
    holding = turns.one(1, 1)
    await holding.__aenter__()

    async def store() -> None:
        async with turns.one(1, 1):
            pass

    waiting = asyncio.create_task(store())
    await settled()
    await holding.__aexit__(None, None, None)
    waiting.cancel()  # it has the turn, and has not run since
    with suppress(asyncio.CancelledError):
        await waiting
    await asyncio.wait_for(store(), 5)


async def test_whoever_waits_too_long_is_told_to_come_again() -> None:
    uploads = Uploads(connections=5, seconds=0.01)
    first = uploads.store(1, 1)
    await settled()
    with pytest.raises(Refused) as refused:
        await uploads.store(1, 1)
    assert (refused.value.code, refused.value.retry_after) == ("busy", 5)
    uploads.go_on()
    await first
    await asyncio.wait_for(uploads.store(1, 1), 5)
