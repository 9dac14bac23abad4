"""Leads of a company: pages of them, and one with its history."""

from collections.abc import Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.joined_calls import Together
from libs.common.stores.postgres import Postgres
from services.leads.domain.lead_filter import LeadFilter
from services.leads.domain.list_cursor import ListPlace
from services.leads.listing.large_totals import LargeTotals
from services.leads.noting.store import LeadReader, note, with_page

EXACT = 10_000
"""So many are counted; of more it is said that there are so many at least."""
WALKED = 2_000
"""Leads, from where a page begins, that are looked at one by one before all are asked for what may be common: they
take 5 ms, and a tag of 20,000 leads, or a name that each fifth lead of a million has, takes its index 100."""
MOST_WAITING = 1_000
"""Callers who share one count at most."""

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
# As the list's index begins: see migrations/leads/v0024_list_by_time.py.
_OF_COMPANY = "CAST(l.company_id AS bigint) = :company_id AND NOT l.is_deleted"
_IN_ORDER = "ORDER BY l.created_at {direction}, l.id {direction}"
# The page first, then the names: a join before LIMIT may lead another way than by the list's index.
_PAGE = f"""
    SELECT {{columns}} FROM (
        SELECT l.* FROM amigocare.amigocare_leads l
        WHERE {_OF_COMPANY} {{where}} {{behind}}
        {_IN_ORDER} LIMIT :limit OFFSET :offset
    ) l {{names}} {_IN_ORDER}
"""
# Sources may share a name: each one's leads are in order, and so the first of all are among the first of each.
_OF_A_SOURCE = f"""
    SELECT {{columns}} FROM (
        SELECT l.* FROM amigocare.lead_sources named CROSS JOIN LATERAL (
            SELECT l.* FROM amigocare.amigocare_leads l
            WHERE {_OF_COMPANY} AND l.source_id = named.id {{period}} {{behind}}
            {_IN_ORDER} LIMIT CAST(:limit AS int) + CAST(:offset AS int)
        ) l
        WHERE lower(named.name) = lower(:source)
        {_IN_ORDER} LIMIT :limit OFFSET :offset
    ) l {{names}} {_IN_ORDER}
"""
_NEAR = f"""
    SELECT {{columns}} FROM (
        SELECT l.* FROM (
            SELECT l.* FROM amigocare.amigocare_leads l
            WHERE {_OF_COMPANY} {{period}} {{behind}} {_IN_ORDER} LIMIT :walked
        ) l
        WHERE true {{where}}
        {_IN_ORDER} LIMIT :limit OFFSET :offset
    ) l {{names}} {_IN_ORDER}
"""
_IS_THERE_MORE = f"""
    SELECT EXISTS (
        SELECT FROM amigocare.amigocare_leads l
        WHERE {_OF_COMPANY} {{period}} {{behind}} {_IN_ORDER} OFFSET :walked
    )
"""
_COUNT = f"""
    SELECT count(*) FROM (
        SELECT FROM amigocare.amigocare_leads l
        WHERE {_OF_COMPANY} {{where}} LIMIT :most
    ) counted
"""
# In order, though nobody sees it: the order has the index that the page is read by, where by rows alone another that
# has the company's leads of all sources may seem as good.
_COUNT_OF_A_SOURCE = f"""
    SELECT count(*) FROM (
        SELECT FROM amigocare.lead_sources named CROSS JOIN LATERAL (
            SELECT FROM amigocare.amigocare_leads l
            WHERE {_OF_COMPANY} AND l.source_id = named.id {{period}}
            ORDER BY l.created_at DESC, l.id DESC LIMIT :most
        ) l
        WHERE lower(named.name) = lower(:source) LIMIT :most
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


class _Asked(NamedTuple):
    """What is counted: ``wanted`` in words."""

    company_id: int
    most: int
    wanted: str


def place_of(lead: Mapping[str, Any]) -> ListPlace:
    """Return where a lead of a page stands in the list."""
    return ListPlace(lead["created_at"], lead["lead_id"])


class PageStart(NamedTuple):
    """Which leads of those that were found."""

    limit: int
    offset: int = 0
    behind: ListPlace | None = None
    oldest_first: bool = False


class ListStore:
    """Reads leads."""

    def __init__(self, postgres: Postgres) -> None:
        self._postgres = postgres
        self._large = LargeTotals()
        self._counting: Together[LeadFilter, tuple[int, bool]] = Together(self._count_once, most=MOST_WAITING)

    async def page(
        self,
        company_id: int,
        wanted: LeadFilter,
        *,
        limit: int,
        offset: int = 0,
        behind: ListPlace | None = None,
        oldest_first: bool = False,
        whole: bool = False,
        reader: LeadReader | None = None,
    ) -> list[dict[str, Any]]:
        """Return leads in the order in which they were made, the newest first; ``behind`` a place, or past an offset.

        ``whole``: with every field that people fill in. That the ``reader`` is shown them is written down.
        """
        place = PageStart(limit, offset, behind, oldest_first=oldest_first)
        async with self._reading(company_id, wanted) as connection:
            return await _page(connection, company_id, wanted, place, whole=whole, reader=reader)

    async def counted_page(
        self,
        company_id: int,
        wanted: LeadFilter,
        place: PageStart,
        *,
        most: int = EXACT,
        reader: LeadReader | None = None,
    ) -> tuple[list[dict[str, Any]], int, bool]:
        """Return a page, how many leads there are in all, ``most`` at most, and whether that is all.

        That the ``reader`` is shown the page is written down.

        A page that is not full is the last one: what came before it is known, and nothing is counted. Nor is a list
        that was too long to be counted a moment ago.
        """
        asked = _Asked(company_id, most, repr(wanted))
        async with self._reading(company_id, wanted) as connection:
            found = await _page(connection, company_id, wanted, place, reader=reader)
            if place.behind is None and (found or not place.offset) and len(found) < place.limit:
                return found, place.offset + len(found), True
            if self._large.has(asked):
                return found, most, False
            if not wanted.may_be_common:
                return found, *self._noted(asked, await _count(connection, company_id, wanted, most))
        # It may take a tenth of a second: many who look for the same at once have it counted once.
        return found, *await self._counting.do(asked, wanted)

    async def _count_once(self, kind: Hashable, asking: Sequence[LeadFilter]) -> Sequence[tuple[int, bool]]:
        asked = cast("_Asked", kind)
        if self._large.has(asked):
            return [(asked.most, False)] * len(asking)
        counted = await self.count(asked.company_id, asking[0], most=asked.most)
        return [self._noted(asked, counted)] * len(asking)

    def _noted(self, asked: "_Asked", counted: tuple[int, bool]) -> tuple[int, bool]:
        if not counted[1]:
            self._large.note(asked)
        return counted

    def _reading(self, company_id: int, wanted: LeadFilter) -> AbstractAsyncContextManager[AsyncConnection]:
        return self._postgres.transaction(company_id=company_id, in_order=not wanted.is_of_a_phone)

    async def count(self, company_id: int, wanted: LeadFilter, *, most: int = EXACT) -> tuple[int, bool]:
        """Return how many there are, ``most`` at most, and whether that is all."""
        async with self._postgres.transaction(company_id=company_id, by_index=True) as connection:
            return await _count(connection, company_id, wanted, most)

    async def one(
        self,
        company_id: int,
        lead_id: UUID,
        *,
        reader: LeadReader | None = None,
        limit: int = 1,
        before: UUID | None = None,
    ) -> tuple[dict[str, Any], list[dict[str, Any]]] | None:
        """Return a lead with its tags and lists, and ``limit`` of what was done with it, the newest first; or None."""
        asked = {"company_id": company_id, "id": lead_id, "limit": limit, "before": before}
        async with self._postgres.transaction(company_id=company_id) as connection:
            lead = (await connection.execute(_ONE, asked)).mappings().one_or_none()
            if lead is None:
                return None
            history = await connection.execute(_ACTIVITIES, asked | {"lead_id": lead["lead_id"]})
            if reader is not None:
                await note(connection, company_id, reader, [lead["lead_id"]])
            return dict(lead), [dict(row) for row in history.mappings()]


async def _page(
    connection: AsyncConnection,
    company_id: int,
    wanted: LeadFilter,
    place: PageStart,
    *,
    reader: LeadReader | None = None,
    whole: bool = False,
) -> list[dict[str, Any]]:
    where, values = _begins(place)
    values |= {"company_id": company_id, "limit": place.limit, "offset": place.offset}
    shape = {"behind": where, "direction": "ASC" if place.oldest_first else "DESC", "period": wanted.period}
    shape |= {"columns": f"{_COLUMNS}, {_DETAILS}" if whole else _COLUMNS, "names": _NAMES}

    async def read(statement: str, *, by_index: bool, if_full: bool = False, **more: int) -> list[dict[str, Any]]:
        where, named = wanted.where(by_index=by_index)
        page = statement.format(where=where, **shape)
        if reader is not None:
            page = with_page(page, direction=shape["direction"], if_full=if_full)
            named |= reader.values
        return [dict(row) for row in (await connection.execute(text(page), values | named | more)).mappings()]

    if wanted.may_be_common:
        near = await read(_NEAR, by_index=False, if_full=True, walked=WALKED)
        if len(near) == place.limit:
            return near
        if not await _is_there_more(connection, wanted, values, shape):
            if reader is not None:
                await note(connection, company_id, reader, [lead["lead_id"] for lead in near])
            return near
    return await read(_OF_A_SOURCE if wanted.is_of_a_source else _PAGE, by_index=True)


def _begins(place: PageStart) -> tuple[str, dict[str, Any]]:
    """Return the condition that a page begins where it should, and its values."""
    if place.behind is None:
        return "", {}
    order = ">" if place.oldest_first else "<"
    values = {"behind_time": place.behind.created_at, "behind_id": place.behind.lead_id}
    return f"AND (l.created_at, l.id) {order} (CAST(:behind_time AS timestamptz), CAST(:behind_id AS int))", values


async def _is_there_more(
    connection: AsyncConnection, wanted: LeadFilter, values: dict[str, Any], shape: dict[str, str]
) -> bool:
    """Tell whether there are leads beyond those that were looked at one by one."""
    _, named = wanted.where()
    asked = text(_IS_THERE_MORE.format(**shape))
    return bool((await connection.execute(asked, values | named | {"walked": WALKED})).scalar_one())


async def _count(connection: AsyncConnection, company_id: int, wanted: LeadFilter, most: int) -> tuple[int, bool]:
    where, values = wanted.where()
    values |= {"company_id": company_id, "most": most + 1}
    statement = _COUNT_OF_A_SOURCE if wanted.is_of_a_source else _COUNT
    asked = text(statement.format(where=where, period=wanted.period))
    found = (await connection.execute(asked, values)).scalar_one()
    return min(found, most), found <= most
