"""Users of the platform, as a company has them. Nothing is written."""

from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres

# The platform's table is behind no wall of ours: the statement itself holds to the company.
_PAGE = text(
    """
    SELECT id, name FROM amigocare.users
    WHERE company_id = :company_id AND id > :after
    ORDER BY id LIMIT :limit
    """
)


class ColleagueStore:
    """Reads users of a company."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres

    async def page(self, company_id: int, *, limit: int, after: int) -> list[dict[str, Any]]:
        """Return ``id`` and ``name`` of at most ``limit`` users behind the id ``after``, by id."""
        given = {"company_id": company_id, "limit": limit, "after": after}
        async with self._postgres.transaction(company_id=company_id) as connection:
            return [dict(row) for row in (await connection.execute(_PAGE, given)).mappings()]
