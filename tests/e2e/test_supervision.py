"""``kill -9`` of every process while imports run: each comes back by itself, each row is accounted for, once."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import DBAPIError, InterfaceError

from deploy.processes import SERVICES
from tests.support.processes import held, kill, needs_local_stack, running
from tests.support.readers import FINISHED, Stored, body_of, headers_of, subscribed
from tests.support.stack import Addresses, local
from tests.support.user import NewUser, User, csv_file, lead_rows, new_phones, totals
from tests.support.waiting import eventually

pytestmark = needs_local_stack

ROWS = 1_500
IN_FILE = 50


def file() -> bytes:
    phones = new_phones(ROWS)
    return csv_file(lead_rows([*phones, *phones[:IN_FILE]], tags="manhã, tarde"))


async def has_leads(user: User, stored: Stored) -> None:
    """Wait until the creator is at work on the user's import."""

    async def look() -> bool:
        return bool(await stored.leads(user.tenant.company_id))

    await eventually(look, what="a first lead")


async def has_progress(user: User, import_id: int) -> None:
    """Wait until the finalizer is at work on the import."""

    async def look() -> bool:
        settled: int = (await user.read(import_id))["progress"]["chunks_settled"]
        return settled > 0

    await eventually(look, what="a first settled chunk")


async def ended(user: User, import_id: int) -> dict[str, Any]:
    """Wait for the end, as a client does that knows that servers may be away for a while."""

    async def look() -> dict[str, Any] | None:
        try:
            answer = await user.get(f"/imports/{import_id}")
        except httpx.TransportError:
            return None
        assert answer.status_code in {200, 503}, answer.text
        found: dict[str, Any] = answer.json()
        return None if answer.status_code == 503 or found["status"] == "PROCESSING" else found

    return await eventually(look, seconds=90, what=f"the end of import {import_id}")


async def back(name: str, killed: int) -> None:
    """Wait until the process runs again."""

    async def look() -> bool:
        return (await asyncio.to_thread(running)).get(name, killed) != killed

    await eventually(look, seconds=30, what=f"{name} to come back")


async def reconnect(stored: Stored) -> None:
    """Wait until the databases answer this test again."""

    async def look() -> bool:
        try:
            return bool(await stored.value("SELECT 1"))
        except (DBAPIError, InterfaceError, OSError):
            await stored.engine.dispose()
            return False

    await eventually(look, what="PostgreSQL")


async def nothing_lost_nothing_twice(users: dict[int, User], stored: Stored, stack: Addresses) -> None:
    """Check imports by id: totals, leads, chats, tags, and one finished event each (if twice, then the same)."""
    await eventually(stored.outbox_is_empty, what="an empty outbox")
    async with subscribed(stack.kafka_bootstrap, FINISHED) as topic:
        await topic.catch_up()
    for import_id, user in users.items():
        found = await user.read(import_id)
        assert (found["status"], found["total_rows"]) == ("FINISHED", ROWS + IN_FILE)
        assert totals(found) == (ROWS, IN_FILE, 0)
        company = user.tenant.company_id
        assert await stored.consistent(company) == ROWS
        assert len(await stored.chats_of(company)) == ROWS
        links = "SELECT count(*), count(DISTINCT (chat_id, tag_id)) FROM amigocare.chat_tags WHERE company_id = :c"
        ((*counts,),) = [row.values() for row in await stored.rows(links.replace(", count", " a, count"), c=company)]
        assert counts == [2 * ROWS, 2 * ROWS]
        rows = await user.rows(import_id)
        assert [(row["row"], row["reason"]) for row in rows] == [
            (row, "in_file") for row in range(ROWS + 2, ROWS + 2 + IN_FILE)
        ]
        records = topic.records[str(import_id)]
        assert len({headers_of(record)["ce_id"] for record in records}) == 1
        assert [body_of(record) for record in records] == [body_of(records[0])] * len(records)
        assert totals(body_of(records[0])) == totals(found)


async def test_every_service_killed_during_an_import(new_user: NewUser, stored: Stored, stack: Addresses) -> None:
    """From the last stage to the first, each while it works on an import of its own."""
    users: dict[int, User] = {}
    pids = running()
    services = SERVICES[::-1]
    for service in services:
        user = await new_user()
        import_id = await user.accept(file())
        users[import_id] = user
        if service == "finalizer":
            await has_progress(user, import_id)
        elif service == "creator":
            await has_leads(user, stored)
        kill(pids[service])
    await asyncio.gather(*(back(service, pids[service]) for service in services))
    await asyncio.gather(*(ended(user, import_id) for import_id, user in users.items()))
    await nothing_lost_nothing_twice(users, stored, stack)


@pytest.mark.parametrize("server", ["mongo", "postgres", "kafka"])
async def test_a_server_killed_during_an_import(user: User, stored: Stored, stack: Addresses, server: str) -> None:
    """While the creator writes; the finalizer is held, so that the import cannot have ended before."""
    pid = running()[server]
    with held("finalizer"):
        import_id = await user.accept(file())
        await has_leads(user, stored)
        kill(pid)
    await back(server, pid)
    await reconnect(stored)
    await ended(user, import_id)
    await nothing_lost_nothing_twice({import_id: user}, stored, stack)
    again = await user.ended(await user.accept(csv_file(lead_rows(new_phones(1)))))
    assert totals(again) == (1, 0, 0)


async def test_uploads_are_accepted_while_kafka_does_not_answer(user: User, stored: Stored, stack: Addresses) -> None:
    with held("kafka"):
        import_id = await user.accept(file())
        assert (await user.read(import_id))["status"] == "PROCESSING"
    await ended(user, import_id)
    await nothing_lost_nothing_twice({import_id: user}, stored, stack)


async def test_services_are_scaled_during_an_import(user: User, stored: Stored, stack: Addresses) -> None:
    before = running()
    import_id = await user.accept(file())
    try:
        await asyncio.to_thread(local, "scale", "creator", "2")
        other = await user.accept(file(), account_id=user.tenant.other_account_id)
        grown = await asyncio.to_thread(running)
        assert set(grown) == {*before, "creator-2"}
        assert before.items() <= grown.items(), "the others go on undisturbed"
    finally:
        await asyncio.to_thread(local, "scale", "creator", "1")
    for each in (import_id, other):
        assert totals(await ended(user, each)) == (ROWS, IN_FILE, 0)
    assert await stored.consistent(user.tenant.company_id) == 2 * ROWS
