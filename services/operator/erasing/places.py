"""The table of places in which a person may stand: one row a place, and all that stands in none with its reason.

A test holds it to the database: each column that can hold text is either a place's, or in ``NOT_PERSONAL``. A column of
a new service is in neither, until somebody says which.
"""

from dataclasses import dataclass
from typing import Literal

Kind = Literal["emptied", "open", "expires"]
"""What becomes of it: it is emptied; it is on its way and must be looked at again; it ends by itself."""

# A database cannot tell spellings apart. What it finds is looked at once more (``Person.is_named_in``).
_MAY_NAME = (
    "(regexp_replace(normalize({said}, NFKC), '[^0-9]', '', 'g') LIKE ANY(CAST(:digits AS text[]))"
    " OR lower(normalize({said}, NFKC)) LIKE ANY(CAST(:words AS text[])))"
)


def _may_name(said: str) -> str:
    return _MAY_NAME.format(said=said)


@dataclass(frozen=True, slots=True)
class Place:
    """Columns of a table. ``find`` gives a key a row, and as ``said`` the text that must name the person.

    A row whose ``is_sure`` is true needs no such text. ``erase`` takes one key. Both are of the company
    ``:company_id``. Parameters of ``find``: ``digits`` and ``words`` (patterns of LIKE), ``countries`` with ``phones``,
    ``emails``, ``cpfs``, and ``leads`` (ids of the person's own).
    """

    table: str
    columns: tuple[str, ...]
    find: str
    erase: str | None
    done: str
    """What is done, for people."""
    kind: Kind = "emptied"


LEADS = Place(
    table="amigocare.amigocare_leads",
    columns=(
        *("name", "email", "cpf", "contact_cellphone", "first_name", "last_name", "company_name", "job_title"),
        *("linkedin_url", "phone_as_written"),
    ),
    find=f"""
        SELECT lead_id, chat_id, public_id, is_sure, said FROM (
            SELECT id AS lead_id, chat_id, public_id, coalesce(phone_as_written, '') AS said, coalesce(
                (contact_cellphone_country_code, contact_cellphone) IN (
                    SELECT * FROM unnest(CAST(:countries AS text[]), CAST(:phones AS text[])))
                OR lower(email) = ANY(CAST(:emails AS text[])) OR cpf = ANY(CAST(:cpfs AS text[])), false) AS is_sure
            FROM amigocare.amigocare_leads WHERE company_id = :company_id
        ) each
        WHERE is_sure OR {_may_name("said")} ORDER BY lead_id
    """,
    erase="""
        UPDATE amigocare.amigocare_leads
        SET name = NULL, email = NULL, cpf = NULL, contact_cellphone = 'erased-' || id, phone_as_written = NULL,
            first_name = NULL, last_name = NULL, company_name = NULL, job_title = NULL, linkedin_url = NULL,
            message = NULL, notes = NULL, custom_fields = NULL,
            is_deleted = true, version = version + 1, updated_at = clock_timestamp()
        WHERE id = :lead_id AND company_id = :company_id
    """,
    done="anonymised and deleted; ids and counts stay",
)
_OF_THE_LEADS = "lead_id = ANY(CAST(:leads AS int[]))"


def _written(table: str, column: str, erase: str, done: str) -> Place:
    """Return the place of what people wrote of a lead: all of the person's own, and of others what names the person."""
    return Place(
        table=f"crm.{table}",
        columns=(column,),
        find=f"""
            SELECT id, {_OF_THE_LEADS} AS is_sure, {column} AS said FROM crm.{table}
            WHERE company_id = :company_id AND {column} <> '' AND ({_OF_THE_LEADS} OR {_may_name(column)})
        """,
        erase=erase,
        done=done,
    )


_AUDITED = "coalesce(before::text, '') || ' ' || coalesce(after::text, '')"
_NOTED = "coalesce(message, '') || ' ' || coalesce(notes, '') || ' ' || coalesce(custom_fields::text, '')"
OF_LEADS = (
    Place(
        table="crm.lead_search",
        columns=("folded", "words", "email", "phones"),
        find=f"""
            SELECT lead_id, true AS is_sure, '' AS said FROM crm.lead_search
            WHERE company_id = :company_id AND {_OF_THE_LEADS}
        """,
        erase="DELETE FROM crm.lead_search WHERE lead_id = :lead_id AND company_id = :company_id",
        done="deleted: the leads are found no more",
    ),
    Place(
        table="crm.lead_list_members",
        columns=(),
        find=f"""
            SELECT DISTINCT lead_id, true AS is_sure, '' AS said FROM crm.lead_list_members
            WHERE company_id = :company_id AND {_OF_THE_LEADS}
        """,
        erase="DELETE FROM crm.lead_list_members WHERE lead_id = :lead_id AND company_id = :company_id",
        done="the leads leave their lists",
    ),
    _written(
        "lead_activities",
        "description",
        "UPDATE crm.lead_activities SET description = '' WHERE id = :id AND company_id = :company_id",
        "emptied: that there was something, and when, stays",
    ),
    _written(
        "opportunities",
        "title",
        "UPDATE crm.opportunities SET title = '' WHERE id = :id AND company_id = :company_id",
        "the title is emptied",
    ),
    Place(
        table="crm.audit_log",
        columns=("before", "after"),
        find=f"""
            SELECT id, {_OF_THE_LEADS} AS is_sure, {_AUDITED} AS said FROM crm.audit_log
            WHERE company_id = :company_id AND action IN ('edit', 'create')
              AND (jsonb_path_exists(before, '$.* ? (@ != null)') OR jsonb_path_exists(after, '$.* ? (@ != null)'))
              AND ({_OF_THE_LEADS} OR {_may_name(_AUDITED)})
        """,
        erase="""
            UPDATE crm.audit_log
            SET before = (SELECT jsonb_object_agg(key, NULL) FROM jsonb_object_keys(before) key),
                after = (SELECT jsonb_object_agg(key, NULL) FROM jsonb_object_keys(after) key)
            WHERE id = :id AND company_id = :company_id
        """,
        done="values are emptied: who changed which fields, and when, stays",
    ),
    Place(
        table="amigocare.amigocare_leads",
        columns=("message", "notes", "custom_fields"),
        find=f"""
            SELECT id AS lead_id, {_NOTED} AS said FROM amigocare.amigocare_leads
            WHERE company_id = :company_id AND id <> ALL(CAST(:leads AS int[])) AND {_may_name(_NOTED)}
        """,
        erase="""
            UPDATE amigocare.amigocare_leads
            SET message = NULL, notes = NULL, custom_fields = NULL, version = version + 1,
                updated_at = clock_timestamp()
            WHERE id = :lead_id AND company_id = :company_id
        """,
        done="notes of other leads that name the person are emptied",
    ),
    LEADS,
)
"""What hangs on leads, and the leads: erased in one transaction, for by its lead the rest is found."""
CHUNKS = Place(
    table="amigocare.lead_import_chunks",
    columns=("payload",),
    find="""
        SELECT c.import_id, c.chunk_index, c.payload, c.settled_at IS NOT NULL AS is_settled
        FROM amigocare.lead_import_chunks c JOIN amigocare.lead_imports i ON i.id = c.import_id
        WHERE i.company_id = :company_id AND c.payload IS NOT NULL ORDER BY c.import_id, c.chunk_index
    """,
    erase="""
        UPDATE amigocare.lead_import_chunks SET payload = :payload
        WHERE import_id = :import_id AND chunk_index = :chunk_index AND settled_at IS NOT NULL AND payload IS NOT NULL
    """,
    done="taken out of the letter that a replay would send",
)
BEFORE_LEADS = (
    CHUNKS,
    Place(
        table="amigocare.lead_imports",
        columns=("corrections",),
        find=f"""
            SELECT i.id AS import_id, each.key AS row_number, each.value::text AS said
            FROM amigocare.lead_imports i CROSS JOIN LATERAL jsonb_each(i.corrections) each
            WHERE i.company_id = :company_id AND i.corrections IS NOT NULL AND {_may_name("each.value::text")}
            ORDER BY i.id
        """,
        erase="""
            UPDATE amigocare.lead_imports SET corrections = corrections - :row_number
            WHERE id = :import_id AND company_id = :company_id
        """,
        done="the corrections of the row are deleted",
    ),
    Place(
        table="amigocare.lead_import_rows",
        columns=("cells",),
        find=f"""
            SELECT r.import_id, r.row_number, r.cells::text AS said
            FROM amigocare.lead_import_rows r JOIN amigocare.lead_imports i ON i.id = r.import_id
            WHERE i.company_id = :company_id AND {_may_name("r.cells::text")}
            ORDER BY r.import_id, r.row_number
        """,
        erase="""
            UPDATE amigocare.lead_import_rows
            SET cells = (SELECT jsonb_agg(CAST('' AS text)) FROM jsonb_array_elements(cells))
            WHERE import_id = :import_id AND row_number = :row_number
        """,
        done="cells are emptied; number, outcome and reason stay",
    ),
    Place(
        table="amigocare.outbox",
        columns=("payload",),
        find=f"""
            SELECT id, convert_from(payload, 'UTF8') AS said FROM amigocare.outbox
            WHERE convert_from(payload, 'UTF8')::jsonb ->> 'company_id' = CAST(CAST(:company_id AS int) AS text)
              AND {_may_name("convert_from(payload, 'UTF8')")}
        """,
        erase=None,
        done="waits to be published; run this again when the outbox is empty",
        kind="open",
    ),
)
"""What a lead may come of, in the order in which it is erased: before the leads."""

PLACES = (*BEFORE_LEADS, *OF_LEADS)

CHAT_FIELDS_OF_A_PERSON = ("name", "contact_cellphone")

NOT_PERSONAL: dict[str, str] = {
    "amigocare.alembic_version.version_num": "a number of the schema",
    "amigocare.amigocare_leads.chat_id": "an id",
    "amigocare.amigocare_leads.contact_cellphone_country_code": "a country",
    "amigocare.amigocare_leads.contact_cellphone_dial_code": "a country",
    "amigocare.amigocare_leads.converted_from": "which part of the platform converted the lead",
    "amigocare.amigocare_leads.priority": "a code",
    "amigocare.amigocare_leads.status": "a code",
    "amigocare.chat_tags.chat_id": "an id",
    "amigocare.erasures.place": "a name of a place of this table",
    "amigocare.erasures.reference": "the number of a request, as the operator gives it: told to hold nothing personal",
    "amigocare.idempotency_keys.fingerprint": "a digest of a whole upload; kept for a day",
    "amigocare.idempotency_keys.key": "chosen by a program; kept for a day",
    "amigocare.idempotency_keys.response": "ids, totals and the name of an import; kept for a day",
    "amigocare.lead_channels.name": "a word of ours",
    "amigocare.lead_import_chunks.reasons": "counts by code",
    "amigocare.lead_import_kept.reason": "a code",
    "amigocare.lead_import_rows.detail": "words of ours about a code: what a row holds stands in its cells alone",
    "amigocare.lead_import_rows.outcome": "a code",
    "amigocare.lead_import_rows.reason": "a code",
    "amigocare.lead_import_undos.portion": "an id",
    "amigocare.lead_import_undos.through": "an id",
    "amigocare.lead_imports.failure_reason": "a code",
    "amigocare.lead_imports.file_name": "what the company calls its file",
    "amigocare.lead_imports.file_sha256": "a digest of a whole file",
    "amigocare.lead_imports.name": "what the company calls its import",
    "amigocare.lead_imports.options": "how a file was read: headers, separators, a trace's id",
    "amigocare.lead_imports.reasons": "counts by code",
    "amigocare.lead_imports.status": "a code",
    "amigocare.lead_sources.name": "where the platform has its leads from",
    "amigocare.outbox.headers": "ids and names of events",
    "amigocare.outbox.key": "an id",
    "amigocare.outbox.topic": "a topic",
    "amigocare.tags.name": "what a company calls a group of leads",
    "amigocare.whatsapp_answers.answer": "a code",
    "crm.access_log.shown": "a code",
    "crm.audit_log.action": "a code",
    "crm.capture_forms.key": "a key of the company's",
    "crm.capture_forms.name": "the company's words",
    "crm.capture_forms.origins": "addresses of the company's pages",
    "crm.capture_hits.hits": "times",
    "crm.field_definitions.key": "what a company calls a field",
    "crm.field_definitions.label": "what a company calls a field",
    "crm.field_definitions.type": "a code",
    "crm.idempotency_keys.fingerprint": "a digest of a whole call; kept for a day",
    "crm.idempotency_keys.key": "chosen by a program; kept for a day",
    "crm.lead_activities.activity_type": "a code",
    "crm.lead_lists.description": "what a company says of a list",
    "crm.lead_lists.name": "what a company calls a list",
    "crm.opportunities.currency": "a code",
    "crm.pipelines.name": "what a company calls a pipeline",
    "crm.stages.name": "what a company calls a stage",
}
"""Columns that can hold text and hold nobody, with the reason."""

OF_THE_PLATFORM = ("companies", "users", "messaging_accounts", "attendances", "patients")
"""Tables of the schema ``amigocare`` that the platform owns: whom they hold, it erases itself."""
