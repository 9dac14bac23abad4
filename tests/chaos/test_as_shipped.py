"""The settings as they are shipped, chunks of 2,000 rows and a real quota, while processes are killed."""

import asyncio
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx
import pytest

from services.api.settings import Settings
from tests.chaos.cases import STORMY, Scene, full_only, report_when_quiet
from tests.chaos.checker import ExpectedImport, Hourly
from tests.chaos.schedule import Action
from tests.chaos.storm import Storm
from tests.chaos.uploads import Team
from tests.support.platform import create_tenant
from tests.support.processes import needs_local_stack
from tests.support.stack import local

pytestmark = [full_only, needs_local_stack]

SHIPPED = ("LEADFLOW_CHUNK_ROWS", "LEADFLOW_QUOTA_ROWS", "LEADFLOW_QUOTA_IMPORTS")
HOURLY = Hourly(
    rows=Settings.model_fields["quota_rows"].default, imports=Settings.model_fields["quota_imports"].default
)
UPLOADS_AT_ONCE = 3
KILLED = ("api", "creator", "finalizer", "api", "tagger", "dedup", "api", "postgres", "creator", "kafka", "api")
SMALL, LARGE, MIXED = (30,), (5_000,), (40, 900, 2_500, 5_000)
"""Rows of the files that a company has. Those of the small ones are held to their number, the others to their rows."""
SIZES = (SMALL, LARGE, SMALL, MIXED, SMALL, MIXED, SMALL, MIXED)


@pytest.fixture
def as_shipped(scene: Scene) -> Iterator[Scene]:
    """The same stack with these settings as they are shipped, for one test."""
    with pytest.MonkeyPatch.context() as patch:
        for name in SHIPPED:
            patch.delenv(name, raising=False)
        local("up")
        yield scene
    with pytest.MonkeyPatch.context() as patch:
        for name in SHIPPED:
            patch.setenv(name, STORMY[name])
        local("up")


@dataclass(slots=True)
class Greedy:
    """A company that uploads more than its quota allows, several files at once."""

    team: Team
    turned_away: int = 0
    accepted: list[ExpectedImport] = field(default_factory=list)

    async def upload_all(self, client: httpx.AsyncClient) -> None:
        async with asyncio.TaskGroup() as group:
            for hand in range(UPLOADS_AT_ONCE):
                group.create_task(self._upload_some(client, hand))

    async def _upload_some(self, client: httpx.AsyncClient, hand: int) -> None:
        tenant = self.team.tenant
        for number in range(3):
            file, rows = self.team.new_file()
            data = json.dumps(tenant.data(name=f"Greedy {hand} {number}", tag_ids=tenant.tag_ids[:1]))
            response = await self.team.answer(client, file, data, f"greedy-{hand}-{number}")
            if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
                self.turned_away += 1
                continue
            assert response.status_code == httpx.codes.ACCEPTED, response.text
            import_id = response.json()["id"]
            self.accepted.append(
                ExpectedImport(import_id, tenant.company_id, tenant.account_id, tenant.source_id, rows)
            )


async def test_a_quota_and_large_chunks_hold_while_processes_are_killed(as_shipped: Scene, provider_url: str) -> None:
    chance = random.Random(3)
    companies = [
        Greedy(
            Team(
                await create_tenant(as_shipped.engine, jwt_secret=as_shipped.stack.jwt_secret),
                chance,
                first_phone=50_000_000 + number * 10_000,
                sizes=sizes,
            )
        )
        for number, sizes in enumerate(SIZES)
    ]
    storm = Storm([Action(chance.uniform(0.3, 1.5), "kill", name) for name in KILLED], provider_url)
    async with (
        httpx.AsyncClient(base_url=as_shipped.stack.api_url, timeout=60) as client,
        asyncio.TaskGroup() as group,
    ):
        group.create_task(storm.rage())
        for each in companies:
            group.create_task(each.upload_all(client))
    accepted = [each for company in companies for each in company.accepted]
    report = await report_when_quiet(as_shipped, accepted, hourly=HOURLY)
    turned_away = sum(each.turned_away for each in companies)
    print(f"\n{len(KILLED)} kills, {turned_away} uploads over the quota; {report}")  # noqa: T201
    assert report.kept, str(report)
    assert all(len(each.accepted) == HOURLY.imports for each in companies if each.team.sizes == SMALL)
    assert all(each.turned_away for each in companies)
    assert max(len(each.rows) for each in accepted) > 2 * Settings.model_fields["chunk_rows"].default
