"""A chunk that fell silent is sent again: not while something moves or lags, whatever the clock does."""

import asyncio

import pytest

from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.topics import CHUNK_CREATED, CHUNK_TAGGED, DEAD_LETTERS
from libs.imports.chunk_path import PATH, PathLags
from libs.imports.partitions import SpreadChunks
from services.finalizer.store import Store
from services.finalizer.watchdog import Watchdog
from tests.support.imports import insert_import, mark_chunk
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline
from tests.support.platform import Tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

pytestmark = pytest.mark.usefixtures("quiet")

SECONDS = 60


@pytest.fixture
def store(pipeline: Pipeline) -> Store:
    return pipeline.finalizer_store


async def an_import(postgres: Postgres, tenant: Tenant, chunks: int) -> int:
    return await insert_import(postgres, tenant, row_counts=[1] * chunks, name=unique("n"))


PARTITIONS = 12


def lags_of(*waiting: tuple[str, int]) -> PathLags:
    """Return one message waiting in each of these partitions (topic, number), and none in the others."""
    return {
        (group, topic): {number: int((topic, number) in waiting) for number in range(PARTITIONS)}
        for group, topic in PATH
    }


def partition_of(key: str) -> int:
    everything = list(range(PARTITIONS))
    return SpreadChunks()(key.encode(), everything, everything)


class Watched:
    """A watchdog over a pipeline where so much waits."""

    def __init__(self, store: Store, *, lags: PathLags | None = None, watch_seconds: float = 0.05) -> None:
        self.lags, self.asked, self.woken = lags or lags_of(), 0, 0
        self.dog = Watchdog(
            store,
            lags=self._count,
            wake_relay=self._wake,
            watch_seconds=watch_seconds,
            resend_after_seconds=SECONDS,
        )

    async def _count(self) -> PathLags:
        self.asked += 1
        return self.lags

    def _wake(self) -> None:
        self.woken += 1


async def unsent(db: Stored, import_id: int) -> list[int]:
    rows = await db.rows(
        "SELECT chunk_index FROM amigocare.lead_import_chunks WHERE import_id = :i AND sent_at IS NULL ORDER BY 1",
        i=import_id,
    )
    return [row["chunk_index"] for row in rows]


async def test_a_silent_chunk_is_sent_again_and_the_relay_woken(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 3)
    await mark_chunk(db, import_id, 0, sent_at=SECONDS + 1)
    await mark_chunk(db, import_id, 1, sent_at=SECONDS - 5)
    watched = Watched(store)
    assert await watched.dog.watch_once() == 1
    assert await unsent(db, import_id) == [0, 2]
    assert watched.woken == 1
    await mark_chunk(db, import_id, 0, sent_at=0)  # the relay sent it
    assert await watched.dog.watch_once() == 0


async def test_a_chunk_is_not_silent_while_its_import_moves(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 2)
    await mark_chunk(db, import_id, 0, sent_at=2 * SECONDS)
    await mark_chunk(db, import_id, 1, sent_at=2 * SECONDS, settled_at=SECONDS - 5)
    assert await store.silent_chunks(SECONDS) == []
    await mark_chunk(db, import_id, 1, settled_at=SECONDS + 1)
    assert await store.silent_chunks(SECONDS) == [(import_id, 0)]


async def test_another_imports_movement_does_not_hide_a_silent_chunk(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    silent, moving = await an_import(postgres, tenant, 1), await an_import(postgres, tenant, 2)
    await mark_chunk(db, silent, 0, sent_at=SECONDS + 1)
    await mark_chunk(db, moving, 0, sent_at=SECONDS + 1)
    await mark_chunk(db, moving, 1, sent_at=SECONDS + 1, settled_at=0)
    assert await store.silent_chunks(SECONDS) == [(silent, 0)]


@pytest.mark.parametrize(("group", "topic"), PATH)
async def test_a_chunk_is_not_sent_again_while_something_waits_where_it_passes(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored, group: str, topic: str
) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await mark_chunk(db, import_id, 0, sent_at=10 * SECONDS)
    by_import = topic in (CHUNK_CREATED.name, DEAD_LETTERS.topic)
    watched = Watched(store, lags=lags_of((topic, partition_of(str(import_id) if by_import else f"{import_id}:0"))))
    assert await watched.dog.watch_once() == 0
    assert await unsent(db, import_id) == []
    watched.lags = lags_of()
    assert await watched.dog.watch_once() == 1


async def test_a_message_that_is_stuck_keeps_no_chunk_of_another_partition_from_being_sent_again(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    stuck, other = await an_import(postgres, tenant, 3), await an_import(postgres, tenant, 2)
    chunks = [(stuck, 0), (stuck, 1), (stuck, 2), (other, 0), (other, 1)]
    for import_id, index in chunks:
        await mark_chunk(db, import_id, index, sent_at=10 * SECONDS)
    there = partition_of(f"{stuck}:1")
    lost = [(import_id, index) for import_id, index in chunks if partition_of(f"{import_id}:{index}") != there]
    assert len(lost) >= 3
    watched = Watched(store, lags=lags_of((CHUNK_TAGGED.name, there)))
    assert await watched.dog.watch_once() == len(lost)
    assert [(each, index) for each in (stuck, other) for index in await unsent(db, each)] == lost


async def test_kafka_is_asked_for_lag_only_when_a_chunk_is_silent(store: Store) -> None:
    watched = Watched(store)
    assert await watched.dog.watch_once() == 0
    assert watched.asked == 0


@pytest.mark.parametrize("status", ["FINISHED", "FAILED"])
async def test_chunks_of_an_import_that_has_ended_are_never_silent(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored, status: str
) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await mark_chunk(db, import_id, 0, sent_at=10 * SECONDS)
    ended = "UPDATE amigocare.lead_imports SET status = :s, total_errors = total_rows WHERE id = :i"
    await db.execute(ended, s=status, i=import_id)
    assert await store.silent_chunks(SECONDS) == []


async def test_a_chunk_that_was_settled_meanwhile_is_not_sent_again(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await mark_chunk(db, import_id, 0, sent_at=SECONDS + 1)
    silent = await store.silent_chunks(SECONDS)
    await mark_chunk(db, import_id, 0, settled_at=0)
    await store.send_again(silent)
    assert await unsent(db, import_id) == []


async def test_a_clock_that_jumped_back_an_hour_hides_no_silent_chunk(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 2)
    await mark_chunk(db, import_id, 0, sent_at=-3600)
    await mark_chunk(db, import_id, 1, sent_at=-3600, settled_at=-3600)
    assert await store.silent_chunks(SECONDS) == [(import_id, 0)]


async def test_the_watchdog_goes_on_after_a_failure_and_stops_at_once(
    store: Store, postgres: Postgres, tenant: Tenant, db: Stored
) -> None:
    import_id = await an_import(postgres, tenant, 1)
    await mark_chunk(db, import_id, 0, sent_at=SECONDS + 1)
    failures = 0

    async def kafka_is_away() -> PathLags:
        nonlocal failures
        failures += 1
        if failures < 3:
            raise ConnectionRefusedError
        return lags_of()

    async def sent_again() -> bool:
        return await unsent(db, import_id) == [0]

    dog = Watchdog(store, lags=kafka_is_away, wake_relay=lambda: None, watch_seconds=0.05, resend_after_seconds=SECONDS)
    running = asyncio.create_task(dog.run())
    await eventually(sent_again, seconds=5, what="the chunk's second sending")
    dog.stop()
    await asyncio.wait_for(running, 2)
    assert failures == 3
