"""Definitions of custom fields."""

from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.domain.custom_fields import MOST, FieldType
from services.leads.recording.store import Actor

_COLUMNS = "key, label, type, created_at"
_ALL = text(f"SELECT {_COLUMNS} FROM crm.field_definitions WHERE company_id = :company_id ORDER BY created_at, key")
# Whoever adds another one at this moment waits, and then counts it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('crm.field_definitions', :company_id))")
_INSERT = text(
    f"""
    INSERT INTO crm.field_definitions (company_id, key, label, type, created_by, created_at)
    SELECT :company_id, :key, :label, :type, :user_id, clock_timestamp()
    WHERE (SELECT count(*) FROM crm.field_definitions WHERE company_id = :company_id) < :most
    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}
    """
)
_IS_THERE = text("SELECT EXISTS (SELECT FROM crm.field_definitions WHERE company_id = :company_id AND key = :key)")
_LABEL = text(
    f"""
    UPDATE crm.field_definitions SET label = :label WHERE company_id = :company_id AND key = :key RETURNING {_COLUMNS}
    """
)
_DELETE = text("DELETE FROM crm.field_definitions WHERE company_id = :company_id AND key = :key RETURNING key")


class FieldExists(Exception):
    """The company has a field of this key."""


class TooManyFields(Exception):
    """The company has as many fields as it may have."""


class FieldStore:
    """Keeps definitions. A field that is deleted takes no values any more; those that leads have stay with them."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def all(self, company_id: int) -> list[dict[str, Any]]:
        """Return the company's fields in the order in which they were made."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            return [dict(row) for row in (await connection.execute(_ALL, {"company_id": company_id})).mappings()]

    async def types(self, company_id: int) -> dict[str, FieldType]:
        """Return the type of each key."""
        return {row["key"]: row["type"] for row in await self.all(company_id)}

    async def make(self, actor: Actor, key: str, label: str, kind: FieldType) -> dict[str, Any]:
        """Raises FieldExists, TooManyFields."""
        row = {"key": key, "label": label, "type": kind, "most": MOST} | actor._asdict()
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            await connection.execute(_LOCK, {"company_id": actor.company_id})
            made = (await connection.execute(_INSERT, row)).mappings().one_or_none()
            if made is not None:
                return dict(made)
            there = {"company_id": actor.company_id, "key": key}
            if (await connection.execute(_IS_THERE, there)).scalar_one():
                raise FieldExists
            raise TooManyFields

    async def relabel(self, company_id: int, key: str, label: str) -> dict[str, Any] | None:
        """Give a field another label; None when the company has none of this key."""
        row = {"company_id": company_id, "key": key, "label": label}
        async with self._postgres.transaction(company_id=company_id) as connection:
            found = (await connection.execute(_LABEL, row)).mappings().one_or_none()
        return None if found is None else dict(found)

    async def delete(self, company_id: int, key: str) -> bool:
        """Return whether there was one."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            deleted = await connection.execute(_DELETE, {"company_id": company_id, "key": key})
            return deleted.scalar_one_or_none() is not None
