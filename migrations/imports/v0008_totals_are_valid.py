"""The totals of imports that ended before the constraint was there hold, too: looked at while others read and write."""

from alembic import op

revision = "imports_0008"
down_revision = "imports_0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_imports VALIDATE CONSTRAINT lead_imports_totals")


def downgrade() -> None:
    pass
