"""Lists of leads, and who is in them. How many that are the database counts (leads_0012)."""

from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.recording.store import Actor

UNIQUE_VIOLATION = "23505"
_COLUMNS = "id, name, description, lead_count, created_by, created_at, updated_at"

_INSERT = text(
    f"""
    INSERT INTO crm.lead_lists (company_id, name, description, created_by)
    VALUES (:company_id, :name, :description, :user_id) RETURNING {_COLUMNS}
    """
)
_PAGE = text(
    f"""
    SELECT {_COLUMNS} FROM crm.lead_lists
    WHERE company_id = :company_id AND (CAST(:after AS uuid) IS NULL OR id > CAST(:after AS uuid))
    ORDER BY id LIMIT :limit
    """
)
_ONE = text(f"SELECT {_COLUMNS} FROM crm.lead_lists WHERE id = :id AND company_id = :company_id")
_UPDATE = text(
    f"""
    UPDATE crm.lead_lists
    SET name = coalesce(CAST(:name AS text), name),
        description = CASE WHEN :describes THEN CAST(:description AS text) ELSE description END,
        updated_at = clock_timestamp()
    WHERE id = :id AND company_id = :company_id RETURNING {_COLUMNS}
    """
)
_DELETE = text("DELETE FROM crm.lead_lists WHERE id = :id AND company_id = :company_id RETURNING id")
# Nobody deletes it meanwhile.
_HOLD = text("SELECT id FROM crm.lead_lists WHERE id = :id AND company_id = :company_id FOR KEY SHARE")
# A lead that is being deleted is waited for, and then left out; one that is in is waited for by whoever deletes it.
_ADD = """
    INSERT INTO crm.lead_list_members (list_id, lead_id, company_id)
    SELECT :into, l.id, :company_id FROM amigocare.amigocare_leads l
    WHERE l.company_id = :company_id AND NOT l.is_deleted {where} ORDER BY l.id FOR SHARE OF l
    ON CONFLICT DO NOTHING
"""
_REMOVE = """
    DELETE FROM crm.lead_list_members m USING amigocare.amigocare_leads l
    WHERE m.list_id = :into AND m.company_id = :company_id AND l.id = m.lead_id AND l.company_id = :company_id {where}
"""
_COUNT = text("SELECT lead_count FROM crm.lead_lists WHERE id = :id")
_BY_IDS = " AND l.public_id = ANY(CAST(:public_ids AS uuid[]))"


class NameTaken(Exception):
    """Another list of the company has this name."""


class Members(NamedTuple):
    """How many leads were put in or taken out, and how many there are now."""

    changed: int
    lead_count: int


class GroupStore:
    """Keeps lists. What the company does not have is None."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def make(self, actor: Actor, name: str, description: str | None) -> dict[str, Any]:
        """Raises NameTaken."""
        row = {"name": name, "description": description} | actor._asdict()
        try:
            async with self._postgres.transaction(company_id=actor.company_id) as connection:
                return dict((await connection.execute(_INSERT, row)).mappings().one())
        except IntegrityError as error:
            raise _taken(error) from None

    async def page(self, company_id: int, *, limit: int, after: UUID | None) -> list[dict[str, Any]]:
        """Return lists in the order in which they were made."""
        asked = {"company_id": company_id, "limit": limit, "after": after}
        async with self._postgres.transaction(company_id=company_id) as connection:
            return [dict(row) for row in (await connection.execute(_PAGE, asked)).mappings()]

    async def one(self, company_id: int, list_id: UUID) -> dict[str, Any] | None:
        async with self._postgres.transaction(company_id=company_id) as connection:
            found = await connection.execute(_ONE, {"id": list_id, "company_id": company_id})
            return _row(found)

    async def change(
        self, company_id: int, list_id: UUID, *, name: str | None, describes: bool, description: str | None
    ) -> dict[str, Any] | None:
        """Give a list another name, and if ``describes`` another description. Raises NameTaken."""
        row = {"id": list_id, "company_id": company_id, "name": name, "describes": describes}
        try:
            async with self._postgres.transaction(company_id=company_id) as connection:
                return _row(await connection.execute(_UPDATE, row | {"description": description}))
        except IntegrityError as error:
            raise _taken(error) from None

    async def delete(self, company_id: int, list_id: UUID) -> bool:
        """Delete a list, not the leads in it; return whether there was one."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            deleted = await connection.execute(_DELETE, {"id": list_id, "company_id": company_id})
            return deleted.scalar_one_or_none() is not None

    async def add(self, company_id: int, list_id: UUID, whom: LeadFilter | list[UUID]) -> Members | None:
        """Put leads into a list; those that are in it already stay. A second run adds none."""
        return await self._change(company_id, list_id, whom, _ADD)

    async def remove(self, company_id: int, list_id: UUID, whom: LeadFilter | list[UUID]) -> Members | None:
        """Take leads out of a list."""
        return await self._change(company_id, list_id, whom, _REMOVE)

    async def _change(
        self, company_id: int, list_id: UUID, whom: LeadFilter | list[UUID], statement: str
    ) -> Members | None:
        where, values = (_BY_IDS, {"public_ids": whom}) if isinstance(whom, list) else whom.where()
        async with self._postgres.transaction(company_id=company_id) as connection:
            if not await _is_held(connection, company_id, list_id):
                return None
            given = values | {"into": list_id, "company_id": company_id}
            changed = await connection.execute(text(statement.format(where=where)), given)
            count = (await connection.execute(_COUNT, {"id": list_id})).scalar_one()
        return Members(changed.rowcount, count)


async def _is_held(connection: AsyncConnection, company_id: int, list_id: UUID) -> bool:
    return (await connection.execute(_HOLD, {"id": list_id, "company_id": company_id})).one_or_none() is not None


def _row(found: Any) -> dict[str, Any] | None:
    row = found.mappings().one_or_none()
    return None if row is None else dict(row)


def _taken(error: IntegrityError) -> Exception:
    return NameTaken() if getattr(error.orig, "sqlstate", None) == UNIQUE_VIOLATION else error
