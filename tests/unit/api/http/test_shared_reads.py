"""Many who ask the same at once: few reads, and no answer older than its question."""

import asyncio

import pytest

from services.api.http.shared_reads import AT_ONCE, SharedReads


class Table:
    """A value that changes, and a read of it that takes as long as the test wants."""

    def __init__(self) -> None:
        self.value = 0
        self.reads = 0
        self.go_on = asyncio.Event()

    async def read(self, key: str) -> tuple[str, int]:
        self.reads += 1
        found = self.value
        await self.go_on.wait()
        return key, found


async def turns() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_fifty_who_ask_at_once_are_answered_by_one_read() -> None:
    table = Table()
    shared = SharedReads(table.read)
    asked = [asyncio.create_task(shared.get("a")) for _ in range(50)]
    table.go_on.set()
    assert set(await asyncio.gather(*asked)) == {("a", 0)}
    assert table.reads == 1


async def test_no_answer_is_older_than_its_question() -> None:
    table = Table()
    shared = SharedReads(table.read)
    early = []
    for place in range(AT_ONCE):
        early.append(asyncio.create_task(shared.get("a")))
        await turns()
        assert table.reads == place + 1, "who asks while others read need not wait for them"
    table.value = 1
    late = [asyncio.create_task(shared.get("a")) for _ in range(50)]
    await turns()
    assert table.reads == AT_ONCE, "not more at a time"
    table.go_on.set()
    assert set(await asyncio.gather(*early)) == {("a", 0)}
    assert set(await asyncio.gather(*late)) == {("a", 1)}
    assert table.reads == AT_ONCE + 1


async def test_the_first_read_that_ends_makes_room() -> None:
    ends = [asyncio.Event() for _ in range(AT_ONCE + 1)]
    begun = 0

    async def read(key: str) -> int:
        nonlocal begun
        begun += 1
        place = begun
        await ends[place - 1].wait()
        return place

    shared = SharedReads(read)
    asked = []
    for _ in ends:
        asked.append(asyncio.create_task(shared.get("a")))
        await turns()
    ends[-1].set()
    ends[1].set()
    assert await asyncio.gather(*asked[1:]) == [2, 3]
    ends[0].set()
    assert await asked[0] == 1


async def test_other_keys_do_not_wait() -> None:
    table = Table()
    shared = SharedReads(table.read)
    asked = [asyncio.create_task(shared.get(key)) for key in "ab"]
    await turns()
    assert table.reads == 2
    table.go_on.set()
    assert await asyncio.gather(*asked) == [("a", 0), ("b", 0)]


async def test_who_leaves_takes_the_answer_from_nobody() -> None:
    table = Table()
    shared = SharedReads(table.read)
    leaves, stays = (asyncio.create_task(shared.get("a")) for _ in range(2))
    await turns()
    leaves.cancel()
    await turns()
    table.go_on.set()
    assert await stays == ("a", 0)


async def test_all_are_told_that_a_read_failed_and_the_next_one_is_tried() -> None:
    async def fails(key: str) -> None:
        raise ConnectionError(key)

    shared = SharedReads(fails)
    for _ in range(2):
        for found in await asyncio.gather(*(shared.get("a") for _ in range(3)), return_exceptions=True):
            assert isinstance(found, ConnectionError)
    with pytest.raises(ConnectionError):
        await shared.get("a")
