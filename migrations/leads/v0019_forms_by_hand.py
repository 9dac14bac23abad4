"""Forms that users make: an id to name one by, a name, and a key that the database gives.

``leads`` still reads whose a form is before it knows the company; it writes those of a company alone.
"""

from alembic import op

from migrations.service_roles import NO_COMPANY, grant_to_service, role_of
from migrations.tenancy import COMPANY

revision = "leads_0019"
down_revision = "leads_0018"
branch_labels = None
depends_on = None

TABLE = "crm.capture_forms"
LEADS = role_of("leads")
UPGRADE = (
    f"ALTER TABLE {TABLE} ADD COLUMN id uuid NOT NULL DEFAULT uuidv7()",
    f"ALTER TABLE {TABLE} ADD COLUMN name varchar(255) NOT NULL DEFAULT 'Form'",
    f"ALTER TABLE {TABLE} ADD COLUMN created_by int",
    f"ALTER TABLE {TABLE} ALTER COLUMN key SET DEFAULT replace(gen_random_uuid()::text, '-', '')",
    f"CREATE UNIQUE INDEX capture_forms_id ON {TABLE} (id)",
    f"CREATE INDEX capture_forms_company ON {TABLE} (company_id)",
    # A policy for all commands would let it write every row while no company is set.
    f"DROP POLICY of_leads ON {TABLE}",
    f"CREATE POLICY of_leads ON {TABLE} TO {LEADS} USING (company_id = {COMPANY})",
    f"CREATE POLICY seen_by_leads ON {TABLE} FOR SELECT TO {LEADS} USING ({NO_COMPANY})",
)
DOWNGRADE = (
    f"DROP POLICY seen_by_leads ON {TABLE}",
    f"DROP POLICY of_leads ON {TABLE}",
    f"CREATE POLICY of_leads ON {TABLE} TO {LEADS} USING ({NO_COMPANY} OR company_id = {COMPANY})",
    f"REVOKE INSERT, UPDATE, DELETE ON {TABLE} FROM {LEADS}",
    "DROP INDEX crm.capture_forms_company",
    "DROP INDEX crm.capture_forms_id",
    f"ALTER TABLE {TABLE} ALTER COLUMN key DROP DEFAULT",
    f"ALTER TABLE {TABLE} DROP COLUMN created_by",
    f"ALTER TABLE {TABLE} DROP COLUMN name",
    f"ALTER TABLE {TABLE} DROP COLUMN id",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    grant_to_service("leads", {"capture_forms": ("INSERT", "UPDATE (name, origins)", "DELETE")}, schema="crm")


def downgrade() -> None:
    for statement in DOWNGRADE:
        op.execute(statement)
