"""All services behind PgBouncer in transaction mode, with fewer sessions of the server than they have connections."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.support.pgbouncer import needs_pgbouncer, pgbouncer
from tests.support.processes import needs_local_stack
from tests.support.readers import Stored, Topic, body_of
from tests.support.stack import Addresses, local
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, problem, totals

pytestmark = [needs_local_stack, needs_pgbouncer]


@pytest_asyncio.fixture(scope="module", autouse=True)
async def pooler(stack: Addresses, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[int]:
    """Every service reaches PostgreSQL through it while this file's tests run."""
    async with pgbouncer(stack.postgres_url, tmp_path_factory.mktemp("pooler") / "of-the-services") as port:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LEADFLOW_LOCAL_DETOURS", f"postgres={port}")
            patch.setenv("LEADFLOW_POSTGRES_POOLER", "transaction")
            await asyncio.to_thread(local, "up")
        yield port
        await asyncio.to_thread(local, "up")


async def test_imports_side_by_side_end_well(new_user: NewUser, stored: Stored, finished: Topic) -> None:
    """Their companies' transactions follow each other in the same sessions of the server."""
    users = [await new_user() for _ in range(4)]
    files = [csv_file(lead_rows(new_phones(300), "feira, maio")) for _ in users]
    uploads = await asyncio.gather(*(user.upload(file) for user, file in zip(users, files, strict=True)))
    for user, response in zip(users, uploads, strict=True):
        assert response.status_code == 202, response.text
        (record,) = await finished.all_of(response.json()["id"], stored)
        body = body_of(record)
        assert (body["status"], totals(body)) == ("FINISHED", (300, 0, 0))
        assert await stored.consistent(user.tenant.company_id) == 300
        leads = await stored.leads(user.tenant.company_id)
        assert {tuple(sorted(lead["tags"])) for lead in leads} == {("feira", "maio")}


async def test_a_second_import_knows_the_first(user: User, stored: Stored, finished: Topic) -> None:
    phones = new_phones(50)
    first = await user.upload(csv_file(lead_rows(phones)), name="Feira")
    await finished.all_of(first.json()["id"], stored)
    problem(await user.upload(csv_file(lead_rows(phones)), name="feira"), 409, "name_taken")
    second = await user.upload(csv_file(lead_rows(phones)), name="Outra")
    (record,) = await finished.all_of(second.json()["id"], stored)
    assert totals(body_of(record)) == (0, 50, 0)


async def test_no_service_goes_past_the_pooler(stored: Stored) -> None:
    """A session of a service's own would have its name between transactions, too."""
    named = "application_name LIKE 'leadflow-%' AND application_name <> 'leadflow-tests'"
    past = f"SELECT count(*) FROM pg_stat_activity WHERE {named} AND state = 'idle'"
    assert await stored.value(past) == 0
