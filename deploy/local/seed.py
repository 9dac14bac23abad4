"""One-shots of ``up``: the host platform's tables, migrations and topics, and the demo data."""

import asyncio
import hashlib
import json
import os
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
from bson import ObjectId
from pymongo import AsyncMongoClient, UpdateOne

from deploy.local import mongo, postgres, settings
from deploy.local.instance import CHECKOUT, Instance, StackError, write_atomically
from deploy.local.ports import Ports

_FOLDER = Path(__file__).parent
_HOST_PLATFORM = _FOLDER / "host_platform.sql"
_DEMO_SEED = _FOLDER / "demo_seed.sql"
_DEMO_CONTACTS = _FOLDER / "demo_contacts.json"

LINES = 25
"""Of the output of a step that failed."""

_PHONE = ("contact_cellphone", "contact_cellphone_dial_code", "contact_cellphone_country_code")


def run(instance: Instance, ports: Ports, given: settings.Given) -> bool:
    """Bring the databases and topics up to date; return False when they were already.

    What was applied last is remembered by its hash (the code that migrates, the seeds, the settings).
    Each step changes nothing at its second run, so an interrupted run is simply run again.
    Raises ``StackError`` with the output of a step that failed.
    """
    environment = settings.common_environment(instance, ports, given)
    digest = _digest(environment)
    applied = instance.state / "applied"
    if applied.exists() and applied.read_text() == digest:
        return False
    applied.unlink(missing_ok=True)
    asyncio.run(_execute(instance, ports, _HOST_PLATFORM.read_text()))
    migrated = subprocess.run(
        [settings.console_script("leadflow"), "migrate"],
        cwd=CHECKOUT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if migrated.returncode:
        said = "\n".join((migrated.stdout + migrated.stderr).splitlines()[-LINES:])
        raise StackError(f"`leadflow migrate` failed:\n{said}")
    asyncio.run(_execute(instance, ports, _DEMO_SEED.read_text()))
    if _DEMO_CONTACTS.exists():
        asyncio.run(_contacts(instance, ports, json.loads(_DEMO_CONTACTS.read_text())))
    write_atomically(applied, digest)
    return True


async def _contacts(instance: Instance, ports: Ports, contacts: dict[str, list[dict[str, Any]]]) -> None:
    await _patients(instance, ports, contacts["patients"])
    await _chats(ports, contacts["chats"])


async def _execute(instance: Instance, ports: Ports, sql: str) -> None:
    connection = await asyncpg.connect(postgres.url(instance, ports))
    try:
        async with connection.transaction():
            await connection.execute(sql)
    finally:
        await connection.close()


async def _patients(instance: Instance, ports: Ports, patients: list[dict[str, Any]]) -> None:
    columns = ("company_id", "name", *_PHONE)
    connection = await asyncpg.connect(postgres.url(instance, ports))
    try:
        await connection.execute(
            f"""
            INSERT INTO amigocare.patients ({", ".join(columns)})
            SELECT {", ".join(columns)}
            FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[]) AS given ({", ".join(columns)})
            WHERE NOT EXISTS (
                SELECT FROM amigocare.patients AS known
                WHERE (known.company_id, known.contact_cellphone_country_code, known.contact_cellphone)
                    = (given.company_id, given.contact_cellphone_country_code, given.contact_cellphone)
            )
            """,
            *([patient[column] for patient in patients] for column in columns),
        )
    finally:
        await connection.close()


async def _chats(ports: Ports, chats: list[dict[str, Any]]) -> None:
    if not chats:
        return
    writes = []
    for chat in chats:
        document = {
            **chat,
            "_id": ObjectId(chat["_id"]),
            "created_at": datetime.fromisoformat(chat["created_at"]),
            "updated_at": datetime.fromisoformat(chat["updated_at"]),
        }
        writes.append(UpdateOne({"_id": document.pop("_id")}, {"$setOnInsert": document}, upsert=True))
    async with AsyncMongoClient[dict[str, Any]](mongo.url(ports)) as client:
        await client.get_default_database()["chats"].bulk_write(writes, ordered=False)


def _digest(environment: dict[str, str]) -> str:
    """Return the hash of everything that the one-shots' result follows from."""
    digest = hashlib.sha256(json.dumps(environment, sort_keys=True).encode())
    files = [_HOST_PLATFORM, _DEMO_SEED, _DEMO_CONTACTS]
    for folder in ("migrations", "libs", "services/operator"):
        files += sorted((CHECKOUT / folder).rglob("*.py"))
    for file in files:
        if file.exists():
            digest.update(f"{file.relative_to(CHECKOUT)}\0".encode() + file.read_bytes())
    return digest.hexdigest()
