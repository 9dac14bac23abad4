"""The same import into an empty platform and into one that already holds a million contacts."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise

import asyncpg
from bson import ObjectId
from pymongo import MongoClient

from bench.client import Client
from bench.figures import Part
from bench.rows import csv_file, rows
from bench.shipped import taken_with
from bench.stack import Stack, running

ROWS = 50_000
FIRST_ROWS = 10_000
"""Of an import before each measurement, which finds every cache as later ones do."""
HELD = (0, 100_000, 1_000_000)
AT_ONCE = 10_000
FIRST_HELD = 500_000_000

_LEADS = """
INSERT INTO amigocare.amigocare_leads
    (name, contact_cellphone, chat_id, source_id, channel_id, company_id, amigocare_messaging_account_id, creator_id)
SELECT name, phone, chat_id, 1, 1, 1, 1, 1
FROM unnest($1::text[], $2::text[], $3::text[]) AS held (name, phone, chat_id)
"""
_PATIENTS = """
INSERT INTO amigocare.patients (company_id, name, contact_cellphone)
SELECT 1, name, phone FROM unnest($1::text[], $2::text[]) AS held (name, phone)
"""
_FORGET = (
    """
    DELETE FROM amigocare.chat_tags
    WHERE lead_id IN (SELECT id FROM amigocare.amigocare_leads WHERE import_id IS NOT NULL)
    """,
    "DELETE FROM amigocare.amigocare_leads WHERE import_id IS NOT NULL",
)


def measure(runs: int) -> Part:
    what = f"{ROWS:,} rows into {', '.join(f'{held:,}' for held in HELD)} leads, patients and chats"
    part = Part("growth", what, taken_with())
    speed: dict[int, list[float]] = {held: [] for held in HELD}
    with running(part.settings) as stack, Client(stack) as client:
        stack.empty()
        client.run(csv_file(900_000_000, 20_000), rows=20_000)
        # All sizes in each turn, not all turns of a size: the machine is faster at some times than at others.
        for turn in range(runs):
            stack.empty()
            for there, held in pairwise((0, *HELD)):
                _hold(stack, there, held)
                client.run(csv_file(910_000_000, FIRST_ROWS), rows=FIRST_ROWS)
                _forget_imported(stack)
                stack.settle()
                file = csv_file(held + turn * 2_000_000, ROWS)
                speed[held].append(ROWS / client.run(file, rows=ROWS).finished)
                _forget_imported(stack)
    for held in HELD:
        part.add(f"{ROWS:,} rows into {held:,} contacts", "rows/s", speed[held])
    for held in HELD[1:]:
        ratios = [large / empty for large, empty in zip(speed[held], speed[0], strict=True)]
        part.add(f"speed with {held:,} contacts ÷ with none", "ratio", ratios, (">=", 0.9))
    return part


def _hold(stack: Stack, first: int, last: int) -> None:
    """Make leads, patients and chats of the platform's own with the numbers from ``first`` to ``last``."""
    asyncio.run(_hold_leads(stack, first, last))
    with MongoClient[dict[str, object]](stack.mongo_url) as client:
        for numbers in _batches(first, last):
            now = datetime.now(UTC)
            client.get_default_database().chats.insert_many(
                {
                    "_id": ObjectId(f"{number:024x}"),
                    "company_id": 1,
                    "account_id": 1,
                    "lead_id": None,
                    "name": lead.name,
                    "contact_cellphone": lead.phone,
                    "contact_cellphone_dial_code": "55",
                    "contact_cellphone_country_code": "BR",
                    "created_at": now,
                    "updated_at": now,
                }
                for number, lead in zip(numbers, rows(FIRST_HELD + numbers.start, len(numbers)), strict=True)
            )


async def _hold_leads(stack: Stack, first: int, last: int) -> None:
    connection = await asyncpg.connect(stack.postgres_url)
    # They are right, and looking up for each row that they are takes half of the time.
    await connection.execute("SET session_replication_role = replica")
    for numbers in _batches(first, last):
        held = list(rows(FIRST_HELD + numbers.start, len(numbers)))
        names, phones = [lead.name for lead in held], [lead.phone for lead in held]
        await connection.execute(_LEADS, names, phones, [f"{number:024x}" for number in numbers])
        await connection.execute(_PATIENTS, names, phones)
    await connection.execute("VACUUM (ANALYZE) amigocare.amigocare_leads, amigocare.patients")
    await connection.close()


def _batches(first: int, last: int) -> Iterator[range]:
    for start in range(first, last, AT_ONCE):
        yield range(start, min(start + AT_ONCE, last))


def _forget_imported(stack: Stack) -> None:
    stack.execute(*_FORGET)
    with MongoClient[dict[str, object]](stack.mongo_url) as client:
        client.get_default_database().chats.delete_many({"import_id": {"$exists": True}})
