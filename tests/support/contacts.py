"""Contacts that the platform holds already: leads, patients and chats."""

from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from sqlalchemy import text

from tests.support.platform import Tenant
from tests.support.readers import Stored


async def insert_lead(db: Stored, tenant: Tenant, phone: str, **columns: Any) -> int:
    """Insert a lead of the tenant's account; ``columns`` override its columns. Return its id."""
    values = {
        "contact_cellphone": phone,
        "company_id": tenant.company_id,
        "amigocare_messaging_account_id": tenant.account_id,
        "creator_id": tenant.user_id,
        "source_id": tenant.source_id,
        "channel_id": await db.value("SELECT id FROM amigocare.lead_channels WHERE name = 'IMPORT'"),
    } | columns
    return await _insert(db, "amigocare_leads", values)


async def insert_patient(db: Stored, tenant: Tenant, phone: str, **columns: Any) -> int:
    return await _insert(db, "patients", {"contact_cellphone": phone, "company_id": tenant.company_id} | columns)


async def _insert(db: Stored, table: str, values: dict[str, Any]) -> int:
    names, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    statement = f"INSERT INTO amigocare.{table} ({names}) VALUES ({places}) RETURNING id"
    async with db.engine.begin() as connection:
        row_id: int = (await connection.execute(text(statement), values)).scalar_one()
        return row_id


async def insert_chat(db: Stored, tenant: Tenant, phone: str, **fields: Any) -> ObjectId:
    """Insert a chat as the platform opens one when a customer writes; ``fields`` override its fields."""
    now = datetime.now(UTC)
    chat: dict[str, Any] = {
        "_id": ObjectId(),
        "company_id": tenant.company_id,
        "account_id": tenant.account_id,
        "lead_id": None,
        "name": "Cliente",
        "contact_cellphone": phone,
        "contact_cellphone_dial_code": "55",
        "contact_cellphone_country_code": "BR",
        "created_at": now,
        "updated_at": now,
    } | fields
    await db.chats.insert_one(chat)
    chat_id: ObjectId = chat["_id"]
    return chat_id
