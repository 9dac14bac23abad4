"""What decides of a new lead: how often its address came, who is there already, which key it was sent with."""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, cast
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.joined_calls import Together
from libs.common.stores.postgres import Postgres
from libs.common.traces import current_trace_headers
from libs.leads.search_text import email_key
from services.leads.capturing.domain import LIMIT, SentKey
from services.leads.domain.client_address import Network
from services.leads.making.domain import NewLead
from services.leads.making.store import Captured, Making, forms_of, id_and_time, make_leads

WINDOW_SECONDS = 3600
AT_ONCE = 100
"""Leads of the form that one transaction makes at most."""

_LIVE = "each > statement_timestamp() - make_interval(secs => :seconds)"
# The row of each address is locked until the commit, so that of two calls at once the second one sees the first, in
# whichever process they are. What is refused changes nothing, and so is not counted. Of one address there may be
# several calls: as many are counted as find room.
#
# Two addresses a call are forgotten: more than can be added, so that those of the last hour are all that is there.
# Those that another call is at are left to it.
_HIT = text(
    f"""
    WITH forgotten AS (
        DELETE FROM crm.capture_hits WHERE (company_id, address) IN (
            SELECT company_id, address FROM crm.capture_hits
            WHERE company_id = :company_id AND last_at < statement_timestamp() - make_interval(secs => :seconds)
              AND address <> ALL (CAST(:addresses AS cidr[]))
            ORDER BY last_at LIMIT :forgotten FOR UPDATE SKIP LOCKED)
    )
    INSERT INTO crm.capture_hits AS h (company_id, address, hits, last_at)
    SELECT :company_id, address, array_fill(statement_timestamp(), ARRAY[least(calls, :limit)]), statement_timestamp()
    FROM unnest(CAST(:addresses AS cidr[]), CAST(:calls AS int[])) AS given (address, calls)
    ORDER BY address
    ON CONFLICT (company_id, address) DO UPDATE
    SET hits = ARRAY(SELECT each FROM unnest(h.hits) AS each WHERE {_LIVE})
               || excluded.hits[1 : :limit - (SELECT count(*) FROM unnest(h.hits) AS each WHERE {_LIVE})::int],
        last_at = excluded.last_at
    WHERE (SELECT count(*) FROM unnest(h.hits) AS each WHERE {_LIVE}) < :limit
    RETURNING h.address, (SELECT count(*) FROM unnest(old.hits) AS each WHERE {_LIVE})::int AS before,
              cardinality(new.hits) AS after
    """
)
_NEXT_AT = text(
    f"""
    SELECT h.address,
           ceil(extract(epoch FROM min(each) + make_interval(secs => :seconds) - statement_timestamp()))::int AS wait
    FROM crm.capture_hits h, unnest(h.hits) AS each
    WHERE h.company_id = :company_id AND h.address = ANY (CAST(:addresses AS cidr[])) AND {_LIVE}
    GROUP BY h.address
    """
)
# Until the commit nobody else of the company makes a lead of these people: the look that follows finds who came before.
# All take them in one order, or two who want the same ones would wait for each other.
_LOCK_PEOPLE = text(
    """
    SELECT count(pg_advisory_xact_lock(hashtextextended(key, :company_id)))
    FROM unnest(CAST(:keys AS text[])) AS given (key)
    """
)
# The address is looked for in its own column: behind the wall no index on lower(email) would be used, and each call
# would read all leads of the company. Who is not there is given an id for his lead.
SAME_PERSON = text(
    """
    SELECT given.email AS key, uuidv7() AS new_id, now() AS at, same.*
    FROM unnest(CAST(:emails AS text[])) AS given (email) LEFT JOIN LATERAL (
        SELECT l.public_id AS id, l.name, l.email, l.status, l.created_at
        FROM crm.lead_search s JOIN amigocare.amigocare_leads l ON l.id = s.lead_id AND l.company_id = s.company_id
        WHERE s.company_id = :company_id AND s.email = given.email AND l.import_id IS NULL AND NOT l.is_deleted
          AND l.created_at > now() - make_interval(secs => :seconds)
          AND l.channel_id = (SELECT id FROM amigocare.lead_channels WHERE name = 'FORM' AND NOT is_deleted)
        ORDER BY l.id LIMIT 1
    ) AS same ON true
    """
)
# Of addresses and of phones each by its index: an OR of both has none.
EXISTING = text(
    """
    SELECT l.public_id FROM (
        SELECT s.lead_id FROM crm.lead_search s WHERE s.company_id = :company_id AND s.email = :email
        UNION SELECT crm.leads_with_phones(CAST(:phones AS text[]))
    ) AS found JOIN amigocare.amigocare_leads l ON l.id = found.lead_id
    WHERE l.company_id = :company_id AND NOT l.is_deleted
    ORDER BY found.lead_id LIMIT 1
    """
)
# Whoever sends the same key at the same time waits here for the commit, and then finds what the first call made. What
# is refused is not kept.
_TAKE_KEY = text(
    """
    INSERT INTO crm.idempotency_keys AS kept (company_id, key, fingerprint)
    VALUES (:company_id, :key, :fingerprint)
    ON CONFLICT (company_id, key) DO UPDATE
        SET fingerprint = excluded.fingerprint, lead_id = NULL, created_at = now()
        WHERE kept.created_at <= now() - interval '24 hours'
    RETURNING key
    """
)
_MADE_BY_KEY = text(
    """
    SELECT k.fingerprint, l.public_id AS id, l.name, l.email, l.status, l.created_at
    FROM crm.idempotency_keys k LEFT JOIN amigocare.amigocare_leads l ON l.id = k.lead_id AND NOT l.is_deleted
    WHERE k.company_id = :company_id AND k.key = :key
    """
)
_KEEP_KEY = text(
    """
    UPDATE crm.idempotency_keys SET lead_id = (SELECT id FROM amigocare.amigocare_leads WHERE public_id = :id)
    WHERE company_id = :company_id AND key = :key
    """
)
_FORGET_KEYS = text(
    """
    DELETE FROM crm.idempotency_keys WHERE (company_id, key) IN (
        SELECT company_id, key FROM crm.idempotency_keys
        WHERE company_id = :company_id AND created_at <= now() - interval '25 hours'
        LIMIT 100 FOR UPDATE SKIP LOCKED)
    """
)
_IS_COLLEAGUE = text("SELECT EXISTS (SELECT FROM amigocare.users WHERE id = :user_id AND company_id = :company_id)")
_IS_ORIGIN = text("SELECT EXISTS (SELECT FROM crm.capture_forms WHERE :origin = ANY(origins))")
_FORM = text("SELECT company_id, origins FROM crm.capture_forms WHERE key = :key")


class TooMany(Exception):
    """This address has made as many leads as it may; another one in ``seconds``."""

    def __init__(self, seconds: int) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class KeyReused(Exception):
    """This Idempotency-Key was sent with another body."""


class LeadExists(Exception):
    """Another lead of the company has this phone or e-mail."""

    def __init__(self, lead_id: UUID) -> None:
        super().__init__(lead_id)
        self.lead_id = lead_id


class NoSuchColleague(Exception):
    """The user whom the lead is to be given to is none of the company's."""


class LeadGone(Exception):
    """The lead that the first call of this key made was deleted meanwhile."""


class _Sent(NamedTuple):
    """A call of the form. ``trace`` is its own: who writes for it writes for others, too."""

    lead: NewLead
    address: Network
    trace: dict[str, str]

    @property
    def person(self) -> str:
        return cast("str", email_key(self.lead.email))


class CaptureStore:
    """Makes leads. ``limit`` is how many an hour one address may make by the form."""

    def __init__(self, postgres: Postgres, *, source: str, limit: int = LIMIT) -> None:
        self._postgres = postgres
        self._source = source
        self._limit = limit
        self._together: Together[_Sent, tuple[Captured, int]] = Together(self._capture, most=AT_ONCE)

    async def form(self, key: str) -> tuple[int, list[str]] | None:
        """Return (company, origins that may use it) of the form with this key, or None."""
        async with self._postgres.transaction() as connection:
            found = (await connection.execute(_FORM, {"key": key})).one_or_none()
        return None if found is None else (found.company_id, list(found.origins))

    async def is_origin_of_a_form(self, origin: str) -> bool:
        """Tell whether a form stands on a page of this origin, whosever it is."""
        async with self._postgres.transaction() as connection:
            return bool((await connection.execute(_IS_ORIGIN, {"origin": origin})).scalar_one())

    async def capture(self, company_id: int, lead: NewLead, address: Network) -> tuple[Captured, int]:
        """Make a lead, or find the one that this person made within the hour; return it, and how many more may follow.

        Counted by the address it came from. Raises TooMany.
        """
        return await self._together.do(company_id, _Sent(lead, address, current_trace_headers()))

    async def _capture(
        self, company_id: Hashable, calls: Sequence[_Sent]
    ) -> Sequence[tuple[Captured, int] | Exception]:
        company = cast("int", company_id)
        async with self._postgres.transaction(company_id=company) as connection:
            left = await self._count(connection, company, [call.address for call in calls])
            taken = [call for call, room in zip(calls, left, strict=True) if not isinstance(room, TooMany)]
            made = await self._find_or_make(connection, company, taken) if taken else {}
        return [
            room if isinstance(room, TooMany) else (made[call.person], room)
            for call, room in zip(calls, left, strict=True)
        ]

    async def _count(
        self, connection: AsyncConnection, company_id: int, addresses: Sequence[Network]
    ) -> list[int | TooMany]:
        """Return, for each call in its order, how many more may follow from its address, or that it is one too many."""
        calls = dict(sorted(Counter(addresses).items(), key=lambda each: str(each[0])))
        window = {"company_id": company_id, "seconds": WINDOW_SECONDS}
        counted = {"addresses": list(calls), "calls": list(calls.values()), "forgotten": 2 * len(addresses)}
        hits = await connection.execute(_HIT, window | counted | {"limit": self._limit})
        room = {row.address: iter(range(row.before + 1, row.after + 1)) for row in hits}
        places = [next(room.get(address, iter(())), None) for address in addresses]
        full = {address for address, place in zip(addresses, places, strict=True) if place is None}
        waits: dict[Network, int] = {}
        if full:
            found = await connection.execute(_NEXT_AT, window | {"addresses": list(full)})
            waits = {row.address: row.wait for row in found}
        return [
            TooMany(max(1, waits.get(address, 1))) if place is None else self._limit - place
            for address, place in zip(addresses, places, strict=True)
        ]

    async def _find_or_make(
        self, connection: AsyncConnection, company_id: int, calls: Sequence[_Sent]
    ) -> dict[str, Captured]:
        """Return the lead of each person: the one of this hour, or a new one."""
        first = {call.person: call for call in reversed(calls)}
        await _lock_people(connection, company_id, first)
        people = {"company_id": company_id, "emails": list(first), "seconds": WINDOW_SECONDS}
        known: dict[str, Captured] = {}
        new: dict[str, Making] = {}
        for key, new_id, at, *same in await connection.execute(SAME_PERSON, people):
            if same[0] is None:
                new[key] = Making(new_id, at, first[key].lead, None, first[key].trace)
            else:
                known[key] = Captured(*same)
        if new:
            made = await make_leads(connection, company_id, list(new.values()), source=self._source)
            known |= {key: made[each.id] for key, each in new.items()}
        return known

    async def create(
        self, company_id: int, lead: NewLead, *, user_id: int, allow_duplicate: bool, sent: SentKey | None = None
    ) -> Captured:
        """Make a lead for a user. Raises NoSuchColleague, and LeadExists unless duplicates are allowed.

        A second run with the same key within 24 hours makes none and returns the first one's, as it is now. Raises
        LeadGone when that is gone, and KeyReused when something else was sent with it.
        """
        async with self._postgres.transaction(company_id=company_id) as connection:
            if sent is not None and (made := await _made_before(connection, company_id, sent)) is not None:
                return made
            if lead.assigned_to is not None:
                colleague = {"user_id": lead.assigned_to, "company_id": company_id}
                if not (await connection.execute(_IS_COLLEAGUE, colleague)).scalar_one():
                    raise NoSuchColleague
            if not allow_duplicate:
                await _lock_people(connection, company_id, {str(email_key(lead.email)), *forms_of(lead)})
                wanted = {"company_id": company_id, "email": email_key(lead.email), "phones": forms_of(lead)}
                existing = (await connection.execute(EXISTING, wanted)).scalar_one_or_none()
                if existing is not None:
                    raise LeadExists(existing)
            making = Making(*await id_and_time(connection), lead, user_id, current_trace_headers())
            new = (await make_leads(connection, company_id, [making], source=self._source))[making.id]
            if sent is not None:
                await connection.execute(_KEEP_KEY, {"company_id": company_id, "key": sent.key, "id": new.id})
            return new


async def _lock_people(connection: AsyncConnection, company_id: int, keys: Iterable[str]) -> None:
    await connection.execute(_LOCK_PEOPLE, {"company_id": company_id, "keys": sorted(keys)})


async def _made_before(connection: AsyncConnection, company_id: int, sent: SentKey) -> Captured | None:
    """Return what an earlier call of this key made, or None for the first one."""
    await connection.execute(_FORGET_KEYS, {"company_id": company_id})
    key = {"company_id": company_id, "key": sent.key}
    if (await connection.execute(_TAKE_KEY, key | {"fingerprint": sent.fingerprint})).one_or_none() is not None:
        return None
    fingerprint, *made = (await connection.execute(_MADE_BY_KEY, key)).one()
    if fingerprint != sent.fingerprint:
        raise KeyReused
    if made[0] is None:
        raise LeadGone
    return Captured(*made)
