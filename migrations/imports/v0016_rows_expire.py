"""An import says since when its rows are no longer told, and when the last of them was deleted."""

from alembic import op

revision = "imports_0016"
down_revision = "imports_0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "ALTER TABLE amigocare.lead_imports"
        " ADD COLUMN rows_expired_at timestamptz, ADD COLUMN rows_emptied_at timestamptz"
    )


def downgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_imports DROP COLUMN rows_expired_at, DROP COLUMN rows_emptied_at")
