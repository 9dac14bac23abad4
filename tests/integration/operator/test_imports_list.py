"""``leadflow chunks``: which imports there are, where their chunks are, and which stand still."""

import asyncio
from typing import Any

import pytest
import pytest_asyncio
from typer.testing import CliRunner

from libs.common.settings import MongoSettings, PostgresSettings
from libs.common.stores.postgres import Postgres
from services.operator.main import app
from services.operator.store import Store
from tests.support.imports import insert_import
from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.readers import Stored

_AGE = (
    "UPDATE amigocare.lead_imports SET created_at = now() - make_interval(secs => :s),"
    " updated_at = now() - make_interval(secs => :s) WHERE id = :i"
)
_CHUNK = (
    "UPDATE amigocare.lead_import_chunks SET sent_at = now() - make_interval(secs => :sent), sent_count = :count,"
    " settled_at = now() - make_interval(secs => :settled) WHERE import_id = :i AND chunk_index = :c"
)


class Imports:
    """Imports of a company of the test's own, accepted 1,000 s ago; what is not sent waits."""

    def __init__(self, postgres: Postgres, tenant: Tenant, db: Stored) -> None:
        self._postgres, self._tenant, self._db = postgres, tenant, db

    async def accept(self, *row_counts: int) -> int:
        made = await insert_import(self._postgres, self._tenant, row_counts=list(row_counts), name=unique("n"))
        await self._db.execute(_AGE, s=1_000.0, i=made)
        return made

    async def sent(
        self, import_id: int, chunk: int, *, ago: float, times: int = 1, settled: float | None = None
    ) -> None:
        await self._db.execute(_CHUNK, i=import_id, c=chunk, sent=ago, count=times, settled=settled)

    async def set(self, import_id: int, changes: str) -> None:
        await self._db.execute(f"UPDATE amigocare.lead_imports SET {changes} WHERE id = :i", i=import_id)


@pytest_asyncio.fixture
async def imports(postgres: Postgres, tenant: Tenant, db: Stored) -> Imports:
    return Imports(postgres, tenant, db)


async def test_chunks_are_counted_by_their_place(
    postgres: Postgres, imports: Imports, db: Stored, tenant: Tenant
) -> None:
    made = await imports.accept(10, 10, 10, 5)
    await imports.sent(made, 0, ago=900.0, settled=800.0)
    await imports.sent(made, 1, ago=700.0, settled=650.0)
    await db.execute(
        "UPDATE amigocare.lead_import_chunks SET dead_lettered = true WHERE import_id = :i AND chunk_index = 1", i=made
    )
    await imports.sent(made, 2, ago=600.0)
    (line,) = await Store(postgres).imports(most=1)
    assert (line.import_id, line.company_id, line.account_id) == (made, tenant.company_id, tenant.account_id)
    assert (line.status, line.row_count) == ("PROCESSING", 35)
    assert (line.waiting, line.in_flight, line.settled, line.dead_lettered) == (1, 1, 1, 1)
    assert 1_000 <= line.age_seconds < 1_060
    assert 600 <= line.still_seconds < 660


async def test_the_newest_come_first_and_no_more_than_asked_for(postgres: Postgres, imports: Imports) -> None:
    made = [await imports.accept(1) for _ in range(3)]
    assert [line.import_id for line in await Store(postgres).imports(most=2)] == [made[2], made[1]]


@pytest.mark.parametrize(
    ("chunks", "still"),
    [
        ({}, 1_000),
        ({0: {"ago": 500.0}}, 500),
        ({0: {"ago": 500.0, "settled": 70.0}}, 70),
        ({0: {"ago": 500.0, "settled": 30.0}}, None),
        ({0: {"ago": 500.0}, 1: {"ago": 30.0}}, None),
        # That a silent chunk is sent again and again moves nothing.
        ({0: {"ago": 5.0, "times": 17}}, 1_000),
    ],
)
async def test_stuck_is_an_import_whose_chunks_have_not_moved(
    postgres: Postgres, imports: Imports, chunks: dict[int, dict[str, Any]], still: int | None
) -> None:
    made = await imports.accept(1, 1)
    for index, sent in chunks.items():
        await imports.sent(made, index, **sent)
    found = {line.import_id: line for line in await Store(postgres).imports(most=1_000, stuck_seconds=60)}
    if still is None:
        assert made not in found
    else:
        assert still <= found[made].still_seconds < still + 60
    assert made in {line.import_id for line in await Store(postgres).imports(most=1)}


async def test_what_has_ended_or_was_just_replayed_is_not_stuck(postgres: Postgres, imports: Imports) -> None:
    ended, replayed = await imports.accept(1), await imports.accept(1)
    await imports.set(
        ended, "status = 'FINISHED', total_errors = total_rows, finished_at = now() - interval '300 seconds'"
    )
    await imports.set(replayed, "updated_at = now()")
    stuck = {line.import_id for line in await Store(postgres).imports(most=1_000, stuck_seconds=60)}
    assert stuck.isdisjoint({ended, replayed})
    newest = {line.import_id: line for line in await Store(postgres).imports(most=2)}
    assert 300 <= newest[ended].still_seconds < 360


async def test_the_command_prints_a_line_an_import_and_no_name(
    imports: Imports, stores: tuple[PostgresSettings, MongoSettings], db: Stored
) -> None:
    made = await imports.accept(1_000, 500)
    await imports.set(made, "file_name = 'Ana 11987654321.csv'")
    (name,) = [row["name"] for row in await db.rows("SELECT name FROM amigocare.lead_imports WHERE id = :i", i=made)]
    environment = {
        "LEADFLOW_POSTGRES_URL": stores[0].postgres_url.get_secret_value(),
        "LEADFLOW_MONGO_URL": stores[1].mongo_url.get_secret_value(),
    }

    async def run(*options: str) -> str:
        # In a thread: the command runs an event loop of its own.
        command = ["chunks", *options]
        done = await asyncio.to_thread(CliRunner().invoke, app, command, env=environment)
        assert done.exit_code == 0, done.output
        return done.output

    listed, stuck = await run("--limit", "1"), await run("--stuck", "--limit", "1")
    for printed in (listed, stuck):
        (line,) = [line.split() for line in printed.splitlines() if line.startswith(f"{made} ")]
        assert line[3:9] == ["PROCESSING", "1500", "2", "0", "0", "0"]
        assert [time[:3] for time in line[9:]] == ["16m", "16m"]
        assert "Only the newest 1 are shown" in printed
        assert name not in printed
        assert "Ana" not in printed
    long_still = await run("--stuck", "--for", "5000")
    assert not any(line.startswith(f"{made} ") for line in long_still.splitlines())
    none = await run("--stuck", "--for", "1000000000")
    assert none == "No import in progress has stood still for 1000000000 s.\n"
