"""``Idempotency-Key`` of a lead that a user makes: which lead the first call made. Kept for a day."""

from alembic import op

from migrations.service_roles import grant_to_service, open_by_company
from migrations.tenancy import TENANT, make_role, wall_by_company

revision = "leads_0016"
down_revision = "leads_0015"
branch_labels = None
depends_on = None

CRM = "crm"
TABLE = "idempotency_keys"
UPGRADE = (
    """
    CREATE TABLE crm.idempotency_keys (
        company_id int NOT NULL REFERENCES amigocare.companies,
        key varchar(255) NOT NULL,
        fingerprint char(64) NOT NULL,
        lead_id int REFERENCES amigocare.amigocare_leads ON DELETE CASCADE,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (company_id, key)
    )
    """,
    "CREATE INDEX idempotency_keys_age ON crm.idempotency_keys (created_at)",
    "CREATE INDEX idempotency_keys_lead ON crm.idempotency_keys (lead_id)",
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    make_role(TENANT, schema=CRM)
    wall_by_company(TABLE, schema=CRM)
    grant_to_service("leads", {TABLE: ("SELECT", "INSERT", "UPDATE", "DELETE")}, schema=CRM)
    open_by_company("leads", TABLE, everybodys=False, schema=CRM)


def downgrade() -> None:
    op.execute(f"DROP TABLE {CRM}.{TABLE}")
