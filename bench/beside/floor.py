"""The floor: one script, one connection to each database, everything set-based, nothing checked.

It writes the same leads, chats and chat_tags, 1,000 at a time, into the very tables of the pipeline, so with
the same indexes, constraints and foreign keys. The rows are in memory before the clock starts.
"""

import time
from datetime import UTC, datetime
from itertools import islice

import asyncpg
from bson import ObjectId
from pymongo import AsyncMongoClient
from pymongo.write_concern import WriteConcern

from bench.rows import TAGS, rows
from bench.stack import Stack

AT_ONCE = 1_000

_IMPORT = """
INSERT INTO amigocare.lead_imports
    (name, creator_id, company_id, source_id, account_id, total_rows, chunk_count, file_sha256, status, total_created)
VALUES ($1, 1, 1, 1, 1, 1, 1, '', 'FINISHED', 1) RETURNING id
"""
_TAGS = (
    "INSERT INTO amigocare.tags (name, company_id, creator_id) SELECT n, 1, 1 FROM unnest($1::text[]) n RETURNING id"
)
_LEADS = """
INSERT INTO amigocare.amigocare_leads
    (name, email, cpf, contact_cellphone, chat_id, source_id, channel_id, import_id, company_id,
     amigocare_messaging_account_id, creator_id)
SELECT name, email, cpf, phone, chat_id, 1, 1, $6, 1, 1, 1
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[]) AS given (name, email, cpf, phone, chat_id)
RETURNING id
"""
_CHAT_TAGS = """
INSERT INTO amigocare.chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)
SELECT chat_id, tag_id, lead_id, 1, 1
FROM unnest($1::text[], $2::int[], $3::int[]) AS given (chat_id, tag_id, lead_id)
"""


async def run(stack: Stack, start: int, count: int) -> float:
    """Write ``count`` leads; return rows a second."""
    postgres = await asyncpg.connect(stack.postgres_url)
    mongo: AsyncMongoClient[dict[str, object]] = AsyncMongoClient(stack.mongo_url)
    chats = mongo.get_default_database().get_collection("chats", write_concern=WriteConcern(w="majority", j=True))
    import_id = await postgres.fetchval(_IMPORT, f"floor {start}")
    tag_ids = [row["id"] for row in await postgres.fetch(_TAGS, [f"{name} {start}" for name in TAGS])]
    tag_of = dict(zip(TAGS, tag_ids, strict=True))
    leads = list(rows(start, count))
    began = time.perf_counter()
    remaining = iter(leads)
    number = 0
    while chunk := list(islice(remaining, AT_ONCE)):
        ids = [f"{import_id:08x}{start:08x}{number + place:08x}" for place in range(len(chunk))]
        number += len(chunk)
        async with postgres.transaction():
            inserted = await postgres.fetch(
                _LEADS,
                [lead.name for lead in chunk],
                [lead.email for lead in chunk],
                [lead.cpf for lead in chunk],
                [lead.phone for lead in chunk],
                ids,
                import_id,
            )
            lead_ids = [row["id"] for row in inserted]
            links = [
                (chat_id, tag_of[tag], lead_id)
                for chat_id, lead, lead_id in zip(ids, chunk, lead_ids, strict=True)
                for tag in lead.tags
            ]
            await postgres.execute(_CHAT_TAGS, *(list(column) for column in zip(*links, strict=True)))
        now = datetime.now(UTC)
        await chats.insert_many(
            [
                {
                    "_id": ObjectId(chat_id),
                    "company_id": 1,
                    "account_id": 1,
                    "lead_id": lead_id,
                    "import_id": import_id,
                    "name": lead.name,
                    "contact_cellphone": lead.phone,
                    "contact_cellphone_dial_code": "55",
                    "contact_cellphone_country_code": "BR",
                    "created_at": now,
                    "updated_at": now,
                }
                for chat_id, lead, lead_id in zip(ids, chunk, lead_ids, strict=True)
            ],
            ordered=False,
        )
    seconds = time.perf_counter() - began
    await postgres.close()
    await mongo.close()
    return count / seconds
