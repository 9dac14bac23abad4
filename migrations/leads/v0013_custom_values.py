"""Leads by the values of a company's own fields: a plain import has none."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0013"
down_revision = "leads_0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_custom",
        "amigocare_leads USING gin (custom_fields jsonb_path_ops) WHERE custom_fields IS NOT NULL",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_custom")
