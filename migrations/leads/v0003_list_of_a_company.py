"""A company's leads, newest first. The other index that an imported lead enters.

It begins with an expression and has no condition, so that only the list takes it. The import's duplicate check asks for
a company's leads that are not deleted, too: where statistics are stale, an index that begins with the column, or that
holds only those leads, looks as good to the planner as the one of phones, and every chunk would read all of it.
"""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "leads_0003"
down_revision = "leads_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "amigocare_leads_list",
        "amigocare_leads (CAST(company_id AS bigint), id)",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.amigocare_leads_list")
