"""Who is shown which leads is written down by the transaction that reads them: nobody sees one of which it is not."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Shown = Literal["lead", "list", "export"]

_INSERT = "INSERT INTO crm.access_log (company_id, lead_id, user_id, at, shown)"
_NOTE = text(
    f"""
    {_INSERT}
    SELECT :company_id, given.id, :reader, CAST(:read_at AS timestamptz), CAST(:how AS text)
    FROM unnest(CAST(:lead_ids AS int[])) AS given (id)
    """
)
# One way to the server and back for both, and no row of the page comes twice.
_WITH_PAGE = f"""
    WITH page AS MATERIALIZED ({{page}}), noted AS (
        {_INSERT}
        SELECT :company_id, p.lead_id, :reader, CAST(:read_at AS timestamptz), CAST(:how AS text)
        FROM page p {{condition}} {{order}} LIMIT :first
    )
    SELECT * FROM page p {{order}}
"""
_IF_FULL = "WHERE (SELECT count(*) FROM page) = :limit"


class LeadReader(NamedTuple):
    """Who is about to be shown leads, when, how, and how many of those that are read: ``first`` ones of a page."""

    user_id: int
    at: datetime
    how: Shown
    first: int = 1

    @property
    def values(self) -> dict[str, object]:
        """Return what statements name: ``reader``, ``read_at``, ``how``, ``first``."""
        return {"reader": self.user_id, "read_at": self.at, "how": self.how, "first": self.first}


def with_page(page: str, *, direction: str, if_full: bool = False) -> str:
    """Return the statement that reads this page and writes down its ``first`` leads (``LeadReader.values``).

    ``if_full``: writes down nothing where there are fewer than the page's ``limit``.
    """
    order = f"ORDER BY p.created_at {direction}, p.lead_id {direction}"
    return _WITH_PAGE.format(page=page, order=order, condition=_IF_FULL if if_full else "")


async def note(connection: AsyncConnection, company_id: int, reader: LeadReader, lead_ids: Sequence[int]) -> None:
    """Write down that the first of these are shown."""
    given = reader.values | {"company_id": company_id, "lead_ids": list(lead_ids[: reader.first])}
    del given["first"]
    await connection.execute(_NOTE, given)
