"""Who was shown a lead, and which addresses used a form, are forgotten when their time is over, whosever they are.

``leads`` may neither change nor delete what it has written down of anybody. These functions work as the owner of the
tables and hold to the time themselves: what is younger than a day, or of the last hour, stays whatever is asked for.
"""

from alembic import op

from migrations.service_roles import role_of

revision = "leads_0021"
down_revision = "leads_0020"
branch_labels = None
depends_on = None

# By the order of writing, which is that of time but for a moment: an index on the time would cost each page of a list.
_ACCESS = """
    WITH oldest AS MATERIALIZED (
        SELECT a.id, a.at FROM crm.access_log a ORDER BY a.id LIMIT most FOR UPDATE SKIP LOCKED
    ), forgotten AS (
        DELETE FROM crm.access_log a USING oldest
        WHERE a.id = oldest.id AND oldest.at < now() - greatest(older, interval '1 day') RETURNING 1
    )
    SELECT count(*)::int FROM forgotten
"""
_HITS = """
    WITH forgotten AS (
        DELETE FROM crm.capture_hits h WHERE (h.company_id, h.address) IN (
            SELECT o.company_id, o.address FROM crm.capture_hits o
            WHERE o.last_at < now() - interval '1 hour' LIMIT most FOR UPDATE SKIP LOCKED) RETURNING 1
    )
    SELECT count(*)::int FROM forgotten
"""
FUNCTIONS = {"crm.forget_access(older interval, most int)": _ACCESS, "crm.forget_hits(most int)": _HITS}


def upgrade() -> None:
    for function, body in FUNCTIONS.items():
        op.execute(
            f"CREATE FUNCTION {function} RETURNS int LANGUAGE sql VOLATILE SECURITY DEFINER"
            f" SET search_path = pg_catalog, pg_temp AS $${body}$$"
        )
        op.execute(f"REVOKE EXECUTE ON FUNCTION {function} FROM PUBLIC")
        op.execute(f"GRANT EXECUTE ON FUNCTION {function} TO {role_of('leads')}")


def downgrade() -> None:
    for function in FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
