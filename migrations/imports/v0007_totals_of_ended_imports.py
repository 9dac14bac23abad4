"""An import that has ended says what became of each of its rows; those from before are looked at in the next."""

from alembic import op

revision = "imports_0007"
down_revision = "imports_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        """
        ALTER TABLE amigocare.lead_imports ADD CONSTRAINT lead_imports_totals
            CHECK (status = 'PROCESSING' OR total_created + total_existing + total_errors = total_rows) NOT VALID
        """
    )


def downgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_imports DROP CONSTRAINT lead_imports_totals")
