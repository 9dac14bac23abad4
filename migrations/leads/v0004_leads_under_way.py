"""Leads that somebody has begun with, by where they are: a plain import has none."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0004"
down_revision = "leads_0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_under_way",
        "amigocare_leads (company_id, status, id) WHERE status <> 'new' AND NOT is_deleted",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_under_way")
