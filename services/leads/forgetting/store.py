"""Deletes what nobody has a use for any more, of all companies, so many rows a transaction."""

from datetime import timedelta

from sqlalchemy import TextClause, text

from libs.common.stores.postgres import Postgres

MOST = 5_000
"""Rows a transaction."""

_ACCESS = text("SELECT crm.forget_access(:older, :most)")
_HITS = text("SELECT crm.forget_hits(:most)")


class ForgettingStore:
    """Each call returns how many rows it deleted: ``most`` of them, and there may be more. Two at once share them."""

    def __init__(self, postgres: Postgres, *, most: int = MOST) -> None:
        self._postgres = postgres
        self.most = most

    async def forget_access(self, older: timedelta) -> int:
        """Delete entries that are older, the oldest first; a day is kept at least."""
        return await self._delete(_ACCESS, older=older)

    async def forget_hits(self) -> int:
        """Delete addresses that have not used a form within the hour."""
        return await self._delete(_HITS)

    async def _delete(self, statement: TextClause, **values: timedelta) -> int:
        async with self._postgres.transaction() as connection:
            return int((await connection.execute(statement, values | {"most": self.most})).scalar_one())
