"""The import's tables behind the wall between companies."""

from collections.abc import Callable

from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.walls import Statement, Walled


def insert(statement: str) -> Callable[[Tenant, int, int], Statement]:
    """Return a maker of rows: the statement, and what any of them may name."""

    def row(tenant: Tenant, import_id: int, number: int) -> Statement:
        return f"INSERT INTO amigocare.{statement}", {
            "c": tenant.company_id,
            "u": tenant.user_id,
            "a": tenant.account_id,
            "s": tenant.source_id,
            "t": tenant.tag_ids[number],
            "i": import_id,
            "k": unique(str(number)),
            "n": 100 + number,
        }

    return row


TABLES = {
    "lead_imports": Walled(
        insert(
            "lead_imports (name, creator_id, company_id, source_id, account_id, total_rows, chunk_count, file_sha256)"
            " VALUES (:k, :u, :c, :s, :a, 1, 1, repeat('0', 64))"
        ),
        referred_to=True,
    ),
    "amigocare_leads": Walled(
        insert(
            "amigocare_leads (contact_cellphone, source_id, channel_id, import_id, company_id,"
            " amigocare_messaging_account_id, creator_id)"
            " VALUES (:k, :s, (SELECT id FROM amigocare.lead_channels LIMIT 1), :i, :c, :a, :u)"
        ),
        referred_to=True,
    ),
    "tags": Walled(insert("tags (name, company_id, creator_id) VALUES (:k, :c, :u)"), referred_to=True),
    "chat_tags": Walled(
        insert(
            "chat_tags (chat_id, tag_id, lead_id, company_id, creator_id)"
            " SELECT :k, :t, l.id, :c, :u FROM amigocare.amigocare_leads l WHERE l.company_id = :c LIMIT 1"
        )
    ),
    "erasures": Walled(insert("erasures (company_id, place, rows) VALUES (:c, :k, 1)")),
    "idempotency_keys": Walled(
        insert(
            "idempotency_keys (company_id, key, fingerprint, import_id, response)"
            " VALUES (:c, :k, repeat('0', 64), :i, '{}')"
        )
    ),
    "lead_import_chunks": Walled(
        insert("lead_import_chunks (import_id, chunk_index, row_count, payload) VALUES (:i, :n, 1, 'x')"), "import_id"
    ),
    "lead_import_rows": Walled(
        insert(
            "lead_import_rows (import_id, row_number, chunk_index, outcome, reason, detail, cells)"
            " VALUES (:i, :n, 0, 'error', 'phone_invalid', '', '[]')"
        ),
        "import_id",
    ),
    "lead_import_tags": Walled(
        insert("lead_import_tags (import_id, tag_id, created_here) VALUES (:i, :t, false)"),
        "import_id",
    ),
    "lead_import_kept": Walled(
        insert("lead_import_kept (import_id, lead_id, reason) VALUES (:i, :n, 'lead_changed')"), "import_id"
    ),
    "lead_import_undos": Walled(
        insert(
            "lead_import_undos (import_id, requester_id, total) VALUES (:i, :u, 0)"
            " ON CONFLICT (import_id) DO UPDATE SET total = 1"
        ),
        "import_id",
    ),
    "whatsapp_answers": Walled(
        insert("whatsapp_answers (import_id, row_number, tries) VALUES (:i, :n, 1)"), "import_id"
    ),
}
