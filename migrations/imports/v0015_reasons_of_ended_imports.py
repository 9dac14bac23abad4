"""An ended import says its reasons itself: a look at it then reads none of its chunks."""

from alembic import op

revision = "imports_0015"
down_revision = "imports_0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Null: of an import that ended before they were kept, or has a chunk of which none were; its rows are counted then.
    op.execute("ALTER TABLE amigocare.lead_imports ADD COLUMN reasons jsonb")


def downgrade() -> None:
    op.execute("ALTER TABLE amigocare.lead_imports DROP COLUMN reasons")
