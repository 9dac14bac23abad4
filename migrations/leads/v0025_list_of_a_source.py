"""A company's leads of one source, in the list's order: one that few leads have led past all the others."""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0025"
down_revision = "leads_0024"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_of_source",
        "amigocare_leads (CAST(company_id AS bigint), source_id, created_at, id) INCLUDE (company_id, is_deleted)",
    )


def downgrade() -> None:
    drop_index_concurrently("amigocare.amigocare_leads_of_source")
