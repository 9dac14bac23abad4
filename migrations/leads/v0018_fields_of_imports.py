"""An import makes fields of the company's own, of columns that are no known field."""

from alembic import op

from migrations.service_roles import Grants, grant_to_service, role_of

revision = "leads_0018"
down_revision = "leads_0017"
branch_labels = None
depends_on = None

CRM = "crm"
GRANTS: Grants = {"field_definitions": ("INSERT",)}


def upgrade() -> None:
    grant_to_service("api", GRANTS, schema=CRM)


def downgrade() -> None:
    op.execute(f"REVOKE INSERT ON {CRM}.field_definitions FROM {role_of('api')}")
