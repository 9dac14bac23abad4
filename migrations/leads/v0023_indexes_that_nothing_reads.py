"""The list has a wider index, and leads of a source are found by it, not among what the search has of them."""

from alembic import op

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0023"
down_revision = "leads_0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_list")
    drop_index_concurrently("crm.lead_search_source")


def downgrade() -> None:
    create_index_concurrently("amigocare_leads_list", "amigocare_leads (CAST(company_id AS bigint), id)")
    op.execute("CREATE INDEX IF NOT EXISTS lead_search_source ON crm.lead_search (company_id, source_id, lead_id)")
