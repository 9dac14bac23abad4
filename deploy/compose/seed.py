"""The demo's data: ``python /demo/seed.py`` in docker-compose.yml and on Kubernetes, ``seed`` in the local stack.

With the word ``platform`` it makes the tables of the platform that Leadflow plugs into. The image of the services has
no deploy folder: that of the demo has this file and the data side by side. A second run changes nothing.
"""

import asyncio
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
from bson import ObjectId
from pymongo import AsyncMongoClient, UpdateOne

from libs.common.settings import MongoSettings, PostgresSettings
from libs.imports.chats import CHATS

HOST_PLATFORM = "host_platform.sql"
DEMO_SEED = "demo_seed.sql"
DEMO_CONTACTS = "demo_contacts.json"

_PATIENT = "company_id, name, contact_cellphone, contact_cellphone_dial_code, contact_cellphone_country_code"


async def make_platform(postgres_url: str, folder: Path) -> None:
    """Make the tables that exist in production, where they are missing."""
    connection = await asyncpg.connect(postgres_url)
    try:
        async with connection.transaction():
            await connection.execute((folder / HOST_PLATFORM).read_text())
    finally:
        await connection.close()


async def seed(postgres_url: str, mongo_url: str, folder: Path) -> None:
    """Insert what is missing. The tables of the platform and of the migrations exist."""
    contacts = json.loads((folder / DEMO_CONTACTS).read_text())
    connection = await asyncpg.connect(postgres_url)
    try:
        async with connection.transaction():
            await connection.execute((folder / DEMO_SEED).read_text())
            await _insert_patients(connection, contacts["patients"])
    finally:
        await connection.close()
    async with AsyncMongoClient[dict[str, Any]](mongo_url) as client:
        await client.get_default_database()[CHATS].bulk_write([_insert(chat) for chat in contacts["chats"]])


async def _insert_patients(connection: asyncpg.Connection, patients: list[dict[str, Any]]) -> None:
    await connection.execute(
        f"""
        INSERT INTO amigocare.patients ({_PATIENT})
        SELECT {_PATIENT}
        FROM json_populate_recordset(NULL::amigocare.patients, $1::json) AS given
        WHERE NOT EXISTS (
            SELECT FROM amigocare.patients AS known
            WHERE (known.company_id, known.contact_cellphone_country_code, known.contact_cellphone)
                = (given.company_id, given.contact_cellphone_country_code, given.contact_cellphone)
        )
        """,
        json.dumps(patients),
    )


def _insert(chat: dict[str, Any]) -> UpdateOne:
    times = {name: datetime.fromisoformat(chat[name]) for name in ("created_at", "updated_at")}
    document = {name: value for name, value in {**chat, **times}.items() if name != "_id"}
    return UpdateOne({"_id": ObjectId(chat["_id"])}, {"$setOnInsert": document}, upsert=True)


def main() -> None:
    postgres_url, folder = PostgresSettings().postgres_url.get_secret_value(), Path(__file__).parent
    if sys.argv[1:] == ["platform"]:
        asyncio.run(make_platform(postgres_url, folder))
        return
    mongo_url = MongoSettings().mongo_url.get_secret_value()
    asyncio.run(seed(postgres_url, mongo_url, folder))


if __name__ == "__main__":
    main()
