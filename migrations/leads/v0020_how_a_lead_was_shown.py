"""``crm.access_log`` says how a lead was shown: alone, in a list, in an export."""

from alembic import op

revision = "leads_0020"
down_revision = "leads_0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE crm.access_log ADD COLUMN shown varchar(8) NOT NULL DEFAULT 'lead'"
        " CHECK (shown IN ('lead', 'list', 'export'))"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE crm.access_log DROP COLUMN shown")
