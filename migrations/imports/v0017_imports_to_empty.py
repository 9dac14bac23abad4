"""Whoever empties imports finds the one that ended first; those that are empty are not in this index."""

from alembic import op

from migrations.indexes import create_index_concurrently

revision = "imports_0017"
down_revision = "imports_0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index_concurrently(
        "lead_imports_to_empty",
        "lead_imports (finished_at) WHERE finished_at IS NOT NULL"
        " AND (rows_emptied_at IS NULL OR rows_emptied_at < finished_at)",
    )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.execute("DROP INDEX CONCURRENTLY amigocare.lead_imports_to_empty")
