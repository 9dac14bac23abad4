"""The plain way: the specification's prose as a team in a hurry would write it.

One worker takes chunks of 100 rows and works on ten rows at a time, each with statements of its own: look for
a lead, a patient, a chat; make the tags; make the chat, the lead, point the chat at the lead, link the tags.
No queue, no checks of the fields, no second run.
"""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg
from pymongo import AsyncMongoClient
from pymongo.asynchronous.database import AsyncDatabase

from bench.rows import Row, rows
from bench.stack import Stack

CHUNK = 100
CONCURRENCY = 10

_LEAD_EXISTS = """
SELECT id FROM amigocare.amigocare_leads
WHERE company_id = 1 AND amigocare_messaging_account_id = 1 AND contact_cellphone_country_code = 'BR'
  AND contact_cellphone = $1 AND NOT is_deleted
"""
_PATIENT_EXISTS = """
SELECT id FROM amigocare.patients
WHERE company_id = 1 AND contact_cellphone_country_code = 'BR' AND contact_cellphone = $1 AND deleted_at IS NULL
"""
_IMPORT = """
INSERT INTO amigocare.lead_imports
    (name, creator_id, company_id, source_id, account_id, total_rows, chunk_count, file_sha256)
VALUES ($1, 1, 1, 1, 1, 1, 1, '') RETURNING id
"""
_FIND_TAG = "SELECT id FROM amigocare.tags WHERE company_id = 1 AND lower(name) = lower($1) AND NOT is_deleted"
_MAKE_TAG = """
INSERT INTO amigocare.tags (name, company_id, creator_id) VALUES ($1, 1, 1)
ON CONFLICT (company_id, lower(name)) WHERE NOT is_deleted DO UPDATE SET updated_at = now() RETURNING id
"""
_LEAD = """
INSERT INTO amigocare.amigocare_leads
    (name, email, cpf, contact_cellphone, chat_id, source_id, channel_id, import_id, company_id,
     amigocare_messaging_account_id, creator_id)
VALUES ($1, $2, $3, $4, $5, 1, 1, $6, 1, 1, 1) RETURNING id
"""
_CHAT_TAG = (
    "INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id) VALUES ($1, $2, $3, 1, 1)"
)


async def run(stack: Stack, start: int, count: int) -> float:
    """Import ``count`` leads; return rows a second."""
    pool = await asyncpg.create_pool(stack.postgres_url, min_size=CONCURRENCY, max_size=CONCURRENCY)
    mongo: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(stack.mongo_url)
    database = mongo.get_default_database()
    import_id = await pool.fetchval(_IMPORT, f"plain {start}")
    leads = list(rows(start, count))
    limit = asyncio.Semaphore(CONCURRENCY)

    async def one(lead: Row) -> None:
        async with limit:
            await _import_row(pool, database, import_id, lead)

    began = time.perf_counter()
    for place in range(0, count, CHUNK):
        await asyncio.gather(*(one(lead) for lead in leads[place : place + CHUNK]))
    await pool.execute(
        "UPDATE amigocare.lead_imports SET status = 'FINISHED', total_created = total_rows WHERE id = $1", import_id
    )
    seconds = time.perf_counter() - began
    await pool.close()
    await mongo.close()
    return count / seconds


async def _import_row(
    pool: "asyncpg.Pool[asyncpg.Record]", database: AsyncDatabase[dict[str, object]], import_id: int, lead: Row
) -> None:
    if await pool.fetchval(_LEAD_EXISTS, lead.phone) or await pool.fetchval(_PATIENT_EXISTS, lead.phone):
        return
    place = {"company_id": 1, "account_id": 1, "contact_cellphone_country_code": "BR", "contact_cellphone": lead.phone}
    if await database.chats.find_one(place):
        return
    tag_ids = [await pool.fetchval(_FIND_TAG, tag) or await pool.fetchval(_MAKE_TAG, tag) for tag in lead.tags]
    now = datetime.now(UTC)
    chat = place | {
        "import_id": import_id,
        "name": lead.name,
        "contact_cellphone_dial_code": "55",
        "created_at": now,
        "updated_at": now,
    }
    chat_id = (await database.chats.insert_one(chat)).inserted_id
    lead_id = await pool.fetchval(_LEAD, lead.name, lead.email, lead.cpf, lead.phone, str(chat_id), import_id)
    await database.chats.update_one({"_id": chat_id}, {"$set": {"lead_id": lead_id}})
    for tag_id in tag_ids:
        await pool.execute(_CHAT_TAG, str(chat_id), tag_id, lead_id)
