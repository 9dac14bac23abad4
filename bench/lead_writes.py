"""What people write, beside bare statements that write the same rows: captures, edits, members of a list."""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import asyncpg
from sqlalchemy import text

from bench.lead_reads import CLIENTS
from bench.stack import Stack
from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.editing.store import EditStore
from services.leads.grouping.store import GroupStore
from services.leads.recording.store import Actor

SECONDS = 8.0
MEMBERS = 100_000
_numbers = itertools.count(1)

_LEAD = """
INSERT INTO amigocare.amigocare_leads
    (name, email, phone_as_written, contact_cellphone, source_id, channel_id, company_id)
VALUES ($1, $2, $3, $3, 1, 2, 1) RETURNING id, public_id, created_at
"""
_HISTORY = """
INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, created_at)
VALUES ($1, 1, 'created', 'Lead created from website', $2)
"""
_SEARCH = """
INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
VALUES ($1, 1, $2, to_tsvector('simple', $2), $3, ARRAY[$4], 1)
"""
_EVENT = "INSERT INTO amigocare.outbox (topic, key, headers, payload) VALUES ('bench', $1, $2, $3)"
_BARE_EDIT = text(
    "UPDATE amigocare.amigocare_leads SET job_title = :title, version = version + 1, updated_at = clock_timestamp()"
    " WHERE public_id = :id AND company_id = :company_id AND NOT is_deleted"
)
_BARE_ADD = """
INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
SELECT $1, l.id, 1 FROM amigocare.amigocare_leads l
WHERE l.company_id = 1 AND NOT l.is_deleted AND l.created_at >= '2020-01-01Z' ORDER BY l.id LIMIT $2
"""


def capture(stack: Stack) -> tuple[float, float]:
    """Return captures a second by the form, and bare inserts a second of the same rows and event."""
    return asyncio.run(_captured(stack)), asyncio.run(_inserted(stack))


def edit(stack: Stack) -> tuple[float, float]:
    """Return edits a second with all that is written of them, and of the same update alone."""
    return asyncio.run(_edited(stack))


def add_members(stack: Stack, members: int) -> tuple[float, float]:
    """Return the seconds to put so many leads into a list by a filter, and those of one INSERT … SELECT."""
    return asyncio.run(_added(stack, members))


async def _captured(stack: Stack) -> float:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(stack.url_of("leads"), connector=connector, raise_for_status=True) as http:

        async def call() -> None:
            number = next(_numbers)
            # Each from an address of its own, or the eleventh would be refused.
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            body = {"name": f"Bench {number}", "email": f"bench{number}@example.org", "phone": _phone(number)}
            async with http.post("/api/v1/leads", json=body, headers={"X-Forwarded-For": address}) as answer:
                await answer.read()

        return await _rate([call] * CLIENTS)


async def _inserted(stack: Stack) -> float:
    connections = [await asyncpg.connect(stack.postgres_url) for _ in range(CLIENTS)]

    def calling(connection: Any) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            number = next(_numbers)
            name, email = f"Bench {number}", f"bench{number}@example.org"
            headers = {"ce_id": str(uuid.uuid4()), "ce_type": "LeadCreated", "ce_source": "/leadflow/bench"}
            async with connection.transaction():
                lead = await connection.fetchrow(_LEAD, name, email, _phone(number)[3:])
                await connection.execute(_HISTORY, lead["id"], lead["created_at"])
                await connection.execute(_SEARCH, lead["id"], f"{name} {email}".lower(), email, _phone(number)[1:])
                # Nobody shall publish it: the key is written and taken away, and the row is as long as a real one.
                await connection.execute(_EVENT, str(lead["public_id"]), json.dumps(headers), b"x" * 200)

        return call

    try:
        return await _rate([calling(each) for each in connections])
    finally:
        await asyncio.gather(*(each.close() for each in connections))
        stack_cleared = await asyncpg.connect(stack.postgres_url)
        await stack_cleared.execute("DELETE FROM amigocare.outbox WHERE topic = 'bench'")
        await stack_cleared.close()


async def _edited(stack: Stack) -> tuple[float, float]:
    postgres = Postgres(PostgresSettings(postgres_url=stack.postgres_url), application_name="bench")
    store, actor = EditStore(postgres, source="leads"), Actor(1, 1)
    connection = await asyncpg.connect(stack.postgres_url)
    found = await connection.fetch("SELECT public_id FROM amigocare.amigocare_leads WHERE company_id = 1 LIMIT 5000")
    await connection.close()
    ids = itertools.cycle([row["public_id"] for row in found])

    async def whole() -> None:
        await store.edit(actor, next(ids), {"job_title": f"Title {next(_numbers)}"}, {})

    async def bare() -> None:
        async with postgres.transaction(company_id=1) as transaction:
            given = {"title": f"Title {next(_numbers)}", "id": next(ids), "company_id": 1}
            await transaction.execute(_BARE_EDIT, given)

    try:
        return await _rate([whole] * CLIENTS), await _rate([bare] * CLIENTS)
    finally:
        await postgres.close()


async def _added(stack: Stack, members: int) -> tuple[float, float]:
    settings = PostgresSettings(postgres_url=stack.postgres_url, postgres_timeout_seconds=120)
    postgres = Postgres(settings, application_name="bench")
    connection = await asyncpg.connect(stack.postgres_url)
    try:
        # The filter takes as many as the statement does.
        until = await connection.fetchval(
            "SELECT created_at FROM amigocare.amigocare_leads WHERE company_id = 1 AND NOT is_deleted"
            " ORDER BY id OFFSET $1 LIMIT 1",
            members,
        )
        store, actor = GroupStore(postgres), Actor(1, 1)
        mine, other = [(await store.make(actor, f"Bench {uuid.uuid4()}", None))["id"] for _ in range(2)]
        began = time.perf_counter()
        added = await store.add(1, mine, LeadFilter(created_to=until))
        ours = time.perf_counter() - began
        began = time.perf_counter()
        await connection.execute(_BARE_ADD, other, members)
        theirs = time.perf_counter() - began
        if added is None or not 0.9 * members <= added.changed <= members:
            raise RuntimeError(f"other leads than were asked for: {added}")
        return ours, theirs
    finally:
        await connection.execute("DELETE FROM crm.lead_lists WHERE name LIKE 'Bench %'")
        await connection.close()
        await postgres.close()


async def _rate(calls: list[Callable[[], Awaitable[None]]]) -> float:
    """Have each client call as soon as it was answered; return the calls a second."""
    for call in calls:
        await call()
    began = time.perf_counter()
    ended = began + SECONDS
    done = 0

    async def client(call: Callable[[], Awaitable[None]]) -> None:
        nonlocal done
        while time.perf_counter() < ended:
            await call()
            done += 1

    await asyncio.gather(*(client(call) for call in calls))
    return done / (time.perf_counter() - began)


def _phone(number: int) -> str:
    return f"+55119{70_000_000 + number % 9_000_000}"
