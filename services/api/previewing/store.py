"""What a preview asks PostgreSQL. All of it is scoped to the caller's company, and nothing is written."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres

SAME_FILES = 5
NEW_TAGS = 100

_SAME_FILE = text(
    """
    SELECT id, name, created_at FROM amigocare.lead_imports
    WHERE company_id = :company_id AND file_sha256 = :sha256 AND NOT is_deleted
      AND (CAST(:accounts AS int[]) IS NULL OR account_id = ANY(CAST(:accounts AS int[])))
    ORDER BY id DESC LIMIT :most
    """
)
# Names are looked up as the tagger looks them up (docs/decisions/0024).
_NEW_TAGS = text(
    """
    SELECT DISTINCT ON (lower(given.name)) given.name
    FROM unnest(CAST(:names AS text[])) AS given (name)
    WHERE given.name NOT IN (SELECT known.name FROM amigocare.tags_named(CAST(:names AS text[])) AS known)
    ORDER BY lower(given.name) LIMIT :most
    """
)


async def same_files(
    connection: AsyncConnection, *, company_id: int, accounts: Sequence[int] | None, sha256: str
) -> list[dict[str, Any]]:
    """Return the newest imports of the same bytes, of the accounts (None: all)."""
    given = {"company_id": company_id, "accounts": accounts, "sha256": sha256, "most": SAME_FILES}
    return [dict(row) for row in (await connection.execute(_SAME_FILE, given)).mappings()]


async def new_tags(postgres: Postgres, *, company_id: int, names: Sequence[str]) -> list[str]:
    """Return those of the names that no tag of the company has, in order, a hundred at most."""
    if not names:
        return []
    async with postgres.transaction(company_id=company_id) as connection:
        found = await connection.execute(_NEW_TAGS, {"names": list(names), "most": NEW_TAGS})
        return list(found.scalars())
