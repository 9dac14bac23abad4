"""New leads: the row, its history, its place in the search, its event, in one transaction."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from libs.common.outbox.event_outbox import add_event
from libs.common.stores.postgres import Postgres
from libs.contracts.leads.events import LeadCreated
from libs.contracts.leads.topics import LEAD_CREATED
from libs.leads.search_text import email_key, folded, phone_forms
from services.leads.capturing.domain import LIMIT, NewLead, SentKey
from services.leads.domain.client_address import Network

WINDOW_SECONDS = 3600

# The row of the address is locked until the commit, so that of two calls at once the second one sees the first, in
# whichever process they are. What is refused changes nothing, and so is not counted.
_HIT = text(
    """
    INSERT INTO crm.capture_hits AS h (company_id, address, hits)
    VALUES (:company_id, CAST(:address AS cidr), ARRAY[clock_timestamp()])
    ON CONFLICT (company_id, address) DO UPDATE
    SET hits = ARRAY(SELECT each FROM unnest(h.hits) AS each
                     WHERE each > clock_timestamp() - make_interval(secs => :seconds)) || clock_timestamp(),
        last_at = clock_timestamp()
    WHERE (SELECT count(*) FROM unnest(h.hits) AS each
           WHERE each > clock_timestamp() - make_interval(secs => :seconds)) < :limit
    RETURNING cardinality(h.hits)
    """
)
_NEXT_AT = text(
    """
    SELECT ceil(extract(epoch FROM min(each) + make_interval(secs => :seconds) - clock_timestamp()))::int
    FROM crm.capture_hits h, unnest(h.hits) AS each
    WHERE h.company_id = :company_id AND h.address = CAST(:address AS cidr)
      AND each > clock_timestamp() - make_interval(secs => :seconds)
    """
)
# Two a call: more than can be added, so that addresses of the last hour are all that is there. Those that another call
# is at are left to it.
_FORGET = text(
    """
    DELETE FROM crm.capture_hits WHERE (company_id, address) IN (
        SELECT company_id, address FROM crm.capture_hits
        WHERE company_id = :company_id AND last_at < clock_timestamp() - make_interval(secs => :seconds)
        ORDER BY last_at LIMIT 2 FOR UPDATE SKIP LOCKED)
    """
)
# Until the commit nobody else of the company makes a lead of this address: the look that follows finds the one before.
_LOCK_PERSON = text("SELECT pg_advisory_xact_lock(hashtextextended(:key, :company_id))")
# The address is looked for in its own column: behind the wall no index on lower(email) would be used, and each call
# would read all leads of the company.
SAME_PERSON = text(
    """
    SELECT l.public_id AS id, l.name, l.email, l.status, l.created_at
    FROM crm.lead_search s JOIN amigocare.amigocare_leads l ON l.id = s.lead_id AND l.company_id = s.company_id
    WHERE s.company_id = :company_id AND s.email = :email AND l.import_id IS NULL AND NOT l.is_deleted
      AND l.created_at > now() - make_interval(secs => :seconds)
      AND l.channel_id = (SELECT id FROM amigocare.lead_channels WHERE name = 'FORM' AND NOT is_deleted)
    ORDER BY l.id LIMIT 1
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
_INSERT = text(
    """
    INSERT INTO amigocare.amigocare_leads
        (name, email, phone_as_written, contact_cellphone, contact_cellphone_dial_code, contact_cellphone_country_code,
         company_name, message, source_id, channel_id, company_id, creator_id, priority, assigned_to, first_name,
         last_name, job_title, linkedin_url, notes)
    VALUES (:name, :email, :phone_as_written, :national, :dial_code, :country_code, :company_name, :message,
            (SELECT min(id) FROM amigocare.lead_sources WHERE name = :source AND NOT is_deleted),
            (SELECT id FROM amigocare.lead_channels WHERE name = :channel AND NOT is_deleted),
            :company_id, :creator_id, :priority, :assigned_to, :first_name, :last_name, :job_title, :linkedin_url,
            :notes)
    RETURNING id AS lead_id, public_id AS id, name, email, status, created_at, source_id
    """
)
_ACTIVITY = text(
    """
    INSERT INTO crm.lead_activities (lead_id, company_id, activity_type, description, performed_by, created_at)
    VALUES (:lead_id, :company_id, 'created', :description, :performed_by, :created_at)
    """
)
_SEARCH = text(
    """
    INSERT INTO crm.lead_search (lead_id, company_id, folded, words, email, phones, source_id)
    VALUES (:lead_id, :company_id, :folded, to_tsvector('simple', :folded), :email, CAST(:phones AS text[]), :source_id)
    """
)
_IS_ORIGIN = text("SELECT EXISTS (SELECT FROM crm.capture_forms WHERE :origin = ANY(origins))")
_FORM = text("SELECT company_id, origins FROM crm.capture_forms WHERE key = :key")


class Captured(NamedTuple):
    """A lead as its maker is told of it."""

    id: UUID
    name: str
    email: str
    status: str
    created_at: datetime


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


class CaptureStore:
    """Makes leads. ``limit`` is how many an hour one address may make by the form."""

    def __init__(self, postgres: Postgres, *, source: str, limit: int = LIMIT) -> None:
        self._postgres = postgres
        self._source = source
        self._limit = limit

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
        counted = {"company_id": company_id, "address": str(address), "seconds": WINDOW_SECONDS}
        async with self._postgres.transaction(company_id=company_id) as connection:
            hits = (await connection.execute(_HIT, counted | {"limit": self._limit})).scalar_one_or_none()
            if hits is None:
                wait = (await connection.execute(_NEXT_AT, counted)).scalar_one_or_none()
                raise TooMany(max(1, wait or 1))
            await connection.execute(_FORGET, {"company_id": company_id, "seconds": WINDOW_SECONDS})
            email = email_key(lead.email)
            await connection.execute(_LOCK_PERSON, {"company_id": company_id, "key": email})
            person = {"company_id": company_id, "email": email, "seconds": WINDOW_SECONDS}
            same = (await connection.execute(SAME_PERSON, person)).one_or_none()
            made = Captured(*same) if same else await self._insert(connection, company_id, lead, creator_id=None)
        return made, self._limit - hits

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
                # In one order, or two who lock the same ones wait for each other.
                for key in sorted(_keys(lead)):
                    await connection.execute(_LOCK_PERSON, {"company_id": company_id, "key": key})
                wanted = {"company_id": company_id, "email": email_key(lead.email), "phones": _forms(lead)}
                existing = (await connection.execute(EXISTING, wanted)).scalar_one_or_none()
                if existing is not None:
                    raise LeadExists(existing)
            new = await self._insert(connection, company_id, lead, creator_id=user_id)
            if sent is not None:
                await connection.execute(_KEEP_KEY, {"company_id": company_id, "key": sent.key, "id": new.id})
            return new

    async def _insert(
        self, connection: AsyncConnection, company_id: int, lead: NewLead, *, creator_id: int | None
    ) -> Captured:
        row = (await connection.execute(_INSERT, _values(company_id, lead, creator_id))).one()
        of_lead = {"lead_id": row.lead_id, "company_id": company_id}
        history = {"description": lead.description, "performed_by": creator_id, "created_at": row.created_at}
        await connection.execute(_ACTIVITY, of_lead | history)
        words = folded(lead.name, lead.email, lead.company_name, lead.first_name, lead.last_name)
        place = {"folded": words, "email": email_key(lead.email), "phones": _forms(lead), "source_id": row.source_id}
        await connection.execute(_SEARCH, of_lead | place)
        event = LeadCreated(
            lead_id=row.id,
            email=lead.email,
            source=lead.source,
            timestamp=row.created_at,
            company_id=company_id,
            channel=lead.channel,
        )
        await add_event(connection, LEAD_CREATED, event, source=self._source, time=row.created_at)
        return Captured(row.id, row.name, row.email, row.status, row.created_at)


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


def _values(company_id: int, lead: NewLead, creator_id: int | None) -> dict[str, Any]:
    phone = lead.phone
    columns = {name: getattr(lead, name) for name in NewLead.__dataclass_fields__ if name != "phone"}
    return columns | {
        "company_id": company_id,
        "creator_id": creator_id,
        "national": phone.national if phone else None,
        # Columns of the platform that may not be empty: its own defaults.
        "dial_code": phone.dial_code if phone else "55",
        "country_code": phone.country_code if phone else "BR",
    }


def _forms(lead: NewLead) -> list[str]:
    return phone_forms(*lead.phone) if lead.phone else []


def _keys(lead: NewLead) -> set[str]:
    return {str(email_key(lead.email)), *_forms(lead)}
