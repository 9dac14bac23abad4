"""An undo under any series of crashes: at one point of the first run, another of the second, and so on without end.

A crash leaves nothing behind but what the stores hold, so that two series that leave the same behind have the same
future: one of them is enough. What is left behind is explored until nothing new comes of it.
"""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Container
from unittest.mock import patch

import pytest
from sqlalchemy import text

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_undo.internal.messages import UndoRequested
from libs.imports.chats import chats_of
from services.undoer import handlers as undoer
from services.undoer.domain import Portion
from services.undoer.store import Store as UndoerStore
from tests.chaos.cases import full_only
from tests.chaos.checker import Report, check
from tests.chaos.crash import CrashPlan
from tests.chaos.crew import Points
from tests.chaos.shapes import UNDONE, Shape, run_shape
from tests.chaos.world import World
from tests.support.platform import create_tenant

State = tuple[tuple[object, ...], ...]
LONGEST = 200
"""Points of a life: more than any has."""

# Ids differ from scenario to scenario; phones, names and the places of chats among an import's do not.
_PLACES = """
SELECT id, import_id, row_number() OVER (PARTITION BY import_id ORDER BY chat_id) AS place, chat_id
FROM amigocare.amigocare_leads WHERE company_id = :company
"""
_LEFT = (
    f"""
    SELECT 'undo', dense_rank() OVER (ORDER BY u.import_id), u.reversed, u.kept, u.failed, u.total,
           u.finished_at IS NULL, (SELECT max(place) FROM ({_PLACES}) p WHERE p.import_id = u.import_id
                                   AND p.chat_id <= u.through) AS through,
           (SELECT max(place) FROM ({_PLACES}) p WHERE p.import_id = u.import_id AND p.chat_id <= u.portion) AS portion
    FROM amigocare.lead_import_undos u JOIN amigocare.lead_imports i ON i.id = u.import_id
    WHERE i.company_id = :company ORDER BY u.import_id
    """,
    """
    SELECT 'lead', contact_cellphone, is_deleted, destroyer_id IS NULL, updated_at = created_at
    FROM amigocare.amigocare_leads WHERE company_id = :company ORDER BY id
    """,
    """
    SELECT 'kept', l.contact_cellphone, k.row_number, k.reason
    FROM amigocare.lead_import_kept k JOIN amigocare.amigocare_leads l ON l.id = k.lead_id
    WHERE l.company_id = :company ORDER BY l.id, k.reason
    """,
    """
    SELECT 'chat_tag', l.contact_cellphone, lower(t.name), c.is_deleted
    FROM amigocare.chat_tags c JOIN amigocare.amigocare_leads l ON l.id = c.lead_id
    JOIN amigocare.tags t ON t.id = c.tag_id WHERE l.company_id = :company ORDER BY l.id, lower(t.name), c.id
    """,
    "SELECT 'tag', lower(name), is_deleted FROM amigocare.tags WHERE company_id = :company ORDER BY lower(name), id",
    """
    SELECT 'outbox', topic, count(*) FROM amigocare.outbox
    WHERE key IN (SELECT CAST(id AS text) FROM amigocare.lead_imports WHERE company_id = :company) GROUP BY topic
    ORDER BY topic
    """,
)


_EFFECTS = ("after COMMIT", "amid delete chats", "after delete chats")


class Effects(CrashPlan):
    """Counts only the points at which something may have been stored since the point before.

    What a transaction did is stored with its commit, and what only asks stores nothing: a crash anywhere else leaves
    what the last of these left. test_a_crash_elsewhere_leaves_what_the_last_effect_left shows it.
    """

    async def reach(self, what: str) -> None:
        if what in _EFFECTS:
            await super().reach(what)


class NothingNew(Exception):
    """The last crash left a state behind that is explored already, or will be."""


class WatchedWorld(World):
    """Remembers what each crash of the undoer left behind, and goes on after the last one only from a new state."""

    left: list[State]
    crashes: int
    known: Container[State] | None
    """None: go on after each."""

    async def _live(self, stage: str, work: Callable[[], Awaitable[None]]) -> bool:
        ended = await super()._live(stage, work)
        if stage == "undoer" and not ended:
            self.left.append(await self._what_is_left())
            if self.known is not None and len(self.left) == self.crashes and self.left[-1] in self.known:
                raise NothingNew
        return ended

    async def _what_is_left(self) -> State:
        postgres, mongo = self._real
        company = {"company": self.tenant.company_id}
        found: list[tuple[object, ...]] = []
        async with postgres.transaction() as connection:
            for statement in _LEFT:
                found += [tuple(row) for row in await connection.execute(text(statement), company)]
        chats = chats_of(mongo).find({"company_id": self.tenant.company_id}, sort=[("contact_cellphone", 1)])
        found += [("chat", chat["contact_cellphone"], chat.get("last_message")) async for chat in chats]
        waiting = ((topic, len(queue)) for topic, queue in self.topics.items() if queue)
        return (*found, *sorted(waiting), ("undone", len(self.undone)))


async def crashed_at(
    postgres: Postgres, mongo: Mongo, shape: Shape, plan: CrashPlan, known: Container[State] | None
) -> tuple[WatchedWorld, Report]:
    """Run the shape while the undoer crashes as planned, once a life; then let it be.

    Raises NothingNew where that would repeat what is known.
    """
    world = WatchedWorld(postgres, mongo, await create_tenant(postgres.engine), {"undoer": plan})
    world.left, world.crashes, world.known = [], len(plan.planned), known
    await run_shape(world, shape, postgres, mongo)
    return world, await check(postgres.engine, mongo, world.expected, world.events, undone=world.undone)


async def every_series(
    postgres: Postgres, mongo: Mongo, shape: Shape, *, most_faults: float = float("inf")
) -> tuple[dict[State, Points], int, list[str]]:
    """Return each state that a series of crashes leaves behind, with the first series that did; how many scenarios
    were run; and what the checker found wrong, in words: so many faults are enough.
    """
    states: dict[State, Points] = {}
    faults: list[str] = []
    scenarios = 0
    unexplored: deque[Points] = deque([()])
    while unexplored and len(faults) < most_faults:
        series = unexplored.popleft()
        for point in range(1, LONGEST):
            longer = (*series, point)
            plan = Effects(*longer)
            scenarios += 1
            try:
                world, report = await crashed_at(postgres, mongo, shape, plan, states)
            except NothingNew:
                continue
            if plan.crashes < len(longer):
                break
            if not report.kept:
                faults.append(f"the undoer crashed at {longer}: {plan.trail}\n{report}")
            states[world.left[-1]] = longer
            unexplored.append(longer)
            print(f"state {len(states)} of {longer}, {scenarios} scenarios", flush=True)  # noqa: T201
        else:
            raise AssertionError(f"a life after {series} has no end")
    return states, scenarios, faults


@full_only
@pytest.mark.parametrize("shape", UNDONE, ids=[shape.name for shape in UNDONE])
async def test_no_series_of_crashes_loses_or_doubles_what_an_undo_takes_back(
    quick: tuple[Postgres, Mongo], shape: Shape
) -> None:
    began = time.monotonic()
    states, scenarios, faults = await every_series(*quick, shape)
    seconds = time.monotonic() - began
    longest = max(map(len, states.values()))
    print(f"{len(states)} states, the farthest after {longest} crashes; {scenarios} scenarios in {seconds:.0f} s")  # noqa: T201
    assert not faults, faults[0]
    # Portions are of two leads: each has a state in which its leads are deleted, and one in which its chats are, too.
    assert len(states) > len(shape.imports[0])
    assert longest > 1


@full_only
@pytest.mark.parametrize("shape", UNDONE, ids=[shape.name for shape in UNDONE])
async def test_a_crash_elsewhere_leaves_what_the_last_effect_left(quick: tuple[Postgres, Mongo], shape: Shape) -> None:
    last: State | None = None
    elsewhere = 0
    for point in range(1, LONGEST):
        plan = CrashPlan(point)
        world, _ = await crashed_at(*quick, shape, plan, None)
        if not plan.crashes:
            break
        what = plan.trail[point - 1]
        if what in _EFFECTS:
            # Half of a delete is of a life that ends there alone: one that goes on has not begun to delete.
            last = last if what.startswith("amid") else world.left[0]
        elif last is not None:
            elsewhere += 1
            assert world.left[0] == last, plan.trail[:point]
    assert elsewhere


async def mark_before_the_chats(request: UndoRequested, portion: Portion, store: UndoerStore) -> None:
    """Note a portion's end, and only then delete its chats."""
    taken: Portion | None = portion
    if not portion.taken_back:
        taken = await store.take_leads(request, portion, await store.changed_chats(portion))
    if taken is not None:
        await store.end_portion(request, taken, await store.chats_left(taken) & await store.changed_chats(taken))
        await store.delete_chats(request, taken)


@full_only
async def test_a_mark_before_the_deletes_is_found(quick: tuple[Postgres, Mongo]) -> None:
    with patch.object(undoer, "_undo_portion", mark_before_the_chats):
        _, _, faults = await every_series(*quick, UNDONE[0], most_faults=1)
    assert any("chat" in fault for fault in faults), faults[:1]
