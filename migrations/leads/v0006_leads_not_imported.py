"""Leads of the public form and of people's own hand, by their address: a second one of the same person is found."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0006"
down_revision = "leads_0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_not_imported",
        "amigocare_leads (company_id, lower(email), id) WHERE import_id IS NULL AND NOT is_deleted",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_not_imported")
