"""Imports that are canceled while they run, or taken back after their end.

No foreign key for who did it: on leads it would be checked for every row that an import makes, and on the others it
would lock the platform's users.
"""

from alembic import op

from migrations.service_roles import Grants, open_granted, role_of
from migrations.tenancy import SCHEMA, make_role, take_wall_down, wall_by_import

revision = "imports_0013"
down_revision = "imports_0012"
branch_labels = None
depends_on = None

ENDED = ("SELECT", "UPDATE (is_deleted, updated_at, destroyer_id)")
"""Read, locked and soft-deleted."""

GRANTS: dict[str, Grants] = {
    "api": {
        "lead_import_undos": ("SELECT", "INSERT"),
        "lead_import_kept": ("SELECT",),
    },
    "finalizer": {"amigocare_leads": ("SELECT",)},
    "operator": {"lead_import_undos": ("SELECT",)},
    "undoer": {
        "lead_imports": ("SELECT",),
        "lead_import_tags": ("SELECT",),
        "lead_import_undos": ("SELECT", "UPDATE"),
        "lead_import_kept": ("SELECT", "INSERT"),
        "amigocare_leads": ENDED,
        "chat_tags": ENDED,
        "tags": ENDED,
        "outbox": ("INSERT",),
    },
}
FOR_EVERYBODY = ("api", "finalizer", "operator")
OF_A_COMPANY = ("lead_imports", "amigocare_leads", "tags", "chat_tags")
OF_AN_IMPORT = ("lead_import_tags", "lead_import_undos", "lead_import_kept")

UPGRADE = (
    """
    ALTER TABLE amigocare.lead_imports
        ADD COLUMN cancel_requested_at timestamptz,
        ADD COLUMN canceler_id int,
        ADD COLUMN total_canceled int NOT NULL DEFAULT 0
    """,
    "ALTER TABLE amigocare.amigocare_leads ADD COLUMN destroyer_id int",
    """
    CREATE TABLE amigocare.lead_import_undos (
        import_id int PRIMARY KEY REFERENCES amigocare.lead_imports,
        requester_id int NOT NULL,
        requested_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        total int NOT NULL,
        reversed int NOT NULL DEFAULT 0,
        kept int NOT NULL DEFAULT 0,
        failed int NOT NULL DEFAULT 0,
        -- The greatest chat id of the leads that are done with, and of the portion in work, whose leads are taken back
        -- and whose chats may still be there.
        through varchar(24) NOT NULL DEFAULT '',
        portion varchar(24),
        CHECK (finished_at IS NULL OR reversed + kept + failed = total)
    )
    """,
    """
    CREATE TABLE amigocare.lead_import_kept (
        import_id int NOT NULL REFERENCES amigocare.lead_imports,
        lead_id int NOT NULL,
        row_number int,
        reason varchar(64) NOT NULL,
        PRIMARY KEY (import_id, lead_id)
    )
    """,
)


def upgrade() -> None:
    for statement in UPGRADE:
        op.execute(statement)
    for table in ("lead_import_undos", "lead_import_kept"):
        wall_by_import(table)
    make_role(role_of("undoer"))
    for service, grants in GRANTS.items():
        open_granted(
            service,
            grants,
            of_a_company=OF_A_COMPANY,
            of_an_import=OF_AN_IMPORT,
            wholly=("outbox",),
            everybodys=service in FOR_EVERYBODY,
        )


def downgrade() -> None:
    for service, grants in GRANTS.items():
        for table in grants:
            op.execute(f"DROP POLICY of_{service} ON {SCHEMA}.{table}")
    for table in ("lead_import_kept", "lead_import_undos"):
        take_wall_down(table)
        op.execute(f"DROP TABLE {SCHEMA}.{table}")
    op.execute("ALTER TABLE amigocare.amigocare_leads DROP COLUMN destroyer_id")
    op.execute(
        "ALTER TABLE amigocare.lead_imports"
        " DROP COLUMN cancel_requested_at, DROP COLUMN canceler_id, DROP COLUMN total_canceled"
    )
