"""A second wall behind the queries: within a company's transaction only that company's rows exist.

``Postgres.transaction(company_id=…)`` takes the role ``leadflow_tenant`` and sets ``leadflow.company_id``.
The owner's own transactions (relay, finalizer, migrations) see everything.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

OF_A_COMPANY = ("lead_imports", "amigocare_leads", "tags", "chat_tags", "idempotency_keys")
OF_AN_IMPORT = ("lead_import_chunks", "lead_import_rows", "lead_import_tags")
SHARED = ("lead_sources", "lead_channels")
HOST = ("companies", "users", "messaging_accounts", "patients")

# A subselect: it is evaluated once a statement, not once a row.
COMPANY = "(SELECT nullif(current_setting('leadflow.company_id', true), '')::int)"


def upgrade() -> None:
    # Roles belong to the cluster: another database of it may have made this one.
    op.execute(
        """
        DO $$ BEGIN
            CREATE ROLE leadflow_tenant NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
        END $$
        """
    )
    op.execute("GRANT leadflow_tenant TO CURRENT_USER")
    op.execute("GRANT USAGE ON SCHEMA amigocare TO leadflow_tenant")
    op.execute("GRANT USAGE ON ALL SEQUENCES IN SCHEMA amigocare TO leadflow_tenant")
    for table in HOST + SHARED:
        op.execute(f"GRANT SELECT ON amigocare.{table} TO leadflow_tenant")
    op.execute("GRANT INSERT ON amigocare.outbox TO leadflow_tenant")
    for table in OF_A_COMPANY + OF_AN_IMPORT:
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON amigocare.{table} TO leadflow_tenant")
        op.execute(f"ALTER TABLE amigocare.{table} ENABLE ROW LEVEL SECURITY")
    for table in OF_A_COMPANY:
        op.execute(
            f"CREATE POLICY of_the_company ON amigocare.{table} TO leadflow_tenant USING (company_id = {COMPANY})"
        )
    for table in OF_AN_IMPORT:
        # The import itself is seen through its own policy.
        op.execute(
            f"CREATE POLICY of_the_company ON amigocare.{table} TO leadflow_tenant"
            f" USING (EXISTS (SELECT FROM amigocare.lead_imports i WHERE i.id = import_id))"
        )


def downgrade() -> None:
    for table in OF_A_COMPANY + OF_AN_IMPORT:
        op.execute(f"DROP POLICY of_the_company ON amigocare.{table}")
        op.execute(f"ALTER TABLE amigocare.{table} DISABLE ROW LEVEL SECURITY")
