"""An import says which of its tags were deleted before all its leads had them."""

from alembic import op

revision = "imports_0005"
down_revision = "imports_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_import_tags ADD COLUMN left_out boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_import_tags DROP COLUMN left_out")
