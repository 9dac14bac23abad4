"""What the operator's role needs to erase a person from what people do with leads, and to say so."""

from alembic import op

from migrations.service_roles import Grants, grant_to_service, open_by_company, role_of
from migrations.tenancy import make_role

revision = "leads_0014"
down_revision = "leads_0013"
branch_labels = None
depends_on = "imports_0018"

CRM = "crm"
GRANTS: Grants = {
    "lead_activities": ("SELECT", "UPDATE (description)"),
    "lead_list_members": ("SELECT", "DELETE"),
    "lead_lists": ("SELECT", "UPDATE (lead_count, updated_at)"),
    "lead_search": ("SELECT", "DELETE"),
    "opportunities": ("SELECT", "UPDATE (title)"),
    "audit_log": ("SELECT", "UPDATE (before, after)"),
}
LEAD = (
    "first_name, last_name, company_name, job_title, linkedin_url, phone_as_written, message, notes, custom_fields,"
    " version"
)


def upgrade() -> None:
    make_role(role_of("operator"), schema=CRM)
    grant_to_service("operator", {"amigocare_leads": (f"UPDATE ({LEAD})",), "outbox": ("INSERT",)})
    grant_to_service("operator", GRANTS, schema=CRM)
    for table in GRANTS:
        open_by_company("operator", table, everybodys=True, schema=CRM)


def downgrade() -> None:
    for table in GRANTS:
        op.execute(f"DROP POLICY of_operator ON {CRM}.{table}")
    op.execute(f"REVOKE UPDATE ({LEAD}) ON amigocare.amigocare_leads FROM leadflow_operator")
    op.execute("REVOKE INSERT ON amigocare.outbox FROM leadflow_operator")
