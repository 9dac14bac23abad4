"""A second wall behind the queries: within a company's transaction only that company's rows exist."""

from migrations.tenancy import (
    grant_on_sequences,
    grant_to_tenants,
    make_tenant_role,
    take_wall_down,
    wall_by_company,
    wall_by_import,
)

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OF_A_COMPANY = ("lead_imports", "amigocare_leads", "tags", "chat_tags", "idempotency_keys")
OF_AN_IMPORT = ("lead_import_chunks", "lead_import_rows", "lead_import_tags")
SHARED = ("lead_sources", "lead_channels")
HOST = ("companies", "users", "messaging_accounts", "patients")


def upgrade() -> None:
    make_tenant_role()
    grant_on_sequences("leadflow_tenant")
    for table in HOST + SHARED:
        grant_to_tenants(table, "SELECT")
    grant_to_tenants("outbox", "INSERT")
    for table in OF_A_COMPANY:
        wall_by_company(table)
    for table in OF_AN_IMPORT:
        wall_by_import(table)


def downgrade() -> None:
    for table in OF_A_COMPANY + OF_AN_IMPORT:
        take_wall_down(table)
