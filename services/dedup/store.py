"""What the platform already knows of phones: leads, patients (PostgreSQL) and chats (MongoDB)."""

from sqlalchemy import text

from libs.common.chats import rows_with_others_chats
from libs.common.events.chunk import ChunkAccepted
from libs.common.mongo import Mongo
from libs.common.phones import both_forms
from libs.common.postgres import Postgres
from services.dedup.domain import KnownPhones

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
        phones = list(zip(chunk.live.country_code, chunk.live.phone, strict=True))
        chats = await rows_with_others_chats(self._mongo, chunk)
        known: KnownPhones = {phones[index]: "chat_exists" for index in chats}
        # In order: neighbours stand on the same page of an index, which is then at hand.
        phones.sort()
        async with self._postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
            rows = await connection.execute(
                _KNOWN,
                {
                    "countries": [country for country, _ in phones],
                    "phones": [phone for _, phone in phones],
                    "old_phones": [both_forms(*phone)[-1] for phone in phones],
                    "company_id": chunk.company_id,
                    "account_id": chunk.account_id,
                    "import_id": chunk.import_id,
                },
            )
            known.update({(country, phone): reason for country, phone, reason in rows})
        return known
