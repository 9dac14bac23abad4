"""What the platform already knows of phones: leads, patients (PostgreSQL) and chats (MongoDB)."""

from sqlalchemy import text

from libs.common.errors import BadMessage
from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.contracts.lead_import.internal.messages import ChunkAccepted
from libs.fields.phone_forms import both_forms
from libs.imports.chats import rows_with_others_chats
from libs.imports.chunk_states import NO_SUCH_IMPORT
from services.dedup.domain import KnownPhones

# Countries and phones are two lists and not pairs, because PostgreSQL then finds all of them in one walk along the
# index: a page that holds several of the phones is read once, and countries that nobody is in are skipped. UNION, and
# not UNION ALL, because many patients may share a phone. The last row says that the import is the one that the message
# speaks of; asked here, it costs no round trip of its own.
_KNOWN = text(
    """
    SELECT contact_cellphone_country_code, contact_cellphone, 'lead_exists'
    FROM amigocare.amigocare_leads
    WHERE company_id = :company_id AND amigocare_messaging_account_id = :account_id
      AND contact_cellphone_country_code = ANY(CAST(:countries AS text[]))
      AND contact_cellphone = ANY(CAST(:phones AS text[]))
      AND NOT is_deleted AND import_id IS DISTINCT FROM :import_id
    UNION
    SELECT contact_cellphone_country_code, contact_cellphone, 'patient_exists'
    FROM amigocare.patients
    WHERE company_id = :company_id
      AND contact_cellphone_country_code = ANY(CAST(:countries AS text[]))
      AND contact_cellphone = ANY(CAST(:phones AS text[]))
      AND deleted_at IS NULL
    UNION ALL
    SELECT NULL, NULL, NULL FROM amigocare.lead_imports
    WHERE id = :import_id AND company_id = :company_id AND created_at = :accepted_at
    """
)


class Store:
    """Read-only. Rows of the chunk's own import do not count: a repeat meets the leads of its first run."""

    def __init__(self, postgres: Postgres, mongo: Mongo) -> None:
        self._postgres = postgres
        self._mongo = mongo

    async def known_phones(self, chunk: ChunkAccepted) -> KnownPhones:
        """Return the live phones that a lead or chat of the account, or a patient of the company, has.

        They are looked up in both forms: what the platform holds of old mobiles lacks the ninth digit. Raises
        BadMessage when there is no such import, or its id is another's now.
        """
        if not len(chunk.live):
            return {}
        phones = list(zip(chunk.live.country_code, chunk.live.phone, strict=True))
        known: KnownPhones = {
            phones[index]: "chat_exists" for index in await rows_with_others_chats(self._mongo, chunk)
        }
        phone_of = {(phone[0], form): phone for phone in phones for form in both_forms(*phone)}
        async with self._postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
            rows = await connection.execute(
                _KNOWN,
                {
                    "countries": sorted({country for country, _ in phone_of}),
                    "phones": sorted({form for _, form in phone_of}),
                    "company_id": chunk.company_id,
                    "account_id": chunk.account_id,
                    "import_id": chunk.import_id,
                    "accepted_at": chunk.accepted_at,
                },
            )
            is_meant = False
            for country, form, reason in rows:
                if reason is None:
                    is_meant = True
                    continue
                # Every number was looked up in every country of the chunk, so this may be the same number elsewhere.
                phone = phone_of.get((country, form))
                if phone is not None and known.get(phone) != "lead_exists":
                    known[phone] = reason
        if not is_meant:
            raise BadMessage(NO_SUCH_IMPORT)
        return known
