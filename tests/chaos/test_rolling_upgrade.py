"""A rolling upgrade and its way back, while companies import, cancel and take back: nothing is lost, doubled or stuck.

The services of the release before run on their own schema; the present one migrates while they run, its services
replace them one after the other, then they come back on the newer schema, then they are replaced again.

make upgrade PREVIOUS=<commit>
"""

import asyncio
import itertools
import os
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from deploy.local import ports, postgres
from deploy.processes import PROCESSES
from libs.common.settings import MongoSettings
from libs.common.stores.mongo import Mongo
from libs.contracts.lead_import.internal.topics import DEAD_LETTERS
from libs.contracts.registry import registries
from libs.imports.chats import chats_of
from tests.chaos import cases
from tests.chaos.cases import STORMY, Scene, accepted, full_only, new_teams, report_when_quiet
from tests.chaos.fleet import Fleet, fleet
from tests.chaos.uploads import Team
from tests.support.databases import HOST_PLATFORM, run_script, sqlalchemy_url
from tests.support.platform import EVERYTHING, Tenant
from tests.support.processes import needs_local_stack
from tests.support.readers import subscribed
from tests.support.releases import Release, present, recorded, taken_out
from tests.support.stack import INSTANCE, SETTINGS, Addresses, instance_of, local, local_addresses
from tests.support.waiting import eventually

pytestmark = [full_only, needs_local_stack]

UPGRADED = f"{INSTANCE}-upgrade"
TEAMS = 5
WORK_SECONDS = 180.0
PATIENCE_SECONDS = 60.0
SEED = int(os.environ.get("SEED") or 1)
MANNER = {"sizes": (1, 40, 250, 600), "longest_pause": 1.0, "changes_its_mind": 0.2, "pool": 40_000}
_UNENROLLED = (
    "SELECT count(*) FROM amigocare.amigocare_leads l WHERE l.import_id = ANY(:ids) AND NOT l.is_deleted"
    " AND NOT EXISTS (SELECT FROM crm.lead_search s WHERE s.lead_id = l.id)"
)
_ENDED = "SELECT count(*) FROM amigocare.lead_imports WHERE finished_at IS NOT NULL AND id <> ALL(:ids)"
_MADE = "SELECT count(*) FROM amigocare.amigocare_leads WHERE public_id::text = ANY(:ids) AND NOT is_deleted"


@dataclass(slots=True)
class People:
    """Those of one company who make leads by hand whenever the service for that runs."""

    tenant: Tenant
    made: list[str] = field(default_factory=list)
    """The ids that they were answered."""

    async def make_until(self, fleet: Fleet, calm: asyncio.Event) -> None:
        headers = self.tenant.headers(permissions=EVERYTHING)
        async with fleet.client("leads") as client:
            while not calm.is_set():
                number = len(self.made)
                key = {"Idempotency-Key": f"hand-{number}"}
                body = {"name": f"Hand {number}", "email": f"hand{number}@clinica.com.br", "source": "website"}
                try:
                    answer = await client.post("/api/v1/leads", json=body, headers=headers | key)
                except httpx.TransportError:
                    answer = None
                if answer is not None and answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                    assert answer.is_success, f"{answer.status_code}: {answer.text}"
                    self.made.append(answer.json()["id"])
                await asyncio.sleep(0.5)


@dataclass(slots=True)
class Upgrade:
    """The servers, two releases, and what runs of them."""

    scene: Scene
    fleet: Fleet
    old: Release
    new: Release
    teams: list[Team]
    people: People
    faults: list[str] = field(default_factory=list)
    """What those who upload were answered that they must not be."""

    async def leadflow(self, release: Release, command: str) -> None:
        """Run a command of a release as who owns the tables."""
        owner = {"LEADFLOW_POSTGRES_OWNER_URL": self.scene.stack.postgres_url}
        done = await asyncio.create_subprocess_exec(
            str(release.python),
            "-m",
            "services.operator.main",
            command,
            cwd=release.folder,
            env=release.environment({**self.fleet.settings_of("api"), **owner}),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await done.communicate()
        assert done.returncode == 0, f"leadflow {command} of the {release.name} release failed:\n{said.decode()}"

    async def migrate(self, release: Release) -> None:
        """Migrate, and make logins for the services that a release has roles for."""
        await self.leadflow(release, "migrate")
        known = ports.load(instance_of(UPGRADED))
        assert known is not None
        await postgres.make_logins(instance_of(UPGRADED), known)

    async def start_the_old(self) -> None:
        for service in itertools.chain(*path(self.old, self.new)):
            if service in self.old.services:
                await self.fleet.start(service, self.old)

    async def roll(self, order: Sequence[str], release: Release) -> None:
        """Replace every service by that of a release, each while teams upload to both."""
        for service in order:
            began = time.monotonic()
            await self.fleet.replace(service, release, meanwhile=self.work_goes_on)
            await self.work_goes_on()
            print(f"  {service}: {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201

    async def work_goes_on(self) -> None:
        """Wait until as many imports as there are teams have been accepted from now on, and one has ended."""
        wanted, ended = self.imports + len(self.teams), await self.count(_ENDED, [])

        async def look() -> bool:
            return self.imports >= wanted and await self.count(_ENDED, []) > ended

        await eventually(look, seconds=WORK_SECONDS, what="work that goes on")

    @asynccontextmanager
    async def phase(self, name: str) -> AsyncIterator[None]:
        """Note what was accepted within the block, and by which release's processes calls were answered."""
        began, before, calls = time.monotonic(), self.imports, Counter(self.fleet.answered)
        try:
            yield
        finally:
            by = ", ".join(f"{count} by the {each}" for each, count in sorted((self.fleet.answered - calls).items()))
            seconds = time.monotonic() - began
            print(f"{name}: {seconds:.0f} s, {self.imports - before} imports accepted, calls: {by}", flush=True)  # noqa: T201

    @property
    def imports(self) -> int:
        return sum(len(team.accepted) for team in self.teams)

    async def count(self, statement: str, ids: Sequence[object]) -> int:
        async with self.scene.engine.connect() as connection:
            return int((await connection.execute(text(statement), {"ids": list(ids)})).scalar_one())

    async def dead_letters(self, topics: Sequence[str]) -> int:
        found = 0
        for topic in topics:
            async with subscribed(self.scene.stack.kafka_bootstrap, topic) as letters:
                await letters.catch_up()
                found += sum(len(records) for records in letters.records.values())
        return found


def path(old: Release, new: Release) -> tuple[list[str], list[str]]:
    """Return the consumers along the path of a chunk, and who answers calls: consumers are replaced before these."""
    kinds = {process.name: process.kind for process in PROCESSES}
    consumers = [name for name, kind in kinds.items() if kind == "consumer"] + sorted(old.services - new.services)
    return consumers, sorted((name for name, kind in kinds.items() if kind == "http"), reverse=True)


def settings_of(stack: Addresses, service: str) -> dict[str, str]:
    """Return a service's settings: those are what a release may rely on. It logs in as a role that owns nothing."""
    login = stack.postgres_url.replace(f"//{postgres.USER}:", f"//{postgres.login_of(service)}:", 1)
    return {
        **SETTINGS,
        **STORMY,
        "LEADFLOW_POSTGRES_URL": login,
        "LEADFLOW_MONGO_URL": stack.mongo_url,
        "LEADFLOW_KAFKA_BOOTSTRAP": stack.kafka_bootstrap,
        "LEADFLOW_JWT_SECRET": stack.jwt_secret,
    }


@pytest_asyncio.fixture
async def upgrade(tmp_path: Path) -> AsyncIterator[Upgrade]:
    """The servers, the release before on its own schema, its services running."""
    with taken_out(os.environ.get("PREVIOUS") or recorded()[0]) as (old, said):
        print(f"\n{said}", flush=True)  # noqa: T201
        await asyncio.to_thread(local, "reset", instance=UPGRADED)
        try:
            await asyncio.to_thread(local, "servers", instance=UPGRADED)
            stack = local_addresses(UPGRADED)
            engine = create_async_engine(sqlalchemy_url(stack.postgres_url), pool_pre_ping=True)
            await run_script(stack.postgres_url, HOST_PLATFORM)
            scene = Scene(stack, engine)
            async with fleet(partial(settings_of, stack), tmp_path, seed=SEED) as processes:
                made = Upgrade(scene, processes, old, present(), [], None)  # type: ignore[arg-type]
                await made.migrate(old)
                mongo = Mongo(MongoSettings(mongo_url=stack.mongo_url), application_name="customers")
                try:
                    made.teams = await new_teams(scene, TEAMS, SEED, chats=chats_of(mongo), **MANNER)
                    made.people = People(made.teams[0].tenant)
                    yield made
                finally:
                    await mongo.close()
            await engine.dispose()
        finally:
            await asyncio.to_thread(local, "reset", instance=UPGRADED)


@asynccontextmanager
async def busy(upgrade: Upgrade) -> AsyncIterator[None]:
    """Let everybody work within the block; at its end each gets the answer that he is waiting for, if there is one."""
    calm = asyncio.Event()
    async with upgrade.fleet.client("api") as client:
        tasks = [asyncio.create_task(team.upload_until(client, calm)) for team in upgrade.teams]
        tasks.append(asyncio.create_task(upgrade.people.make_until(upgrade.fleet, calm)))
        try:
            yield
        finally:
            calm.set()
            _, waiting = await asyncio.wait(tasks, timeout=PATIENCE_SECONDS)
            for task in waiting:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(ended, BaseException):
                    upgrade.faults.append(f"somebody got no right answer: {ended!r}")


async def go_there_and_back(upgrade: Upgrade) -> None:
    old, new, roll = upgrade.old, upgrade.new, upgrade.roll
    consumers, answering = path(old, new)
    async with upgrade.phase("the old release on its own schema"):
        await accepted(upgrade.teams, 2)
    async with upgrade.phase("migrating under the old release"):
        await upgrade.migrate(new)
        await upgrade.work_goes_on()
    async with upgrade.phase("to the new release, from the end of a chunk's path"):
        await roll([*reversed(consumers), *answering], new)
    async with upgrade.phase("the new release"):
        await upgrade.leadflow(new, "reindex-leads")
        await accepted(upgrade.teams, 2)
    # Consumers first here too: the old ones read what the new api sends for as long as that takes.
    async with upgrade.phase("back to the old release on the newer schema"):
        await roll([*consumers, *answering], old)
    async with upgrade.phase("the old release on the newer schema"):
        await accepted(upgrade.teams, 2)
    async with upgrade.phase("to the new release, along a chunk's path"):
        await roll([*consumers, *answering], new)


async def under_load(upgrade: Upgrade) -> AssertionError | None:
    """Go there and back while everybody works; return what failed, when everybody has the answer he waits for."""
    await upgrade.start_the_old()
    async with busy(upgrade):
        try:
            await go_there_and_back(upgrade)
        except AssertionError as error:
            return error
    return None


async def test_a_rolling_upgrade_and_its_way_back_lose_nothing(upgrade: Upgrade) -> None:
    failed = await under_load(upgrade)
    expected = [each for team in upgrade.teams for each in team.accepted]
    report = await report_when_quiet(upgrade.scene, expected)
    ended = sum((team.ended for team in upgrade.teams), Counter[str]())
    letters = await upgrade.dead_letters([each.dead_letters.topic for each in registries() if each.dead_letters])
    print(  # noqa: T201
        f"{len(upgrade.teams)} companies, {dict(ended)}, {sum(team.refused for team in upgrade.teams)} calls had to ask"
        f" again, {dict(upgrade.fleet.started)} processes, {letters} dead letters, {len(upgrade.people.made)} leads by"
        f" hand; a process was ready after {upgrade.fleet.slowest['ready']:.0f} s at most, and had ended after"
        f" {upgrade.fleet.slowest['stop']:.0f} s\n{report}",
        flush=True,
    )
    assert upgrade.faults == []
    if failed is not None:
        raise failed  # after what was lost has been said
    assert report.rows
    assert report.kept, str(report)
    assert letters == 0
    assert upgrade.fleet.died() == []
    assert upgrade.fleet.answered.keys() == {"old", "new"}
    assert await upgrade.count(_MADE, upgrade.people.made) == len(upgrade.people.made) > 0

    async def enrolled() -> bool:
        return await upgrade.count(_UNENROLLED, [each.import_id for each in expected]) == 0

    await eventually(enrolled, seconds=120, what="every lead of an import in the search")


BROKEN = (
    "ALTER TABLE amigocare.amigocare_leads ADD COLUMN region text NOT NULL DEFAULT ''",
    "ALTER TABLE amigocare.amigocare_leads ALTER COLUMN region DROP DEFAULT",
)
"""A column that must be filled, and that the release before knows nothing of."""


async def test_a_revision_that_the_release_before_cannot_live_with_is_noticed(
    upgrade: Upgrade, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "QUIET_SECONDS", 20.0)
    await upgrade.start_the_old()
    async with busy(upgrade):
        await accepted(upgrade.teams, 1)
        async with upgrade.scene.engine.begin() as connection:
            for statement in BROKEN:
                await connection.execute(text(statement))

        async def lost() -> bool:
            return await upgrade.dead_letters([DEAD_LETTERS.topic]) > 0

        await eventually(lost, seconds=WORK_SECONDS, what="a chunk that cannot be stored")
    report = await report_when_quiet(upgrade.scene, [each for team in upgrade.teams for each in team.accepted])
    print(f"with a column that must be filled: {str(report).partition(chr(10))[0]}", flush=True)  # noqa: T201
    assert report.lost
