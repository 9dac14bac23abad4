"""What an import needs that fills more than the five columns: the company's own fields and its lists.

Whoever puts a lead into a list locks it, so that it is not deleted meanwhile.
"""

from alembic import op

from migrations.service_roles import Grants, grant_to_service, open_by_company, role_of
from migrations.tenancy import make_role

revision = "leads_0015"
down_revision = "leads_0014"
branch_labels = None
depends_on = None

CRM = "crm"
GRANTS: Grants = {"field_definitions": ("SELECT",), "lead_lists": ("SELECT",)}


def upgrade() -> None:
    make_role(role_of("api"), schema=CRM)
    grant_to_service("api", GRANTS, schema=CRM)
    for table in GRANTS:
        open_by_company("api", table, everybodys=False, schema=CRM)
    grant_to_service("enroller", {"amigocare_leads": ("UPDATE (updated_at)",)})


def downgrade() -> None:
    op.execute(f"REVOKE UPDATE (updated_at) ON amigocare.amigocare_leads FROM {role_of('enroller')}")
    for table in GRANTS:
        op.execute(f"DROP POLICY of_api ON {CRM}.{table}")
