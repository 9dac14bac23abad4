"""What is written of a lead can be forgotten; and whoever takes leads back takes them out of their lists.

How many leads a list has is counted by the database, whoever puts them in or takes them out.
"""

from alembic import op

from migrations.service_roles import grant_to_service, open_by_company, role_of
from migrations.tenancy import make_role

revision = "leads_0012"
down_revision = "leads_0011"
branch_labels = None
depends_on = None

CRM = "crm"

# Lists are locked in the order of their ids: two who change the same ones do not wait for each other in a circle.
COUNT = """
    CREATE FUNCTION crm.count_members() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $$
    BEGIN
        PERFORM FROM crm.lead_lists WHERE id IN (SELECT list_id FROM changed) ORDER BY id FOR NO KEY UPDATE;
        UPDATE crm.lead_lists l
        SET lead_count = l.lead_count + CASE TG_OP WHEN 'INSERT' THEN given.members ELSE -given.members END,
            updated_at = clock_timestamp()
        FROM (SELECT list_id, count(*)::int AS members FROM changed GROUP BY list_id) given
        WHERE l.id = given.list_id;
        RETURN NULL;
    END
    $$
"""
UPGRADE = (
    COUNT,
    """
    CREATE TRIGGER members_added AFTER INSERT ON crm.lead_list_members REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION crm.count_members()
    """,
    """
    CREATE TRIGGER members_removed AFTER DELETE ON crm.lead_list_members REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION crm.count_members()
    """,
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    grant_to_service("leads", {"lead_activities": ("UPDATE (description)",)}, schema=CRM)
    grant_to_service("leads", {"audit_log": ("UPDATE (before, after)",)}, schema=CRM)
    make_role(role_of("undoer"), schema=CRM)
    grants = {"lead_list_members": ("SELECT", "DELETE"), "lead_lists": ("SELECT", "UPDATE (lead_count, updated_at)")}
    grant_to_service("undoer", grants, schema=CRM)
    for table in grants:
        open_by_company("undoer", table, everybodys=False, schema=CRM)


def downgrade() -> None:
    for table in ("lead_lists", "lead_list_members"):
        op.execute(f"DROP POLICY of_undoer ON crm.{table}")
    op.execute("DROP TRIGGER members_removed ON crm.lead_list_members")
    op.execute("DROP TRIGGER members_added ON crm.lead_list_members")
    op.execute("DROP FUNCTION crm.count_members()")
