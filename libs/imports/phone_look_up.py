"""Looks up which phones the platform knows: leads and patients in PostgreSQL, chats in MongoDB. It writes nothing."""

from dataclasses import dataclass
from itertools import chain

from sqlalchemy import text

from libs.common.stores.mongo import Mongo
from libs.common.stores.postgres import Postgres
from libs.imports.chats import rows_with_others_chats
from libs.imports.known_phones import KnownPhones
from libs.imports.live_phones import PhonesOfImport, rows_by_form

# Countries and phones are two lists and not pairs, because PostgreSQL then finds all of them in one walk along the
# index: a page that holds several of the phones is read once, and countries that nobody is in are skipped. Phones are
# digits, and come as one text: of a list the driver looks at each item, which took 3 ms for the 10,000 forms of 5,000
# phones, a tenth of a preview's work. A sub-select splits it, so that PostgreSQL does not estimate for each of them how
# many leads it finds: that took a quarter of the statement. UNION, and not UNION ALL, because many patients may share a
# phone. The last row says that the import is the one that the message speaks of; asked here, it costs no round trip of
# its own.
_KNOWN = text(
    """
    SELECT contact_cellphone_country_code, contact_cellphone, 'lead_exists'
    FROM amigocare.amigocare_leads
    WHERE company_id = :company_id AND amigocare_messaging_account_id = :account_id
      AND contact_cellphone_country_code = ANY(CAST(:countries AS text[]))
      AND contact_cellphone = ANY(CAST((SELECT string_to_array(:phones, ',')) AS text[]))
      AND NOT is_deleted AND import_id IS DISTINCT FROM :import_id
    UNION
    SELECT contact_cellphone_country_code, contact_cellphone, 'patient_exists'
    FROM amigocare.patients
    WHERE company_id = :company_id
      AND contact_cellphone_country_code = ANY(CAST(:countries AS text[]))
      AND contact_cellphone = ANY(CAST((SELECT string_to_array(:phones, ',')) AS text[]))
      AND deleted_at IS NULL
    UNION ALL
    SELECT NULL, NULL, NULL FROM amigocare.lead_imports
    WHERE id = :import_id AND company_id = :company_id AND created_at = :accepted_at
    """
)


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look at the platform found for a chunk."""

    known: KnownPhones
    is_meant: bool
    """There is an import of the chunk's id, company and time of acceptance. A preview's chunks have none."""


async def look_up(postgres: Postgres, mongo: Mongo, chunk: PhonesOfImport) -> Looked:
    """Return the live phones that a lead or chat of the account, or a patient of the company, has.

    They are looked up in both forms: what the platform holds of old mobiles lacks the ninth digit. Rows of the chunk's
    own import do not count: a repeat meets the leads of its first run.
    """
    live = chunk.live
    rows_of = rows_by_form(live)
    reasons = dict.fromkeys(await rows_with_others_chats(mongo, chunk, rows_of), "chat_exists")
    async with postgres.transaction(company_id=chunk.company_id, by_index=True) as connection:
        found = await connection.execute(
            _KNOWN,
            {
                "countries": sorted(rows_of),
                "phones": ",".join(sorted(chain.from_iterable(rows_of.values()))),
                "company_id": chunk.company_id,
                "account_id": chunk.account_id,
                "import_id": chunk.import_id,
                "accepted_at": chunk.accepted_at,
            },
        )
        is_meant = False
        for country, form, reason in found:
            if reason is None:
                is_meant = True
                continue
            # Every number was looked up in every country of the chunk, so this may be the same number elsewhere.
            index = rows_of[country].get(form)
            if index is not None and reasons.get(index) != "lead_exists":
                reasons[index] = reason
    known = {(live.country_code[index], live.phone[index]): reason for index, reason in reasons.items()}
    return Looked(known, is_meant)
