"""Leads that somebody has been given: a plain import has none."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0005"
down_revision = "leads_0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_assigned",
        "amigocare_leads (company_id, assigned_to, id) WHERE assigned_to IS NOT NULL AND NOT is_deleted",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_assigned")
