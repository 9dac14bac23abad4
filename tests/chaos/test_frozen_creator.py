"""A creator stands still at any of its awaits, others end the chunk and take it back, and then it wakes.

Nothing that was taken back is made again, and no lead is without its chat.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy.exc import DBAPIError

from libs.common.clock import utc_now
from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkCreated, ChunkTagged
from libs.imports.chats import chats_of
from services.creator import handlers
from services.creator.domain import LONG
from services.creator.store import Store
from tests.chaos.crash import Crash, CrashingMongo, CrashingPostgres, CrashPlan
from tests.support.chunks import new_phones
from tests.support.imports import accepted_chunk, insert_import, live_rows
from tests.support.kafka import unique
from tests.support.pipeline import Pipeline, into
from tests.support.platform import Tenant, create_tenant
from tests.support.readers import Stored
from tests.support.waiting import eventually

Erase = Callable[[Stored, int], Awaitable[None]]
SECONDS = 0.5
"""PostgreSQL ends the connection of one who stands still amid a transaction after twice as long."""


class FreezePlan(CrashPlan):
    """Stands still at one point while ``meanwhile`` happens, and goes on."""

    def __init__(self, point: int, meanwhile: Callable[[], Awaitable[None]], *, dies_at: int | None = None) -> None:
        super().__init__(*([dies_at] if dies_at else []))
        self._frozen_at = point
        self._meanwhile = meanwhile

    async def reach(self, what: str) -> None:
        self.point(what)
        if self.passed == self._frozen_at and not self.crashes:
            await self._meanwhile()


class SlowClock:
    """Tells the time; ``stands_still`` is how much passes unseen by the process."""

    def __init__(self) -> None:
        self.stood_still = 0 * LONG

    def __call__(self) -> Any:
        return utc_now() + self.stood_still


@pytest_asyncio.fixture
async def impatient(stores: tuple[PostgresSettings, MongoSettings]) -> AsyncIterator[Postgres]:
    postgres = Postgres(
        stores[0].model_copy(update={"postgres_timeout_seconds": SECONDS}), application_name="frozen-creator"
    )
    yield postgres
    await postgres.close()


async def erase_all(db: Stored, import_id: int) -> None:
    """Delete every trace of the import's people."""
    await db.execute(
        "DELETE FROM amigocare.chat_tags WHERE lead_id IN"
        " (SELECT id FROM amigocare.amigocare_leads WHERE import_id = :i)",
        i=import_id,
    )
    await db.execute("DELETE FROM amigocare.amigocare_leads WHERE import_id = :i", i=import_id)
    await db.chats.delete_many({"import_id": import_id})


async def take_back(db: Stored, import_id: int) -> None:
    """Take the import back: its leads and links are marked as deleted, its chats go."""
    await db.execute(
        "UPDATE amigocare.chat_tags SET is_deleted = true WHERE lead_id IN"
        " (SELECT id FROM amigocare.amigocare_leads WHERE import_id = :i)",
        i=import_id,
    )
    await db.execute("UPDATE amigocare.amigocare_leads SET is_deleted = true WHERE import_id = :i", i=import_id)
    await db.chats.delete_many({"import_id": import_id})


async def leave_as_it_is(db: Stored, import_id: int) -> None:
    return


async def tagged_chunk(postgres: Postgres, pipeline: Pipeline) -> tuple[Tenant, ChunkTagged]:
    tenant = await create_tenant(postgres.engine)
    import_id = await insert_import(postgres, tenant, row_counts=[3], name=unique("n"))
    live = live_rows(new_phones(3), tags=[["a"], [], ["b"]])
    chunk = await pipeline.tag(await pipeline.dedup(accepted_chunk(tenant, import_id, live)))
    assert chunk is not None
    return tenant, chunk


class Scene:
    """One chunk, a creator that stands still with it, and everybody else."""

    def __init__(self, quick: tuple[Postgres, Mongo], impatient: Postgres, erase: Erase) -> None:
        self.postgres, self.mongo = quick
        self.impatient = impatient
        self.pipeline = Pipeline(*quick)
        self.db = Stored(self.postgres.engine, chats_of(self.mongo))
        self.erase = erase
        self.published: list[ChunkCreated] = []
        self.trail: list[str] = []
        self.died = False

    async def run(self, point: int, *, dies_at: int | None = None) -> Tenant:
        """Let the creator stand still at the point, and die at a later one; return whose chunk it was.

        Whoever dies so is not asked again: others have settled its message.
        """
        tenant, chunk = await tagged_chunk(self.postgres, self.pipeline)
        clock = SlowClock()

        async def others_end_it_and_take_it_back() -> None:
            clock.stood_still += 2 * LONG
            (created,) = await self._others(chunk)
            await self.pipeline.settle(created)
            await self.erase(self.db, chunk.import_id)

        plan = FreezePlan(point, others_end_it_and_take_it_back, dies_at=dies_at)
        store = Store(CrashingPostgres(self.impatient, plan), CrashingMongo(self.mongo, plan))
        try:
            await handlers.create_leads(chunk, store=store, asking=None, publish=into(self.published), clock=clock)
        except DBAPIError:
            # The connection was ended: a bad day, after which the message comes again.
            await handlers.create_leads(
                chunk, store=self.pipeline.creator_store, asking=None, publish=into(self.published), clock=clock
            )
        except Crash:
            self.died = True
        self.trail = plan.trail
        return tenant

    async def _others(self, chunk: ChunkTagged) -> list[ChunkCreated]:
        """Handle the chunk in another process, as often as it takes: the one that stands still may hold locks."""
        created: list[ChunkCreated] = []

        async def try_it() -> bool:
            try:
                await handlers.create_leads(
                    chunk, store=self.pipeline.creator_store, asking=None, publish=into(created), clock=utc_now
                )
            except DBAPIError:
                return False
            return True

        await eventually(try_it, what="the end of the connection that stands still")
        return created


async def points(quick: tuple[Postgres, Mongo], impatient: Postgres) -> list[str]:
    scene = Scene(quick, impatient, leave_as_it_is)
    await scene.run(0)
    return scene.trail


@pytest.mark.parametrize("erase", [erase_all, take_back], ids=["erased", "taken back"])
async def test_a_creator_that_wakes_after_the_end_makes_nothing_again_that_was_taken_back(
    quick: tuple[Postgres, Mongo], impatient: Postgres, erase: Erase
) -> None:
    trail = await points(quick, impatient)
    assert len(trail) >= 10, trail
    for point, what in enumerate(trail, start=1):
        scene = Scene(quick, impatient, erase)
        tenant = await scene.run(point)
        assert await scene.db.leads(tenant.company_id) == [], what
        assert await scene.db.chats_of(tenant.company_id) == [], what
        links = "SELECT count(*) FROM amigocare.chat_tags WHERE company_id = :c AND NOT is_deleted"
        assert await scene.db.value(links, c=tenant.company_id) == 0, what


async def test_a_creator_that_wakes_after_the_end_and_dies_leaves_nothing_of_what_was_taken_back(
    quick: tuple[Postgres, Mongo], impatient: Postgres
) -> None:
    """It stood still between two transactions, or before its first question, and dies at any point after it woke.

    Amid a transaction its connection is ended, and it does nothing more. What it cannot know of is a standstill within
    the one call that makes the chats.
    """
    trail = await points(quick, impatient)
    deaths = 0
    for point, what in enumerate(trail, start=1):
        if what not in ("before find chats", "after COMMIT"):
            continue
        for dies_at in range(point + 1, len(trail) + 12):
            scene = Scene(quick, impatient, erase_all)
            tenant = await scene.run(point, dies_at=dies_at)
            where = what, scene.trail
            assert await scene.db.leads(tenant.company_id) == [], where
            assert await scene.db.chats_of(tenant.company_id) == [], where
            if not scene.died:
                break
            deaths += 1
    assert deaths >= 10, "it must die after it woke, or this shows nothing"


async def test_a_creator_that_wakes_after_the_end_changes_nothing_of_what_others_made(
    quick: tuple[Postgres, Mongo], impatient: Postgres
) -> None:
    for point, what in enumerate(await points(quick, impatient), start=1):
        scene = Scene(quick, impatient, leave_as_it_is)
        tenant = await scene.run(point)
        assert await scene.db.consistent(tenant.company_id) == 3, what
        links = await scene.db.rows("SELECT * FROM amigocare.chat_tags WHERE company_id = :c", c=tenant.company_id)
        assert len(links) == 2, what


async def test_a_repeat_after_the_end_makes_nothing_again_that_was_taken_back(
    quick: tuple[Postgres, Mongo],
) -> None:
    postgres, mongo = quick
    pipeline, db = Pipeline(*quick), Stored(postgres.engine, chats_of(mongo))
    for erase in (erase_all, take_back):
        tenant, chunk = await tagged_chunk(postgres, pipeline)
        await pipeline.settle(await pipeline.create(chunk))
        await erase(db, chunk.import_id)
        published: list[ChunkCreated] = []
        await handlers.create_leads(
            chunk, store=pipeline.creator_store, asking=None, publish=into(published), clock=utc_now
        )
        assert published == []
        assert await db.leads(tenant.company_id) == []
        assert await db.chats_of(tenant.company_id) == []
