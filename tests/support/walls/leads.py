"""The tables of leads behind the wall between companies."""

from collections.abc import Callable

from tests.support.kafka import unique
from tests.support.platform import Tenant
from tests.support.walls import Statement, Walled

_LEAD = "(SELECT l.id FROM amigocare.amigocare_leads l WHERE l.company_id = :c ORDER BY l.id LIMIT 1)"


def insert(table: str, columns: str, values: str, *, before: str = "", after: str = "") -> Callable[..., Statement]:
    """Return a maker of rows. ``before`` makes what they refer to, in the same statement."""

    def row(tenant: Tenant, import_id: int, number: int) -> Statement:
        return f"{before}INSERT INTO crm.{table} (company_id, {columns}) VALUES (:c, {values}){after}", {
            "c": tenant.company_id,
            "u": tenant.user_id,
            "s": tenant.source_id,
            "k": unique(str(number))[-60:],
            "n": number,
        }

    return row


_A_LIST = "WITH made AS (INSERT INTO crm.lead_lists (company_id, name, created_by) VALUES (:c, :k, :u) RETURNING id) "
_A_PIPELINE = "WITH made AS (INSERT INTO crm.pipelines (company_id, name) VALUES (:c, :k) RETURNING id) "
_A_STAGE = (
    _A_PIPELINE.rstrip() + ", stage AS (INSERT INTO crm.stages (company_id, pipeline_id, name, position)"
    " SELECT :c, id, 'x', 0 FROM made RETURNING id) "
)
TABLES = {
    "crm.audit_log": Walled(insert("audit_log", "lead_id, action", "1, 'status'")),
    "crm.access_log": Walled(insert("access_log", "lead_id, user_id, at", "1, :u, now()")),
    "crm.capture_forms": Walled(insert("capture_forms", "key", ":k")),
    "crm.capture_hits": Walled(
        insert("capture_hits", "address, hits", "(CAST('10.0.0.0' AS inet) + CAST(:n AS int))::cidr, ARRAY[now()]")
    ),
    "crm.field_definitions": Walled(
        insert("field_definitions", "key, label, type, created_by", ":k, 'x', 'string', :u")
    ),
    "crm.idempotency_keys": Walled(insert("idempotency_keys", "key, fingerprint", ":k, repeat('0', 64)")),
    "crm.lead_activities": Walled(
        insert("lead_activities", "lead_id, activity_type, description", f"{_LEAD}, 'note_added', 'x'")
    ),
    "crm.lead_list_members": Walled(
        insert("lead_list_members", "list_id, lead_id", f"(SELECT id FROM made), {_LEAD}", before=_A_LIST)
    ),
    "crm.lead_lists": Walled(insert("lead_lists", "name, created_by", ":k, :u"), referred_to=True),
    "crm.lead_search": Walled(
        insert(
            "lead_search",
            "lead_id, folded, words, source_id",
            f"{_LEAD}, 'x', to_tsvector('simple', 'x'), :s",
            after=" ON CONFLICT (lead_id) DO UPDATE SET folded = 'y'",
        )
    ),
    "crm.opportunities": Walled(
        insert(
            "opportunities",
            "lead_id, stage_id, title, currency, created_by",
            f"{_LEAD}, (SELECT id FROM stage), 'x', 'BRL', :u",
            before=_A_STAGE,
            after=" ON CONFLICT (lead_id) DO UPDATE SET title = 'y'",
        )
    ),
    "crm.pipelines": Walled(insert("pipelines", "name", ":k"), referred_to=True),
    "crm.stages": Walled(
        insert("stages", "pipeline_id, name, position", "(SELECT id FROM made), 'x', 0", before=_A_PIPELINE),
        referred_to=True,
    ),
}
