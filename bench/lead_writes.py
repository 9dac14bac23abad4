"""What people write, beside bare statements that write the same: captures, edits, moves, members of a list.

Both sides of a ratio have the same two cores, in turn. A capture is a POST over HTTP, from the cheapest client that
there is (``plain_http``), to one process of leads; the bare inserts come from one process, too, by as many connections
as there are clients, each with a transaction of its own. Both write real events, and the same relays publish them: what
waits from the turn before is published before the next one begins. ``nothing`` says what HTTP alone takes of it: a call
of the same service, by the same client, that does nothing.

An edit and a move are the store's own call, and the bare update goes by the same pool. Each bare update is a
transaction of its own; the store's calls that come while others are at work share one. An edit of fields writes no
activity; a move in the pipeline writes all four, lock, audit, activity and event.
"""

import asyncio
import itertools
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import uvloop
from sqlalchemy import text

from bench.lead_reads import CLIENTS
from bench.plain_http import HttpLine, lines
from bench.stack import Stack
from libs.common.settings import PostgresSettings
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadStatus
from libs.contracts.leads.topics import LEAD_CREATED
from services.leads.changing.store import ChangeStore
from services.leads.domain.lead_filter import LeadFilter
from services.leads.editing.store import EditStore
from services.leads.grouping.store import GroupStore
from services.leads.recording.store import Actor

SECONDS = 8.0
MEMBERS = 100_000
PUBLISHED_SECONDS = 300.0
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
_EVENT = "INSERT INTO amigocare.outbox (topic, key, headers, payload) VALUES ($1, $2, $3, $4)"
_HEADERS = {"ce_specversion": "1.0", "ce_type": "LeadCreated", "ce_source": "/leadflow/bench", "traceparent": "0" * 55}
_PAYLOAD = (
    '{{"event_type":"LeadCreated","lead_id":"{id}","email":"{email}","source":"website","timestamp":"{at}",'
    '"company_id":1,"channel":"FORM","import_id":null}}'
)
_BARE_EDIT = text(
    "UPDATE amigocare.amigocare_leads SET job_title = :title, version = version + 1, updated_at = clock_timestamp()"
    " WHERE public_id = :id AND company_id = :company_id AND NOT is_deleted"
)
_BARE_MOVE = text(
    "UPDATE amigocare.amigocare_leads SET status = :status, closed_at = NULL, version = version + 1,"
    " updated_at = clock_timestamp() WHERE public_id = :id AND company_id = :company_id AND NOT is_deleted"
)
_BACK = "UPDATE amigocare.amigocare_leads SET status = 'new' WHERE public_id = ANY($1) AND status <> 'new'"
_ENDS = (LeadStatus.CONTACTED, LeadStatus.NEW)
_BARE_ADD = """
INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
SELECT $1, l.id, 1 FROM amigocare.amigocare_leads l
WHERE l.company_id = 1 AND NOT l.is_deleted AND l.created_at >= '2020-01-01Z' ORDER BY l.id LIMIT $2
"""


def capture(stack: Stack) -> tuple[float, float]:
    """Return captures a second by the form, and bare inserts a second of the same rows and event."""
    _published(stack)
    captured = uvloop.run(_captured(stack))
    _published(stack)
    return captured, uvloop.run(_inserted(stack))


def nothing(stack: Stack) -> float:
    """Return calls a second that do nothing."""
    _published(stack)
    return uvloop.run(_answered(stack))


def edit(stack: Stack) -> tuple[float, float]:
    """Return edits of a field a second with lock, audit and event, and of the same update alone."""
    return uvloop.run(_changed(stack, moves=False))


def move(stack: Stack) -> tuple[float, float]:
    """Return moves in the pipeline a second with lock, audit, activity and event, and of the same update alone."""
    return uvloop.run(_changed(stack, moves=True))


def add_members(stack: Stack, members: int) -> tuple[float, float]:
    """Return the seconds to put so many leads into a list by a filter, and those of one INSERT … SELECT."""
    return uvloop.run(_added(stack, members))


def _published(stack: Stack) -> None:
    until = time.monotonic() + PUBLISHED_SECONDS
    while stack.value("SELECT EXISTS (SELECT FROM amigocare.outbox)"):
        if time.monotonic() > until:
            raise RuntimeError(f"the outbox is not empty after {PUBLISHED_SECONDS:.0f} s")
        time.sleep(0.2)


async def _captured(stack: Stack) -> float:
    def calling(line: HttpLine) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            number = next(_numbers)
            # Each from an address of its own, or the eleventh would be refused.
            address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
            body = {"name": f"Bench {number}", "email": f"bench{number}@example.org", "phone": _phone(number)}
            await line.post("/api/v1/leads", body, {"X-Forwarded-For": address})

        return call

    async with lines(stack.url_of("leads"), CLIENTS) as opened:
        return await _rate([calling(line) for line in opened])


async def _answered(stack: Stack) -> float:
    def calling(line: HttpLine) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            await line.get("/health", {}, {})

        return call

    async with lines(stack.url_of("leads"), CLIENTS) as opened:
        return await _rate([calling(line) for line in opened])


async def _inserted(stack: Stack) -> float:
    connections = [await asyncpg.connect(stack.postgres_url) for _ in range(CLIENTS)]

    def calling(connection: Any) -> Callable[[], Awaitable[None]]:
        async def call() -> None:
            number = next(_numbers)
            name, email = f"Bench {number}", f"bench{number}@example.org"
            async with connection.transaction():
                lead = await connection.fetchrow(_LEAD, name, email, _phone(number)[3:])
                await connection.execute(_HISTORY, lead["id"], lead["created_at"])
                await connection.execute(_SEARCH, lead["id"], f"{name} {email}".lower(), email, _phone(number)[1:])
                lead_id, at = str(lead["public_id"]), lead["created_at"].isoformat()
                headers = json.dumps(_HEADERS | {"ce_id": str(uuid.uuid4()), "ce_subject": lead_id, "ce_time": at})
                payload = _PAYLOAD.format(id=lead_id, email=email, at=at).encode()
                await connection.execute(_EVENT, LEAD_CREATED.name, lead_id, headers, payload)

        return call

    try:
        return await _rate([calling(each) for each in connections])
    finally:
        await asyncio.gather(*(each.close() for each in connections))


async def _changed(stack: Stack, *, moves: bool) -> tuple[float, float]:
    postgres = Postgres(PostgresSettings(postgres_url=stack.postgres_url), application_name="bench")
    editing, changing, actor = EditStore(postgres, source="leads"), ChangeStore(postgres, source="leads"), Actor(1, 1)
    connection = await asyncpg.connect(stack.postgres_url)
    found = await connection.fetch("SELECT public_id FROM amigocare.amigocare_leads WHERE company_id = 1 LIMIT 5000")
    ids = [row["public_id"] for row in found]
    turns = itertools.count()

    def next_move() -> tuple[uuid.UUID, LeadStatus]:
        """All go one step forward, then all one back: each is a change."""
        turn, place = divmod(next(turns), len(ids))
        return ids[place], _ENDS[turn % 2]

    async def whole() -> None:
        lead_id, status = next_move()
        if moves:
            await changing.move(actor, lead_id, status, None)
        else:
            await editing.edit(actor, lead_id, {"job_title": f"Title {next(_numbers)}"}, {})

    async def bare() -> None:
        lead_id, status = next_move()
        given = {"id": lead_id, "company_id": 1}
        given |= {"status": status.value} if moves else {"title": f"Title {next(_numbers)}"}
        async with postgres.transaction(company_id=1) as transaction:
            await transaction.execute(_BARE_MOVE if moves else _BARE_EDIT, given)

    try:
        rates = []
        for call in (whole, bare):
            await connection.execute(_BACK, ids)
            await asyncio.to_thread(_published, stack)
            turns = itertools.count()
            rates.append(await _rate([call] * CLIENTS))
        return rates[0], rates[1]
    finally:
        await connection.close()
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
