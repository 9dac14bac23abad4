"""The list goes by time: its indexes by the leads' numbers are read by nothing."""

from migrations.indexes import create_index_concurrently, drop_index_concurrently

revision = "leads_0028"
down_revision = "leads_0027"
branch_labels = None
depends_on = None

INDEXES = (
    (
        "amigocare_leads_of_company",
        "amigocare_leads (CAST(company_id AS bigint), id) INCLUDE (company_id, created_at, source_id, is_deleted)",
    ),
    (
        "amigocare_leads_under_way",
        "amigocare_leads (company_id, status, id) WHERE status <> 'new' AND NOT is_deleted",
    ),
    (
        "amigocare_leads_assigned",
        "amigocare_leads (company_id, assigned_to, id) WHERE assigned_to IS NOT NULL AND NOT is_deleted",
    ),
)


def upgrade() -> None:
    for name, _ in INDEXES:
        drop_index_concurrently(f"amigocare.{name}")


def downgrade() -> None:
    for name, on in INDEXES:
        create_index_concurrently(name, on)
