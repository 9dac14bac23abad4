"""Leads of a company: pages of them, and one with its history."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.listing.access_log import Seen
from services.leads.listing.large_totals import LargeTotals

EXACT = 10_000
"""So many are counted; of more it is said that there are so many at least."""

_COLUMNS = """
    l.id AS lead_id, l.public_id AS id, l.name, l.email, l.status, l.priority, l.assigned_to, l.company_name AS company,
    l.created_at, l.updated_at, l.version, l.import_id, s.name AS source, c.name AS channel,
    coalesce(l.phone_as_written, '+' || l.contact_cellphone_dial_code || l.contact_cellphone) AS phone
"""
_DETAILS = """
    l.message, l.notes, l.first_name, l.last_name, l.job_title, l.linkedin_url, l.custom_fields
"""
_NAMES = """
    JOIN amigocare.lead_sources s ON s.id = l.source_id
    JOIN amigocare.lead_channels c ON c.id = l.channel_id
"""
# As the list's index begins: see migrations/leads/v0003_list_of_a_company.py.
_OF_COMPANY = "CAST(l.company_id AS bigint) = :company_id AND NOT l.is_deleted"
# The page first, then the names: a join before LIMIT may lead another way than by the list's index.
_PAGE = f"""
    SELECT {{columns}} FROM (
        SELECT l.* FROM amigocare.amigocare_leads l
        WHERE {_OF_COMPANY} {{where}} {{behind}}
        ORDER BY l.id {{direction}} LIMIT :limit OFFSET :offset
    ) l {{names}} ORDER BY l.id {{direction}}
"""
_COUNT = f"""
    SELECT count(*) FROM (
        SELECT FROM amigocare.amigocare_leads l
        WHERE {_OF_COMPANY} {{where}} LIMIT :most
    ) counted
"""
_ONE = text(
    f"""
    SELECT {_COLUMNS}, {_DETAILS}, l.closed_at, l.opportunity_id, l.chat_id,
           ARRAY(SELECT t.name FROM amigocare.chat_tags ct JOIN amigocare.tags t ON t.id = ct.tag_id
                 WHERE ct.lead_id = l.id AND NOT ct.is_deleted AND NOT t.is_deleted ORDER BY lower(t.name)) AS tags,
           ARRAY(SELECT m.list_id FROM crm.lead_list_members m WHERE m.lead_id = l.id ORDER BY m.list_id) AS lists
    FROM amigocare.amigocare_leads l {_NAMES}
    WHERE l.public_id = :id AND l.company_id = :company_id AND NOT l.is_deleted
    """
)
_ACTIVITIES = text(
    """
    SELECT id, activity_type, description, performed_by, created_at FROM crm.lead_activities
    WHERE lead_id = :lead_id AND company_id = :company_id
      AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :limit
    """
)
_SEEN = text(
    """
    INSERT INTO crm.access_log (company_id, lead_id, user_id, at, shown)
    SELECT :company_id, given.lead_id, given.user_id, given.at, given.shown
    FROM unnest(CAST(:lead_ids AS int[]), CAST(:user_ids AS int[]), CAST(:times AS timestamptz[]),
                CAST(:shown AS text[])) AS given (lead_id, user_id, at, shown)
    """
)


class PageStart(NamedTuple):
    """Which leads of those that were found."""

    limit: int
    offset: int = 0
    behind: int | None = None
    oldest_first: bool = False


class ListStore:
    """Reads leads."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._large = LargeTotals()

    async def page(
        self,
        company_id: int,
        wanted: LeadFilter,
        *,
        limit: int,
        offset: int = 0,
        behind: int | None = None,
        oldest_first: bool = False,
        whole: bool = False,
    ) -> list[dict[str, Any]]:
        """Return leads in the order in which they were made, the newest first; ``behind`` one, or past an offset.

        ``whole``: with every field that people fill in.
        """
        place = PageStart(limit, offset, behind, oldest_first=oldest_first)
        async with self._postgres.transaction(company_id=company_id, in_order=wanted.is_in_order) as connection:
            return await _page(connection, company_id, wanted, place, whole=whole)

    async def counted_page(
        self, company_id: int, wanted: LeadFilter, place: PageStart, *, most: int = EXACT
    ) -> tuple[list[dict[str, Any]], int, bool]:
        """Return a page, how many leads there are in all, ``most`` at most, and whether that is all: one transaction.

        A page that is not full is the last one: what came before it is known, and nothing is counted. Nor is a list
        that was too long to be counted a moment ago.
        """
        asked = (company_id, most, repr(wanted))
        async with self._postgres.transaction(company_id=company_id, in_order=wanted.is_in_order) as connection:
            found = await _page(connection, company_id, wanted, place)
            if place.behind is None and (found or not place.offset) and len(found) < place.limit:
                return found, place.offset + len(found), True
            if self._large.has(asked):
                return found, most, False
            total, is_all = await _count(connection, company_id, wanted, most)
        if not is_all:
            self._large.note(asked)
        return found, total, is_all

    async def count(self, company_id: int, wanted: LeadFilter, *, most: int = EXACT) -> tuple[int, bool]:
        """Return how many there are, ``most`` at most, and whether that is all."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            return await _count(connection, company_id, wanted, most)

    async def one(self, company_id: int, lead_id: UUID) -> dict[str, Any] | None:
        """Return a lead with its tags and lists, or None."""
        async with self._postgres.transaction(company_id=company_id) as connection:
            found = (await connection.execute(_ONE, {"id": lead_id, "company_id": company_id})).mappings().one_or_none()
        return None if found is None else dict(found)

    async def activities(
        self, company_id: int, lead_id: int, *, limit: int, before: UUID | None = None
    ) -> list[dict[str, Any]]:
        """Return what was done with a lead, the newest first."""
        asked = {"company_id": company_id, "lead_id": lead_id, "limit": limit, "before": before}
        async with self._postgres.transaction(company_id=company_id) as connection:
            return [dict(row) for row in (await connection.execute(_ACTIVITIES, asked)).mappings()]

    async def note_access(self, company_id: int, seen: Sequence[Seen]) -> None:
        """Write down who was shown which leads."""
        leads, users, times, shown = (list(each) for each in zip(*seen, strict=True))
        given = {"lead_ids": leads, "user_ids": users, "times": times, "shown": shown, "company_id": company_id}
        async with self._postgres.transaction(company_id=company_id) as connection:
            await connection.execute(_SEEN, given)


async def _page(
    connection: AsyncConnection, company_id: int, wanted: LeadFilter, place: PageStart, *, whole: bool = False
) -> list[dict[str, Any]]:
    where, values = wanted.where()
    statement = _PAGE.format(
        columns=f"{_COLUMNS}, {_DETAILS}" if whole else _COLUMNS,
        names=_NAMES,
        where=where,
        behind="" if place.behind is None else f"AND l.id {'>' if place.oldest_first else '<'} :behind",
        direction="ASC" if place.oldest_first else "DESC",
    )
    values |= {"company_id": company_id, "limit": place.limit, "offset": place.offset}
    if place.behind is not None:
        values["behind"] = place.behind
    return [dict(row) for row in (await connection.execute(text(statement), values)).mappings()]


async def _count(connection: AsyncConnection, company_id: int, wanted: LeadFilter, most: int) -> tuple[int, bool]:
    where, values = wanted.where()
    values |= {"company_id": company_id, "most": most + 1}
    found = (await connection.execute(text(_COUNT.format(where=where)), values)).scalar_one()
    return min(found, most), found <= most
