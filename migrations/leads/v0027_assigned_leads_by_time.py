"""Leads that somebody has been given, in the list's order: a plain import has none."""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0027"
down_revision = "leads_0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_of_colleague",
        "amigocare_leads (company_id, assigned_to, created_at, id) WHERE assigned_to IS NOT NULL AND NOT is_deleted",
    )


def downgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_of_colleague")
