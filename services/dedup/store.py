"""What the platform already knows of phones: leads, patients (PostgreSQL) and chats (MongoDB)."""

from sqlalchemy import text

from libs.common.events.chunk import ChunkAccepted
from libs.common.mongo import Mongo
from libs.common.phones import both_forms
from libs.common.postgres import Postgres
from services.dedup.domain import KnownPhones

# Statistics that call a table nearly empty let one scan a phone seem cheap, and 1,000 of them a chunk are not.
_BY_INDEX = text("SET LOCAL enable_seqscan = off")
# A lookup each, by LATERAL with LIMIT 1: it takes the index whatever the statistics say, where
# `= ANY(array)` of all phones reads every lead of the account while they are stale.
_KNOWN = text(
    """
    SELECT given.country_code, given.phone, found.reason
    FROM unnest(CAST(:countries AS text[]), CAST(:phones AS text[]), CAST(:old_phones AS text[]))
         AS given (country_code, phone, old_phone)
    CROSS JOIN LATERAL (
        (SELECT 'lead_exists' AS reason FROM amigocare.amigocare_leads l
         WHERE l.company_id = :company_id AND l.amigocare_messaging_account_id = :account_id
           AND l.contact_cellphone_country_code = given.country_code
           AND l.contact_cellphone IN (given.phone, given.old_phone)
           AND NOT l.is_deleted AND l.import_id IS DISTINCT FROM :import_id
         LIMIT 1)
        UNION ALL
        (SELECT 'patient_exists' FROM amigocare.patients p
         WHERE p.company_id = :company_id AND p.contact_cellphone_country_code = given.country_code
           AND p.contact_cellphone IN (given.phone, given.old_phone)
           AND p.deleted_at IS NULL
         LIMIT 1)
        LIMIT 1
    ) AS found
    """
)


class Store:
    """Read-only. Rows of the chunk's own import do not count: a repeat meets the leads of its first run."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self._postgres = postgres
        self._mongo = mongo

    async def known_phones(self, chunk: ChunkAccepted) -> KnownPhones:
        """Return the live phones that a lead or chat of the account, or a patient of the company, has.

        In either form: what the platform holds of old mobiles lacks the ninth digit.
        """
        if not len(chunk.live):
            return {}
        forms = [both_forms(*phone) for phone in zip(chunk.live.country_code, chunk.live.phone, strict=True)]
        known = await self._known_to_chats(chunk, forms)
        async with self._postgres.transaction(company_id=chunk.company_id) as connection:
            await connection.execute(_BY_INDEX)
            rows = await connection.execute(
                _KNOWN,
                {
                    "countries": chunk.live.country_code,
                    "phones": chunk.live.phone,
                    "old_phones": [each[-1] for each in forms],
                    "company_id": chunk.company_id,
                    "account_id": chunk.account_id,
                    "import_id": chunk.import_id,
                },
            )
            known.update({(country, phone): reason for country, phone, reason in rows})
        return known

    async def _known_to_chats(self, chunk: ChunkAccepted, forms: list[tuple[str, ...]]) -> KnownPhones:
        known: KnownPhones = {}
        for country in set(chunk.live.country_code):
            phones = {
                form: phone
                for code, phone, each in zip(chunk.live.country_code, chunk.live.phone, forms, strict=True)
                if code == country
                for form in each
            }
            cursor = self._mongo.chats.find(
                {
                    "company_id": chunk.company_id,
                    "account_id": chunk.account_id,
                    "contact_cellphone_country_code": country,
                    "contact_cellphone": {"$in": sorted(phones)},
                },
                {"_id": 0, "contact_cellphone": 1, "import_id": 1},
            )
            async for chat in cursor:
                if chat.get("import_id") != chunk.import_id:
                    known[country, phones[chat["contact_cellphone"]]] = "chat_exists"
        return known
