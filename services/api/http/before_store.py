"""What a caller may choose from, and what is left to import. All of it is of the caller's company."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from libs.common.stores.postgres import Postgres
from services.api.accepting.domain.quota import Quota, QuotaView, quota_left
from services.api.accepting.store import AcceptStore
from services.api.http.store import Scope

MOST_CHOICES = 1_000
"""Of accounts, sources and tags each: a list to choose from, not an export."""

_CHOICES = text(
    """
    SELECT * FROM (
        (SELECT 'accounts' AS kind, id, name FROM amigocare.messaging_accounts
         WHERE company_id = :company_id AND (CAST(:accounts AS int[]) IS NULL OR id = ANY(CAST(:accounts AS int[])))
         ORDER BY name, id LIMIT :most)
        UNION ALL
        (SELECT 'sources', id, name FROM amigocare.lead_sources WHERE NOT is_deleted ORDER BY name, id LIMIT :most)
        UNION ALL
        (SELECT 'tags', id, name FROM amigocare.tags
         WHERE company_id = :company_id AND NOT is_deleted ORDER BY lower(name), id LIMIT :most)
    ) choices
    """
)
_IS_ACCOUNT = text(
    "SELECT EXISTS (SELECT FROM amigocare.messaging_accounts WHERE id = :account_id AND company_id = :company_id)"
)


@dataclass(frozen=True, slots=True)
class BeforeStore:
    """Reads what is asked before an upload."""

    postgres: Postgres
    quota: Quota

    async def choices(self, scope: Scope) -> dict[str, list[dict[str, Any]]]:
        """Return ``accounts``, ``sources`` and ``tags``, each ``id`` and ``name`` in order of the names."""
        found: dict[str, list[dict[str, Any]]] = {"accounts": [], "sources": [], "tags": []}
        accounts = _listed(scope.accounts)
        async with self.postgres.transaction(company_id=scope.company_id) as connection:
            given = {"company_id": scope.company_id, "accounts": accounts, "most": MOST_CHOICES}
            for kind, choice_id, name in await connection.execute(_CHOICES, given):
                found[kind].append({"id": choice_id, "name": name})
        return found

    async def quota_of(self, company_id: int, account_id: int) -> QuotaView | None:
        """Return what is left of the account's quota, or None when the company has no such account."""
        async with AcceptStore.transaction(self.postgres, company_id) as accepting:
            given = {"account_id": account_id, "company_id": company_id}
            if not (await accepting.connection.execute(_IS_ACCOUNT, given)).scalar_one():
                return None
            now = await accepting.now()
            past = await accepting.last_hour(company_id=company_id, account_id=account_id, accepted_at=now, now=now)
        return quota_left(self.quota, past, account_id=account_id)


def _listed(accounts: Sequence[int] | None) -> list[int] | None:
    return None if accounts is None else list(accounts)
