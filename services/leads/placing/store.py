"""Forms of a company's pages, and the keys by which they are known."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.leads.placing.domain import MOST
from services.leads.recording.store import Actor

_COLUMNS = "id, key, name, origins, created_by, created_at"
_ALL = text(f"SELECT {_COLUMNS} FROM crm.capture_forms WHERE company_id = :company_id ORDER BY created_at, id")
# Whoever makes another one at this moment waits, and then counts it.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtextextended('crm.capture_forms', :company_id))")
_INSERT = text(
    f"""
    INSERT INTO crm.capture_forms (company_id, name, origins, created_by, created_at)
    SELECT :company_id, :name, CAST(:origins AS text[]), :user_id, clock_timestamp()
    WHERE (SELECT count(*) FROM crm.capture_forms WHERE company_id = :company_id) < :most
    RETURNING {_COLUMNS}
    """
)
_UPDATE = text(
    f"""
    UPDATE crm.capture_forms
    SET name = coalesce(CAST(:name AS text), name), origins = coalesce(CAST(:origins AS text[]), origins)
    WHERE id = :id AND company_id = :company_id RETURNING {_COLUMNS}
    """
)
_DELETE = text("DELETE FROM crm.capture_forms WHERE id = :id AND company_id = :company_id RETURNING id")


class TooManyForms(Exception):
    """The company has as many forms as it may have."""


class FormStore:
    """Keeps forms. What the company does not have is None."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def all(self, company_id: int) -> list[dict[str, Any]]:
        """Return the company's forms in the order in which they were made."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            return [dict(row) for row in (await connection.execute(_ALL, {"company_id": company_id})).mappings()]

    async def make(self, actor: Actor, name: str, origins: list[str]) -> dict[str, Any]:
        """Make a form; the database gives it its key. Raises TooManyForms."""
        row = {"name": name, "origins": origins, "most": MOST} | actor._asdict()
        async with self._postgres.transaction(company_id=actor.company_id) as connection:
            await connection.execute(_LOCK, {"company_id": actor.company_id})
            made = (await connection.execute(_INSERT, row)).mappings().one_or_none()
            if made is None:
                raise TooManyForms
            return dict(made)

    async def change(
        self, company_id: int, form_id: UUID, *, name: str | None, origins: list[str] | None
    ) -> dict[str, Any] | None:
        """Give a form another name or other origins; None leaves them."""
        row = {"id": form_id, "company_id": company_id, "name": name, "origins": origins}
        async with self._postgres.transaction(company_id=company_id) as connection:
            found = (await connection.execute(_UPDATE, row)).mappings().one_or_none()
        return None if found is None else dict(found)

    async def delete(self, company_id: int, form_id: UUID) -> bool:
        """Forget a form's key; return whether there was one."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            deleted = await connection.execute(_DELETE, {"id": form_id, "company_id": company_id})
            return deleted.scalar_one_or_none() is not None
