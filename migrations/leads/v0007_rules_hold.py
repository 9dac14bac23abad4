"""The rules of leads_0001 hold for the rows from before, too: looked at while others read and write."""

from alembic import op

revision = "leads_0007"
down_revision = "leads_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for rule in ("amigocare_leads_imported", "amigocare_leads_status", "amigocare_leads_priority"):
        op.execute(f"ALTER TABLE amigocare.amigocare_leads VALIDATE CONSTRAINT {rule}")


def downgrade() -> None:
    pass
