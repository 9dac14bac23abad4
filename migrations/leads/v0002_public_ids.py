"""A lead is known outside by its UUID. One of the two indexes here that an imported lead enters."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0002"
down_revision = "leads_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_public",
        "amigocare_leads (public_id)",
        unique=True,
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_public")
