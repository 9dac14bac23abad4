"""A role for each service, with the rights of its store, so that none need own the tables or work as who does.

Processes that log in as the owner go on as before: to an owner no policy applies, and ``row_security_active`` of the
outbox tells ``Postgres.transaction`` that a company's transaction must take the role of the tenants.
"""

from alembic import op

from migrations.service_roles import Grants, open_granted, role_of
from migrations.tenancy import SCHEMA, TENANT, grant_on_sequences, make_role

revision = "imports_0009"
down_revision = "imports_0008"
branch_labels = None
depends_on = None

EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")
LOCKED = ("SELECT", "UPDATE (updated_at)")
"""Read and locked: a row lock asks for the right to change a column."""
HELD = ("SELECT", "UPDATE (sent_count)")
"""As above, of chunks, which have no ``updated_at``: their count of sendings is for people's eyes alone."""

GRANTS: dict[str, Grants] = {
    "api": {
        "messaging_accounts": ("SELECT",),
        "users": ("SELECT",),
        "lead_sources": ("SELECT",),
        "tags": LOCKED,
        "lead_imports": ("SELECT", "INSERT", "UPDATE"),
        "lead_import_chunks": ("SELECT", "INSERT", "UPDATE"),
        "lead_import_rows": ("SELECT",),
        "lead_import_tags": ("SELECT", "INSERT"),
        "idempotency_keys": EVERYTHING,
        "outbox": EVERYTHING,
    },
    "dedup": {"lead_imports": ("SELECT",), "amigocare_leads": ("SELECT",), "patients": ("SELECT",)},
    "tagger": {
        "lead_imports": LOCKED,
        "lead_import_chunks": HELD,
        "tags": ("SELECT", "INSERT", "UPDATE (updated_at)"),
        "lead_import_tags": ("SELECT", "INSERT", "UPDATE (left_out)"),
    },
    "creator": {
        "lead_imports": LOCKED,
        "lead_import_chunks": HELD,
        "lead_import_tags": ("SELECT", "UPDATE (left_out)"),
        "lead_channels": ("SELECT",),
        "tags": LOCKED,
        "amigocare_leads": ("SELECT", "INSERT", "DELETE"),
        "chat_tags": ("SELECT", "INSERT", "DELETE"),
        "whatsapp_answers": EVERYTHING,
    },
    "finalizer": {
        "lead_imports": ("SELECT", "UPDATE"),
        "lead_import_chunks": ("SELECT", "UPDATE"),
        "lead_import_rows": ("SELECT", "INSERT", "DELETE"),
        "lead_import_tags": ("SELECT",),
        "tags": ("SELECT", "UPDATE (is_deleted, updated_at, destroyer_id)"),
        "chat_tags": ("SELECT",),
        "outbox": EVERYTHING,
    },
    "operator": {
        "lead_imports": ("SELECT", "UPDATE"),
        "lead_import_chunks": ("SELECT", "UPDATE"),
        "lead_import_rows": ("SELECT", "DELETE"),
    },
}
FOR_EVERYBODY = ("api", "finalizer", "operator")
"""They also work for no company: the relay, the end of imports, repair."""
OF_A_COMPANY = ("lead_imports", "amigocare_leads", "tags", "chat_tags", "idempotency_keys")
OF_AN_IMPORT = ("lead_import_chunks", "lead_import_rows", "lead_import_tags", "whatsapp_answers")


def upgrade() -> None:
    op.execute(f"ALTER TABLE {SCHEMA}.outbox ENABLE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY of_the_company ON {SCHEMA}.outbox FOR INSERT TO {TENANT} WITH CHECK (true)")
    for service, grants in GRANTS.items():
        make_role(role_of(service))
        open_granted(
            service,
            grants,
            of_a_company=OF_A_COMPANY,
            of_an_import=OF_AN_IMPORT,
            wholly=("outbox",),
            everybodys=service in FOR_EVERYBODY,
        )
    # The id of an import is taken before its row is written.
    op.execute(f"GRANT USAGE ON SEQUENCE {SCHEMA}.lead_imports_id_seq TO {role_of('api')}")
    # The finalizer looks how full they are.
    grant_on_sequences(role_of("finalizer"), "SELECT")


def downgrade() -> None:
    for service, grants in GRANTS.items():
        for table in grants:
            if table in (*OF_A_COMPANY, *OF_AN_IMPORT, "outbox"):
                op.execute(f"DROP POLICY of_{service} ON {SCHEMA}.{table}")
    op.execute(f"DROP POLICY of_the_company ON {SCHEMA}.outbox")
    op.execute(f"ALTER TABLE {SCHEMA}.outbox DISABLE ROW LEVEL SECURITY")
