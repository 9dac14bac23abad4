"""Leads that somebody has begun with, by where they are, in the list's order: a plain import has none."""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0026"
down_revision = "leads_0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_in_status",
        "amigocare_leads (company_id, status, created_at, id) WHERE status <> 'new' AND NOT is_deleted",
    )


def downgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_in_status")
